"""Epochs in which a sample was not measured."""

from __future__ import annotations

import numpy as np


def fill_gaps(history: np.ndarray) -> np.ndarray:
    """Return a history (n, e) in which NaN is replaced by the sample's value of the epoch before; at the start, by its first value.

    A history (n, e, k) has all k values of an epoch, or none. A training loop that drops the last incomplete batch skips a few
    samples per epoch. Rows of only NaN remain.
    """
    measured = ~np.isnan(history if history.ndim == 2 else history[:, :, 0])
    if measured.all():
        return history
    latest = np.maximum.accumulate(np.where(measured, np.arange(history.shape[1]), -1), axis=1)
    filled_from = np.where(latest < 0, measured.argmax(axis=1)[:, None], latest)
    return history[np.arange(len(history))[:, None], filled_from]
