"""Find features with heavy tails, in which a few values are far from all others. Does not import torch."""

from __future__ import annotations

import numpy as np

MANY_COLUMNS = 100  # features above this number are embeddings rather than quantities
FEW_ROWS = 20  # below, values say little about a feature
_HEAVY = 0.85  # interquartile range in standard deviations below which tails are heavy; 1.35 for a normal distribution
_FEW_VALUES = 10  # up to which a feature is a category or a count
_VALUES = 30_000_000  # looked at


def sampled_rows(features: np.ndarray, num_values: int = _VALUES) -> np.ndarray:
    """Return evenly spaced rows with about as many values at most, (m, d)."""
    return features[:: max(1, -(-features.size // num_values))]


def heavy_tailed_columns(features: np.ndarray) -> np.ndarray:
    """Return the positions of the features with heavy tails, int64 (h,); none if there are more than 100 features.

    That is, the interquartile range is less than 0.85 standard deviations, and there are more than ten values: incomes and
    other amounts, or numbers with a few wrong values, but not normal distributions, categories and small counts.
    """
    if features.shape[1] > MANY_COLUMNS or len(features) < FEW_ROWS:
        return np.empty(0, np.int64)
    rows = sampled_rows(features).astype(np.float64)
    lower, upper = np.quantile(rows, [0.25, 0.75], axis=0)
    heavy = np.flatnonzero(upper - lower < _HEAVY * rows.std(axis=0))
    return heavy[[len(np.unique(rows[:, column])) > _FEW_VALUES for column in heavy]]
