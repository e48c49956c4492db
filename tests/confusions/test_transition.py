from __future__ import annotations

import numpy as np
import pytest

from curv_issues.confusions.transition import fit_transition, flat_transition, shrunk

K = 5


def noisy(transition: np.ndarray, *, n: int = 4_000, sharpness: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log-probabilities of the classes, given labels and true classes."""
    rng = np.random.default_rng(0)
    k = len(transition)
    logits = rng.normal(size=(n, k)) * sharpness
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = np.array([rng.choice(k, p=row) for row in probabilities])
    given = np.array([rng.choice(k, p=transition[c]) for c in true])
    return np.log(probabilities), given, true


def with_errors(*pairs: tuple[int, int, float]) -> np.ndarray:
    """Return a transition matrix with these rates from one class to another."""
    found = np.eye(K)
    for true, given, rate in pairs:
        found[true, given] += rate
        found[true, true] -= rate
    return found


def test_rates_between_classes_are_found() -> None:
    transition = with_errors((0, 1, 0.3), (2, 3, 0.2))
    scores, given, _ = noisy(transition)
    found = fit_transition(scores, given)
    np.testing.assert_allclose(found, transition, atol=0.06)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found > 0).all()


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_the_rate_of_uniform_errors_is_found_and_the_matrix_is_flat(rate: float) -> None:
    scores, given, _ = noisy(flat_transition(K, rate))
    found = fit_transition(scores, given)
    off = found[~np.eye(K, dtype=bool)]
    assert 1 - np.diag(found).mean() == pytest.approx(rate, abs=0.03)
    assert off.max() - off.min() < 0.01 + 0.15 * rate


def test_scores_that_are_not_calibrated_do_not_matter() -> None:
    scores, given, _ = noisy(with_errors((0, 1, 0.3)))
    np.testing.assert_allclose(fit_transition(3 * scores, given), fit_transition(scores, given), atol=0.01)


def test_ambiguous_samples_are_no_errors() -> None:
    scores, given, _ = noisy(np.eye(K), sharpness=2.0)
    assert (scores.argmax(axis=1) != given).mean() > 0.2
    assert 1 - np.diag(fit_transition(scores, given)).mean() < 0.03


def test_counts_that_differ_by_chance_are_drawn_to_their_mean() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(10, size=(K, K)).astype(float)
    np.fill_diagonal(counts, 960)
    off = ~np.eye(K, dtype=bool)
    assert shrunk(counts)[off].std() < 0.3 * (counts / counts.sum(axis=1, keepdims=True))[off].std()
    counts[0, 1] = 300
    assert shrunk(counts)[0, 1] == pytest.approx(300 / counts[0].sum(), rel=0.05)


def test_a_class_without_samples_gets_the_mean_rate() -> None:
    counts = np.array([[90.0, 10, 0], [10, 90, 0], [0, 0, 0]])
    found = shrunk(counts)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.isfinite(found).all()


def test_two_classes_and_few_samples() -> None:
    scores = np.log([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    found = fit_transition(scores, np.array([0, 1, 0, 1]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_part_of_the_samples_is_not_of_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.confusions.transition.MOST_FITTED", 800)
    monkeypatch.setattr("curv_issues.confusions.calibration.MOST_FITTED", 800)
    transition = with_errors((0, 1, 0.3))
    scores, given, true = noisy(transition)
    per_class = np.bincount(true, minlength=K).min()
    in_turn = np.stack([np.flatnonzero(true == c)[:per_class] for c in range(K)], axis=1).ravel()  # 0, 1, ..., 0, 1, ...
    found = fit_transition(scores[in_turn], given[in_turn])
    np.testing.assert_allclose(found, transition, atol=0.1)
