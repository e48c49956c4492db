from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as drawn_from
from hypothesis import strategies as st

from curv_issues.confusions.posterior import class_posterior, log_odds, probability_wrong, with_mean


def test_posterior_is_that_of_bayes_rule() -> None:
    prior = np.array([[0.6, 0.4], [0.1, 0.9]])
    transition = np.array([[0.9, 0.1], [0.3, 0.7]])
    given = np.array([0, 0])
    found = class_posterior(prior, transition, given)
    np.testing.assert_allclose(found[0], [0.54 / 0.66, 0.12 / 0.66])
    np.testing.assert_allclose(probability_wrong(found, given), [0.12 / 0.66, 0.27 / 0.36])


@drawn_from(st.integers(2, 6), st.integers(0, 2**31))
def test_posterior_matches_a_slow_version(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    prior, transition = rng.dirichlet(np.ones(k), 8), rng.dirichlet(np.ones(k), k)
    given = rng.integers(0, k, 8)
    found = class_posterior(prior, transition, given)
    for i in range(8):
        joint = [prior[i, c] * transition[c, given[i]] for c in range(k)]
        np.testing.assert_allclose(found[i], np.array(joint) / sum(joint), rtol=1e-9)
    wrong = probability_wrong(found, given)
    np.testing.assert_allclose(wrong, 1 - found[np.arange(8), given], atol=1e-12)
    assert ((wrong >= 0) & (wrong <= 1)).all()


def test_a_small_probability_is_accurate() -> None:
    found = probability_wrong(np.array([[1 - 1e-20, 1e-20]]), np.array([0]))
    assert found[0] == pytest.approx(1e-20)


@drawn_from(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(1e-6, 1 - 1e-6))
def test_a_shift_of_the_log_odds_brings_the_mean(probabilities: list[float], mean: float) -> None:
    before = np.array(probabilities)
    after = with_mean(before, mean)
    assert after.mean() == pytest.approx(mean, rel=1e-6)
    assert (np.diff(after[before.argsort(kind="stable")]) >= 0).all()


def test_a_shift_keeps_differences_of_log_odds() -> None:
    after = with_mean(np.array([0.1, 0.5, 1e-12]), 0.4)
    np.testing.assert_allclose(np.diff(np.log(after / (1 - after))), [np.log(9), np.log(1e-12)], rtol=1e-6)


def test_log_odds_are_finite() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    np.testing.assert_allclose(log_odds(np.array([0.5, 0.8])), [0, np.log(4)], atol=1e-7)
