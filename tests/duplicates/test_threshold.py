from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from curv_issues.duplicates.threshold import EXPECTED, FEWEST, GREATEST, LEAST, choose_threshold

QUANTILES_ARE_VALUES = 1001  # similarities, of which the 901st and the 991st are the quantiles


def normal(mean: float, deviation: float, count: int = QUANTILES_ARE_VALUES) -> np.ndarray:
    """Return similarities whose artanh is exactly normal: value i is the quantile i / (n - 1)."""
    z = norm.ppf(np.linspace(0, 1, count).clip(1e-6, 1 - 1e-6), mean, deviation)
    return np.random.default_rng(0).permutation(np.tanh(z))


@pytest.mark.parametrize(("mean", "deviation", "pairs"), [(0.8, 0.35, 10_000), (0.5, 0.5, 500_000), (1.2, 0.2, 1_000)])
def test_three_pairs_of_a_normal_background_reach_the_threshold(mean: float, deviation: float, pairs: int) -> None:
    threshold = choose_threshold(normal(mean, deviation), pairs)
    assert LEAST < threshold < GREATEST
    assert threshold == pytest.approx(np.tanh(norm.isf(EXPECTED / pairs, mean, deviation)), abs=1e-6)
    assert pairs * norm.sf(np.arctanh(threshold), mean, deviation) == pytest.approx(EXPECTED, rel=1e-3)


def test_duplicates_in_the_background_do_not_matter() -> None:
    background = normal(0.8, 0.35)
    with_duplicates = np.concatenate([background, np.ones(2)])
    assert choose_threshold(with_duplicates, 10_000) == pytest.approx(choose_threshold(background, 10_000), abs=0.005)


def test_similar_backgrounds_raise_the_threshold() -> None:
    assert choose_threshold(normal(0.2, 0.2), 10_000) == LEAST
    assert choose_threshold(normal(1.0, 0.3), 10_000) > 0.96
    assert choose_threshold(normal(3.0, 0.5), 10_000) == GREATEST


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 0.95, 1.0])
def test_constant_background_gives_its_value_within_bounds(value: float) -> None:
    assert choose_threshold(np.full(500, value), 1000) == pytest.approx(np.clip(value, LEAST, GREATEST))


def test_few_values_give_the_minimum() -> None:
    similarities = np.full(FEWEST, 0.99)
    assert choose_threshold(similarities, 1000) == pytest.approx(0.99)
    assert choose_threshold(similarities[1:], 1000) == LEAST
    assert choose_threshold(np.empty(0), 0) == LEAST


def test_threshold_is_not_below_the_tail_for_few_pairs() -> None:
    background = normal(1.5, 0.2)
    tail = np.quantile(background, 0.99)
    assert [choose_threshold(background, pairs) for pairs in (0, 1, 3, 100, 300)] == pytest.approx([tail] * 5)
    assert choose_threshold(background, 400) > tail


@given(
    seed=st.integers(0, 100),
    spread=st.floats(0.01, 2),
    mean=st.floats(-0.5, 2),
    pairs=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
)
def test_more_pairs_never_lower_the_threshold(seed: int, spread: float, mean: float, pairs: int, more: int) -> None:
    background = np.tanh(np.random.default_rng(seed).normal(mean, spread, 300)).astype(np.float32)
    before, after = choose_threshold(background, pairs), choose_threshold(background, pairs + more)
    assert LEAST <= before <= after <= GREATEST
    assert isinstance(before, float)


@given(
    seed=st.integers(0, 100),
    spread=st.floats(0.01, 1),
    mean=st.floats(-0.5, 2),
    pairs=st.integers(1, 10**6),
    shift=st.floats(0, 2),
    scale=st.floats(1, 3),
)
def test_more_similar_backgrounds_never_lower_the_threshold(
    seed: int, spread: float, mean: float, pairs: int, shift: float, scale: float
) -> None:
    z = np.random.default_rng(seed).normal(mean, spread, QUANTILES_ARE_VALUES)
    before, after = choose_threshold(np.tanh(z), pairs), choose_threshold(np.tanh(scale * z + shift), pairs)
    assert after >= before - 1e-9
