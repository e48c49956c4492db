"""The correction of probabilities by answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.optimize import minimize
from scipy.special import expit, logit

from curv_issues.confusions.correction import Correction, count_wrong, fit_correction

PROBABILITY = np.array([0.001, 0.02, 0.3, 0.6, 0.9, 0.99])
WRONG = np.array([False, True, False, True, True, True])


def test_it_is_the_most_probable_one() -> None:
    def loss(parameters: np.ndarray) -> float:
        p = expit(parameters[0] + parameters[1] * logit(PROBABILITY))
        prior = (parameters[0] / 3) ** 2 / 2 + ((parameters[1] - 1) / 0.5) ** 2 / 2
        return prior - np.log(np.where(WRONG, p, 1 - p)).sum()

    expected = minimize(loss, [0.0, 1.0], method="BFGS").x
    found = fit_correction(PROBABILITY, WRONG)
    np.testing.assert_allclose([found.shift, found.factor], expected, atol=1e-4)


def test_the_draws_are_from_the_posterior() -> None:
    def density(factor: float, shift: float) -> float:
        p = expit(shift + factor * logit(PROBABILITY))
        return np.exp(-((shift / 3) ** 2) / 2 - ((factor - 1) / 0.5) ** 2 / 2) * np.where(WRONG, p, 1 - p).prod()

    def moment(power_of_shift: int, power_of_factor: int) -> float:
        return dblquad(lambda f, s: s**power_of_shift * f**power_of_factor * density(f, s), -12, 12, 0.05, 4)[0] / total

    total = 1.0
    total = moment(0, 0)
    draws = fit_correction(PROBABILITY, WRONG).draws
    np.testing.assert_allclose(draws.mean(axis=0), [moment(1, 0), moment(0, 1)], atol=0.1)
    spread = [np.sqrt(moment(2, 0) - moment(1, 0) ** 2), np.sqrt(moment(0, 2) - moment(0, 1) ** 2)]
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.1)


def test_answers_that_agree_with_confident_probabilities_leave_a_narrow_interval() -> None:
    probability = np.repeat([1e-4, 0.9999], [1900, 100])
    answered, wrong = np.repeat([1e-4, 0.9999], [25, 20]), np.repeat([False, True], [25, 20])
    count = count_wrong(fit_correction(answered, wrong), probability)
    assert 80 < count.low <= 100 <= count.high < 250


def test_answers_that_agree_change_little_and_others_much() -> None:
    random = np.random.default_rng(0)
    probability = random.random(2000)
    wrong = random.random(2000) < probability
    found = fit_correction(probability, wrong)
    assert abs(found.shift) < 0.2
    assert abs(found.factor - 1) < 0.1
    shifted = fit_correction(probability, random.random(2000) < expit(logit(probability) + 1.5))
    assert shifted.shift == pytest.approx(1.5, abs=0.2)


def test_no_answer_changes_nothing() -> None:
    found = fit_correction(np.empty(0), np.empty(0, dtype=bool))
    np.testing.assert_allclose(found(PROBABILITY), PROBABILITY)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20))
def test_any_answers_give_an_increasing_map_that_can_be_undone(answers: list[tuple[float, bool]]) -> None:
    probability, wrong = np.array([p for p, _ in answers]), np.array([w for _, w in answers])
    found = fit_correction(probability, wrong)
    grid = np.array([0.0, 1e-5, 0.01, 0.3, 0.7, 0.99, 1.0])
    corrected = found(grid)
    assert (np.diff(corrected) >= 0).all()
    assert ((corrected >= 0) & (corrected <= 1)).all()
    if corrected.min() > 1e-9 and corrected.max() < 1 - 1e-9:
        np.testing.assert_allclose(found.undo(corrected), np.clip(grid, 1e-5, 1 - 1e-5), rtol=1e-4)


def test_the_interval_covers_the_number_of_wrong_labels() -> None:
    random = np.random.default_rng(1)
    covered, runs = 0, 40
    for _ in range(runs):
        estimated = random.beta(0.3, 2, 3000)
        wrong = random.random(3000) < expit(1.0 + 0.7 * logit(np.clip(estimated, 1e-5, 1 - 1e-5)))
        chosen = random.choice(3000, 45, replace=False)
        count = count_wrong(fit_correction(estimated[chosen], wrong[chosen]), estimated)
        assert count.low <= count.num_errors <= count.high
        covered += count.low <= wrong.sum() <= count.high
    assert covered >= 0.85 * runs


def test_known_wrong_labels_are_added() -> None:
    correction = Correction(0.0, 1.0, np.array([[0.0, 1.0]] * 1000))
    without, with_known = (count_wrong(correction, PROBABILITY, known=known) for known in (0, 7))
    assert without.num_errors == pytest.approx(PROBABILITY.sum(), abs=1e-4)
    assert with_known.num_errors == pytest.approx(without.num_errors + 7)
    assert with_known.low >= 7
    assert (with_known.high, with_known.basis) == (pytest.approx(without.high + 7), "answers")
