from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from curv_issues.confusions.label_noise import LabelNoise, error_rate, estimate_noise, late_mean, suggest_class
from curv_issues.confusions.unevenness import unevenness
from tests.confusions.test_transition import noisy, with_errors


def test_late_mean_matches_a_slow_version() -> None:
    history = np.log(np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 5))).astype(np.float16)
    expected = [(1 * sample[0] + 2 * sample[1] + 3 * sample[2]) / 6 for sample in history.astype(np.float64)]
    np.testing.assert_allclose(late_mean(history, 3), expected)
    np.testing.assert_array_equal(late_mean(history, 1), history[:, 0])


def test_errors_between_two_classes_are_more_probably_wrong() -> None:
    scores, given, true = noisy(with_errors((0, 1, 0.3)))
    found = estimate_noise(scores, given)
    is_error = given != true
    assert roc_auc_score(is_error, found.wrong) > 0.97
    assert abs(found.wrong.mean() - is_error.mean()) < 0.02
    sure = found.wrong > 0.8
    assert abs(is_error[sure].mean() - found.wrong[sure].mean()) < 0.05  # calibrated
    is_confused = given == 1
    assert found.gain[is_confused].mean() > found.gain[~is_confused].mean() + 0.1
    assert (suggest_class(found, given)[is_error] == true[is_error]).mean() > 0.95


def test_uniform_errors_give_no_gain() -> None:
    transition = np.full((5, 5), 0.025)
    np.fill_diagonal(transition, 0.9)
    scores, given, true = noisy(transition)
    found = estimate_noise(scores, given)
    assert np.abs(found.gain).mean() < 0.1
    assert abs(found.wrong.mean() - (given != true).mean()) < 0.02


def test_errors_that_the_network_has_learned_are_counted_where_classes_are_confused_unevenly() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 5, 6_000)
    transition = 0.75 * np.eye(5) + 0.25 * np.roll(np.eye(5), 1, axis=1)
    given = np.array([random.choice(5, p=transition[c]) for c in true])
    logits = 6 * np.eye(5)[true] + random.normal(size=(6_000, 5))
    clear = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scores = np.log(clear @ transition)  # it predicts the errors as often as they occur
    rate = (given != true).mean()
    found = estimate_noise(scores, given)
    assert unevenness(found.gain) > 0.8
    assert found.wrong.mean() == pytest.approx(rate, rel=0.05)
    assert error_rate(scores, given) == pytest.approx(found.wrong.mean())


PRIOR = np.array([[0.1, 0.4, 0.45, 0.05], [0.9, 0.06, 0.03, 0.01]], dtype=np.float32)
TRANSITION = np.array([[0.9, 0.05, 0.03, 0.02], [0.3, 0.7, 0, 0], [0.02, 0.08, 0.9, 0], [0.3, 0, 0, 0.7]])
GIVEN = np.array([0, 0])


@pytest.mark.parametrize(("deviation", "expected"), [(0.0, [2, 1]), (0.31, [1, 1]), (5.0, [1, 1])])
def test_confusions_count_in_suggestions_as_far_as_classes_are_confused_unevenly(deviation: float, expected: list[int]) -> None:
    gain = np.array([deviation, -deviation])
    noise = LabelNoise(TRANSITION, PRIOR, np.array([0.5, 0.5]), gain)
    assert suggest_class(noise, GIVEN).tolist() == expected
    likelihood = np.array([[TRANSITION[c, given] for c in range(4)] for given in GIVEN])
    slow = PRIOR * likelihood ** unevenness(gain)
    slow[[0, 1], GIVEN] = 0
    assert slow.argmax(axis=1).tolist() == expected


def test_a_class_that_is_never_given_so_is_not_suggested_where_confusions_count() -> None:
    transition = np.array([[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1.0]])
    noise = LabelNoise(transition, np.array([[0.8, 0.1, 0.1]], dtype=np.float32), np.ones(1), np.array([9.0, -9.0]))
    assert suggest_class(noise, np.array([2])).tolist() == [1]


def test_unevenness_rises_with_the_spread_of_the_gain() -> None:
    gain = np.random.default_rng(0).normal(size=1_000)
    values = [unevenness(scale * gain) for scale in (0.0, 0.1, 0.45, 0.6, 0.9, 3.0)]
    assert values == sorted(values)
    assert values[0] == 0.0
    assert values[1] < 0.01
    assert values[2] < 1 / 3
    assert values[3] == pytest.approx(0.6, abs=0.1)
    assert values[4] > 0.95
