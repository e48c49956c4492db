"""Measure how well a ranking or flags find the errors. In all functions, high = suspect."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

CURVE_POINTS = 200
HISTOGRAM_BINS = 50
CROWDED, SPAN = 0.2, 100  # thresholds of a logarithmic scale, see `histogram`


def detection(is_error: np.ndarray, suspect: np.ndarray) -> dict[str, float] | None:
    """Return detection metrics of a ranking.

    Args:
        is_error: bool (n,), True = wrong.
        suspect: (n,), high = suspect.

    Returns:
        `auroc`, `average_precision`, and `precision_at_k`, the precision among as many most suspect samples as are wrong
        (ties in sample order); None if all or none of the samples are wrong.
    """
    if is_error.all() or not is_error.any():
        return None
    top = np.argsort(-suspect, kind="stable")[: is_error.sum()]
    return {
        "auroc": float(roc_auc_score(is_error, suspect)),
        "average_precision": float(average_precision_score(is_error, suspect)),
        "precision_at_k": float(is_error[top].mean()),
    }


def auroc_by_class(is_error: np.ndarray, suspect: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the AUROC among the samples of each given class, and their number; None if all or none of them are wrong."""
    found: dict[str, Any] = {}
    for label, name in enumerate(names):
        members = labels == label
        both = 0 < is_error[members].sum() < members.sum()
        found[name] = {
            "n": int(members.sum()),
            "auroc": float(roc_auc_score(is_error[members], suspect[members])) if both else None,
        }
    return found


def mean_auroc_within_classes(is_error: np.ndarray, suspect: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the mean AUROC within the given classes, except classes whose samples are all correct or all wrong."""
    names = tuple(str(label) for label in range(int(labels.max()) + 1))
    values = [found["auroc"] for found in auroc_by_class(is_error, suspect, labels, names).values() if found["auroc"] is not None]
    return float(np.mean(values)) if values else None


def flagging(is_error: np.ndarray, flagged: np.ndarray) -> dict[str, Any]:
    """Return the numbers of wrong and flagged samples and hits, and precision and recall, None if undefined."""
    hits = int((is_error & flagged).sum())
    return {
        "wrong": int(is_error.sum()),
        "flagged": int(flagged.sum()),
        "hits": hits,
        "precision": hits / int(flagged.sum()) if flagged.any() else None,
        "recall": hits / int(is_error.sum()) if is_error.any() else None,
    }


def curves(is_error: np.ndarray, suspect: np.ndarray) -> dict[str, Any] | None:
    """Return the ROC and precision-recall curves, each thinned to about 200 points; None if all or none are wrong.

    The precision-recall curve starts with the most suspect samples, because precision is undefined at recall 0.
    """
    if is_error.all() or not is_error.any():
        return None
    false_positive_rate, true_positive_rate, _ = roc_curve(is_error, suspect)
    precision, recall, _ = precision_recall_curve(is_error, suspect)
    return {
        "roc": _thinned(false_positive_rate, true_positive_rate),
        "precision_recall": _thinned(recall[-2::-1], precision[-2::-1]),  # scikit-learn ends with recall 0, precision 1
    }


def histogram(is_error: np.ndarray, values: np.ndarray) -> dict[str, list[float]]:
    """Return counts of correct and wrong samples in 50 bins from the 0.5th to the 99.5th percentile, with outliers in the end bins.

    The bins have equal width, on a logarithmic scale if half of the values are in the lowest fifth of this range, and the
    range starts above 0 and spans a factor of at least 100.
    """
    low, middle, high = np.percentile(values, (0.5, 50, 99.5))
    spaced = np.geomspace if high >= SPAN * low > 0 and middle - low < CROWDED * (high - low) else np.linspace
    edges = spaced(low, high if high > low else low + 1, HISTOGRAM_BINS + 1)
    clipped = np.clip(values, edges[0], edges[-1])
    return {
        "edges": edges.tolist(),
        "right": np.histogram(clipped[~is_error], edges)[0].tolist(),
        "wrong": np.histogram(clipped[is_error], edges)[0].tolist(),
    }


def _thinned(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    """Return the points of a curve with rising x: all if there are few, else both ends of each step on an even grid of x."""
    keep = np.arange(len(x))
    if len(x) > CURVE_POINTS:
        grid = np.linspace(0, 1, CURVE_POINTS // 2)
        steps = np.concatenate([np.searchsorted(x, grid, side="left"), np.searchsorted(x, grid, side="right") - 1])
        keep = np.union1d(np.clip(steps, 0, len(x) - 1), [0, len(x) - 1])
    return [[round(float(a), 5), round(float(b), 5)] for a, b in zip(x[keep], y[keep], strict=True)]
