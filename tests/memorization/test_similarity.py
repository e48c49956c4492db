"""Similarities against closed forms and slow twins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from curv_issues.errors import UsageError
from curv_issues.memorization.similarity import _bootstrap_weights, _ranks, _weighted, correlations, similarity


def numbers(n: int, seed: int = 0, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    y = x + random.normal(size=n)
    return (x.round(), y.round()) if ties else (x, y)


@pytest.mark.parametrize("ties", [False, True])
def test_values_are_those_of_scipy(ties: bool) -> None:
    x, y = numbers(200, ties=ties)
    found = correlations(x, y)
    assert found["pearson"] == pytest.approx(pearsonr(x, y).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(x, y).statistic)
    assert found["cosine"] == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(0, 10_000))
def test_weights_count_samples(counts: list[int], seed: int) -> None:
    """Weighting samples is the same as repeating them."""
    x, y = numbers(len(counts), seed, ties=True)
    weights = np.array(counts, dtype=float)
    repeated = np.repeat(np.arange(len(counts)), counts)
    if len(repeated) < 2:
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        found, slow = _weighted(x, y, weights[None]), correlations(x[repeated], y[repeated])
    for name, value in slow.items():
        if np.isfinite(value) and min(np.ptp(x[repeated]), np.ptp(y[repeated])) > 0:
            assert found[name][0] == pytest.approx(value, abs=1e-9)


def test_ranks_of_equal_values_are_their_mean() -> None:
    assert _ranks(np.array([5.0, 1.0, 5.0]), np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])).tolist() == [[2, 0.5, 2], [2.5, 1, 2.5]]


def test_bootstrap_weights_draw_n_samples() -> None:
    parts = list(_bootstrap_weights(1_000, 30, seed=0))
    assert sum(map(len, parts)) == 30
    assert all((part.sum(axis=1) == 1_000).all() for part in parts)
    assert (np.concatenate(parts) == np.concatenate(list(_bootstrap_weights(1_000, 30, seed=0)))).all()


def test_intervals_cover_the_correlation() -> None:
    """Of 100 samples from a bivariate normal distribution with correlation 1 / sqrt 2, about 95 intervals contain it."""
    covered = 0
    for seed in range(100):
        x, y = numbers(150, seed)
        row = similarity(x, y, seed=seed).iloc[0]
        covered += row["pearson_low"] <= 0.5**0.5 <= row["pearson_high"]
        assert row["spearman_low"] <= row["spearman"] <= row["spearman_high"]
    assert 85 <= covered <= 100


def test_the_top_has_the_highest_reference_values() -> None:
    x, y = numbers(50)
    y[:3] = np.nan
    x[10] = np.inf
    table = similarity({"a": x, "b": -x}, y, top=20, repeats=0)
    assert table[["score", "samples", "n"]].to_numpy().tolist() == [
        ["a", "all", 46],
        ["a", "top", 20],
        ["b", "all", 46],
        ["b", "top", 20],
    ]
    measured = np.isfinite(x) & np.isfinite(y)
    top = np.argsort(-np.where(measured, y, -np.inf))[:20]
    assert table["pearson"].tolist()[1] == pytest.approx(pearsonr(x[top], y[top]).statistic)
    assert table["pearson"].tolist()[3] == pytest.approx(-table["pearson"].tolist()[1])
    assert table["cosine_low"].isna().all()


def test_constant_and_missing_values_have_no_correlation() -> None:
    table = similarity({"constant": np.ones(9), "missing": np.full(9, np.nan)}, np.arange(9.0), repeats=5)
    assert table["n"].tolist() == [9, 0]
    assert table[["pearson", "spearman", "pearson_low"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (np.ones(4), {}, "'score' has 4 values, but the reference has 5"),
        (np.ones((5, 2)), {}, "one number per sample"),
        (["a"] * 5, {}, "must be numbers"),
        (np.ones(5), {"top": 0}, "top"),
        (np.ones(5), {"repeats": -1}, "repeats"),
    ],
)
def test_bad_input_is_refused(scores: object, options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        similarity(scores, np.arange(5.0), **options)


def test_a_data_frame_is_several_scores() -> None:
    x, y = numbers(30)
    assert similarity(pd.DataFrame({"a": x, "b": y}), y, repeats=0)["spearman"].tolist()[1] == pytest.approx(1)
