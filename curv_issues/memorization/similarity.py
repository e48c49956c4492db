"""How similar scores are to a reference: cosine similarity, Pearson's and Spearman's correlation, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from curv_issues.errors import UsageError
from curv_issues.option_checks import Whole

MEASURES = ("cosine", "pearson", "spearman")
REPEATS = 200
COVERED = 0.95
_CHUNK = 2_000_000  # weights at a time


def similarity(scores: Any, reference: Any, *, top: int | None = None, repeats: int = REPEATS, seed: int = 0) -> pd.DataFrame:
    """Compare scores with a reference, such as estimates of memorization, over the same samples.

    Args:
        scores: (n,) numbers, or several by name: a mapping or a DataFrame of (n,) numbers. Higher must mean more memorized.
        reference: (n,) numbers. Samples where it or the score is not finite are left out.
        top: also compare over this many samples with the highest reference values; None: over all only.
        repeats: number of bootstrap samples for the intervals; 0: no intervals.
        seed: of the bootstrap.

    Returns:
        One row per score and set of samples: `score`, `samples` ("all" or "top"), `n`, and for each of cosine (of the values as
        they are, as in Garg et al. 2023, table 1), pearson and spearman (both in [-1, 1]) its value, `_low` and `_high` (95%
        percentile interval over samples). NaN where a value is constant.

    Raises:
        UsageError: the lengths differ, or an option is out of range.
    """
    Whole(1, None, optional=True)("top", top)
    Whole(0, None, optional=False)("repeats", repeats)
    reference = _numbers(reference, "reference")
    columns = _by_name(scores)
    rows = []
    for name, values in columns.items():
        if len(values) != len(reference):
            raise UsageError(f"{name!r} has {len(values):,} values, but the reference has {len(reference):,}.")
        measured = np.flatnonzero(np.isfinite(values) & np.isfinite(reference))
        sets = {"all": measured}
        if top is not None:
            sets["top"] = measured[np.argsort(-reference[measured], kind="stable")[:top]]
        for samples, index in sets.items():
            rows.append(
                {"score": name, "samples": samples, "n": len(index), **_compared(values[index], reference[index], repeats, seed)}
            )
    return pd.DataFrame(rows)


def correlations(values: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return each of `MEASURES` over the samples where both are finite; NaN for fewer than two samples or constant values."""
    measured = np.isfinite(values) & np.isfinite(reference)
    one = np.ones((1, int(measured.sum())))
    x, y = values[measured].astype(np.float64), reference[measured].astype(np.float64)
    found = _weighted(x, y, one)
    return {name: float(value[0]) for name, value in found.items()}


def _compared(x: np.ndarray, y: np.ndarray, repeats: int, seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    values = correlations(x, y)
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}
    for weights in _bootstrap_weights(len(x), repeats, seed):
        for name, part in _weighted(x, y, weights).items():
            drawn[name].append(part)
    edges = [(1 - COVERED) / 2, (1 + COVERED) / 2]
    for name in MEASURES:
        of_measure = np.concatenate([*drawn[name], []])
        finite = of_measure[np.isfinite(of_measure)]
        low, high = np.quantile(finite, edges) if len(finite) else (np.nan, np.nan)
        found |= {name: values[name], f"{name}_low": float(low), f"{name}_high": float(high)}
    return found


def _bootstrap_weights(n: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each sample is drawn, float64 (b, n), for `repeats` bootstrap samples in all."""
    if n < 2:
        return
    random = np.random.default_rng(seed)
    size = max(1, _CHUNK // n)
    for start in range(0, repeats, size):
        drawn = random.integers(0, n, (min(size, repeats - start), n))
        yield np.stack([np.bincount(part, minlength=n) for part in drawn]).astype(np.float64)


def _weighted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return each measure with samples (n,) counted as often as the weights (b, n) say, (b,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "cosine": (weights @ (x * y)) / np.sqrt((weights @ (x * x)) * (weights @ (y * y))),
            "pearson": _pearson(x[None], y[None], weights),
            "spearman": _pearson(_ranks(x, weights), _ranks(y, weights), weights),
        }


def _pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / total
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    return (weights * x * y).sum(axis=1) / np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1))


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean rank of each value among all values counted by weights (b, n): half of its own weight and all below."""
    places = rankdata(values, method="dense") - 1
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    of_value = np.add.reduceat(weights[:, order], starts, axis=1) if len(starts) else np.zeros((len(weights), 0))
    return (np.cumsum(of_value, axis=1) - of_value / 2)[:, places]


def _by_name(scores: Any) -> dict[str, np.ndarray]:
    if isinstance(scores, Mapping | pd.DataFrame):
        return {str(name): _numbers(scores[name], str(name)) for name in scores}
    return {"score": _numbers(scores, "scores")}


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name!r} must be numbers.") from None
    if numbers.ndim != 1:
        raise UsageError(f"{name!r} must have one number per sample, got the shape {numbers.shape}.")
    return numbers
