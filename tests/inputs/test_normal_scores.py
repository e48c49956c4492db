from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from curv_issues.inputs import normal_scores
from curv_issues.inputs.normal_scores import NormalScores


def scores_by_rank(values: np.ndarray) -> np.ndarray:
    found = norm.ppf((rankdata(values, axis=0) - 0.5) / len(values))
    return (found - found.mean(0)) / found.std(0)


@pytest.mark.parametrize("kind", ["lognormal", "cauchy", "with zeros", "rounded"])
def test_scores_are_those_of_mean_ranks(kind: str) -> None:
    random = np.random.default_rng(0)
    values = {
        "lognormal": random.lognormal(sigma=2, size=(400, 3)),
        "cauchy": random.standard_cauchy((400, 3)),
        "with zeros": np.where(random.random((400, 3)) < 0.7, 0, random.lognormal(size=(400, 3))),
        "rounded": random.lognormal(size=(400, 3)).round(1),
    }[kind].astype(np.float32)
    found = NormalScores(values).of(torch.from_numpy(values))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, scores_by_rank(values), atol=1e-4)


def test_many_rows_are_interpolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal_scores, "KNOTS", 101)
    values = np.random.default_rng(0).lognormal(size=(5_000, 2)).astype(np.float32)
    found = NormalScores(values).of(torch.from_numpy(values)).numpy()
    inside = np.abs(scores_by_rank(values)) < 2
    np.testing.assert_allclose(found[inside], scores_by_rank(values)[inside], atol=0.1)
    assert np.abs(found).max() < 3


def test_other_rows_get_the_scores_of_their_neighbours() -> None:
    scores = NormalScores(np.array([[0.0], [1], [2], [4]], np.float32))
    own = scores.of(torch.tensor([[0.0], [1], [2], [4]]))[:, 0]
    other = scores.of(torch.tensor([[-9.0], [9], [3], [1.5]]))[:, 0]
    assert other[0] == own[0]
    assert other[1] == own[3]
    assert own[2] < other[2] < own[3]
    assert own[1] < other[3] < own[2]


@given(seed=st.integers(0, 50), n=st.integers(11, 60), decimals=st.integers(0, 3))
def test_order_is_kept(seed: int, n: int, decimals: int) -> None:
    values = np.random.default_rng(seed).lognormal(sigma=2, size=(n, 1)).round(decimals).astype(np.float32)
    values[0], values[1] = 0, 1  # two values at least
    found = NormalScores(values).of(torch.from_numpy(values))[:, 0].numpy()
    order = np.argsort(values[:, 0], kind="stable")
    steps = np.diff(found[order])
    assert np.array_equal(steps > 0, np.diff(values[order, 0]) > 0)
    assert np.isfinite(found).all()
