from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from curv_issues.confusions.calibration import Calibration, calibrate
from curv_issues.confusions.transition import flat_transition


def drawn(n: int, k: int, *, factor: float, shifts: np.ndarray, rate: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and given labels that follow a calibration and errors that go to all classes alike."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, k)) * 2
    probabilities = Calibration(factor, shifts)(scores) @ flat_transition(k, rate)
    return scores, np.array([rng.choice(k, p=row) for row in probabilities])


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("unit", [1.0, 50.0])
def test_the_calibration_that_made_the_labels_is_found(rate: float, unit: float) -> None:
    shifts = np.array([0.5, 0.0, -0.5])
    scores, given = drawn(20_000, 3, factor=1.7, shifts=shifts, rate=rate)
    found = calibrate(scores * unit, given, flat_transition(3, rate))
    assert found.factor * unit == pytest.approx(1.7, abs=0.15)
    np.testing.assert_allclose(found.shifts - found.shifts.mean(), shifts, atol=0.15)


def test_no_other_calibration_explains_the_labels_better() -> None:
    scores, given = drawn(500, 4, factor=0.6, shifts=np.zeros(4), rate=0.1)
    transition = flat_transition(4, 0.1)

    def likelihood(calibration: Calibration) -> float:
        return float(np.log((calibration(scores) @ transition)[np.arange(500), given]).mean())

    best = calibrate(scores, given, transition)
    rng = np.random.default_rng(1)
    for _ in range(50):
        other = Calibration(best.factor + rng.normal() * 0.05, best.shifts + rng.normal(size=4) * 0.05)
        assert likelihood(other) < likelihood(best) + 1e-5
    again = calibrate(scores, given, transition, start=best)
    assert again.factor == pytest.approx(best.factor, rel=1e-2)


def test_probabilities_are_those_of_a_softmax() -> None:
    scores = np.array([[1.0, 2.0, 0.0], [1000.0, 0.0, 0.0]])
    found = Calibration(2.0, np.array([0.0, 0.0, 1.0]))(scores)
    np.testing.assert_allclose(np.log(found[0]), log_softmax([2.0, 4.0, 1.0]))
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_higher_score_is_never_the_less_probable_class() -> None:
    scores = np.random.default_rng(0).normal(size=(500, 3))
    found = calibrate(scores, scores.argmin(axis=1), flat_transition(3, 0.1))
    assert found.factor > 0


def test_scores_without_variance_give_the_frequencies() -> None:
    found = calibrate(np.zeros((100, 2)), np.array([0] * 70 + [1] * 30), np.eye(2))(np.zeros((1, 2)))
    np.testing.assert_allclose(found, [[0.7, 0.3]], atol=0.01)


def test_clarity_makes_the_probabilities_sharper() -> None:
    random = np.random.default_rng(0)
    scores, transition = random.normal(size=(400, 3)), np.full((3, 3), 0.1) + 0.7 * np.eye(3)
    given = random.integers(0, 3, 400)
    usual, clear = (calibrate(scores, given, transition, clarity=clarity) for clarity in (0.0, 0.5))

    def value(calibration: Calibration) -> float:
        prior = calibration(scores)
        likelihood = (prior * transition[:, given].T).sum(axis=1)
        mean = prior.mean(axis=0)
        information = (prior * np.log(prior)).sum(axis=1).mean() - (mean * np.log(mean)).sum()
        return float(-np.log(likelihood).mean() - 0.5 * information)

    assert clear(scores).max(axis=1).mean() > usual(scores).max(axis=1).mean()
    assert value(clear) < value(usual)
    for other in (Calibration(clear.factor * 1.05, clear.shifts), Calibration(clear.factor, clear.shifts + np.array([0.05, 0, 0]))):
        assert value(other) > value(clear) - 1e-4


def test_clarity_does_not_give_up_a_class_that_is_half_confused() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 3_000)
    scores = 1.5 * np.eye(3)[true] + random.normal(size=(3_000, 3))
    transition = np.array([[1, 0, 0], [0, 0.97, 0.03], [0, 0.48, 0.52]])  # so that class 2 may explain all labels 1
    given = np.array([random.choice(3, p=[[1, 0, 0], [0, 0.55, 0.45], [0, 0.45, 0.55]][label]) for label in true])
    prior = calibrate(scores, given, transition, clarity=0.5)(scores)
    assert (prior.argmax(axis=1)[true == 1] == 1).mean() > 0.5
