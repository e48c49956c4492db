from __future__ import annotations

import numpy as np
import pytest

from curv_issues.inputs import heavy_tails

LOGNORMAL = np.random.default_rng(0).lognormal(sigma=1.5, size=(200, 1))


@pytest.mark.parametrize(
    ("column", "is_heavy"),
    [
        (LOGNORMAL, True),
        (-LOGNORMAL, True),
        (np.where(np.arange(200)[:, None] == 7, 1e9, np.random.default_rng(0).normal(size=(200, 1))), True),
        (np.where(LOGNORMAL < 2, 0, LOGNORMAL), True),
        (np.random.default_rng(0).normal(size=(200, 1)), False),
        (np.random.default_rng(0).uniform(size=(200, 1)), False),
        ((np.arange(200)[:, None] % 40 == 3).astype(float), False),  # a category
        (np.ones((200, 1)), False),
    ],
)
def test_heavy_tails_are_found(column: np.ndarray, is_heavy: bool) -> None:
    values = np.hstack([np.random.default_rng(1).normal(size=(200, 2)), column])
    assert heavy_tails.heavy_tailed_columns(values).tolist() == ([2] if is_heavy else [])
    assert heavy_tails.heavy_tailed_columns(values[:19]).tolist() == []
    assert heavy_tails.heavy_tailed_columns(np.hstack([values, np.ones((200, 98))])).tolist() == []  # embeddings


def test_rows_are_sampled_evenly() -> None:
    values = np.arange(60.0).reshape(20, 3)
    assert heavy_tails.sampled_rows(values, 60).tolist() == values.tolist()
    assert heavy_tails.sampled_rows(values, 30).tolist() == values[::2].tolist()
    assert heavy_tails.sampled_rows(values, 29)[:, 0].tolist() == values[::3, 0].tolist()
