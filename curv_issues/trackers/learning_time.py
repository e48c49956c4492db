"""Learning time from input gradients: Ravikumar et al. 2025."""

from __future__ import annotations

import numpy as np


def learning_times(gradient_norms: np.ndarray, *, threshold: float | None = None) -> np.ndarray:
    """Return the first scored epoch (from 0) after which the running mean of squared gradient norms stays below the threshold.

    Args:
        gradient_norms: (n, e), Euclidean norms by scored epoch.
        threshold: tau > 0, squared units of loss per [0, 1] pixel; default: chosen from the data.

    Returns:
        float64 (n,), in [0, e]; e if the final mean is at or above the threshold.
    """
    means = running_means(np.square(gradient_norms).astype(np.float64))
    tau = choose_threshold(means) if threshold is None else threshold
    above = means >= tau
    # the epoch after the last one at or above the threshold
    return np.where(above.any(axis=1), means.shape[1] - above[:, ::-1].argmax(axis=1), 0).astype(np.float64)


def running_means(values: np.ndarray) -> np.ndarray:
    """Return the mean of the values up to each epoch, (n, e)."""
    return np.cumsum(values, axis=1) / np.arange(1, values.shape[1] + 1)


def choose_threshold(means: np.ndarray) -> float:
    """Return the median of the running means, (n, e), over all samples and epochs."""
    return float(np.median(means))
