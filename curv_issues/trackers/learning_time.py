"""Learning time from input gradients: Ravikumar et al. 2025."""

from __future__ import annotations

import numpy as np


def learning_times(gradient_norms: np.ndarray, *, threshold: float | None = None) -> np.ndarray:
    """First scored epoch (from 0) from which the mean of the squared gradient norms up to it stays below the threshold.

    Args:
        gradient_norms: (n, e), Euclidean norms by scored epoch.
        threshold: tau > 0, squared units of loss per [0, 1] pixel; default: chosen from the data.

    Returns:
        float64 (n,), in [0, e]; e where the mean ends above the threshold.
    """
    means = running_means(np.square(gradient_norms).astype(np.float64))
    tau = choose_threshold(means) if threshold is None else threshold
    above = means >= tau
    # one behind the last epoch that is still above
    return np.where(above.any(axis=1), means.shape[1] - above[:, ::-1].argmax(axis=1), 0).astype(np.float64)


def running_means(values: np.ndarray) -> np.ndarray:
    """Mean of the values up to each epoch, (n, e)."""
    return np.cumsum(values, axis=1) / np.arange(1, values.shape[1] + 1)


def choose_threshold(means: np.ndarray) -> float:
    """The median over all samples and epochs of the running means, (n, e): half of all that was seen lies below it."""
    return float(np.median(means))
