"""Reduce the histories of quantities to the scores of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from curv_issues.trackers import SCORES, Epochs
from curv_issues.trackers.base import Quantity, Tracker, early
from curv_issues.trackers.learning_time import learning_times
from curv_issues.trackers.quantities import QUANTITIES


def first_learned(margins: np.ndarray) -> np.ndarray:
    """Return the first epoch (from 0) whose margin is positive, in [0, e]; e, the number of epochs, if there is none."""
    learned = margins > 0
    return np.where(learned.any(axis=1), learned.argmax(axis=1), margins.shape[1]).astype(np.float64)


def times_forgotten(margins: np.ndarray) -> np.ndarray:
    """Return how often a positive margin turns non-positive in the next epoch, in [0, e / 2]; e, the epochs, if never positive."""
    learned = margins > 0
    events = (learned[:, :-1] & ~learned[:, 1:]).sum(axis=1).astype(np.float64)
    return np.where(learned.any(axis=1), events, float(margins.shape[1]))


REDUCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda history: history.astype(np.float64).mean(axis=1),
    "sum": lambda history: history.astype(np.float64).sum(axis=1),
    "first_learned": first_learned,
    "times_forgotten": times_forgotten,
    "learning_time": learning_times,
}
"""Functions that reduce a history, float32 (n, e), e >= 1, to a score, float64 (n,)."""


def make_quantities(names: Iterable[str], num_samples: int, num_epochs: int) -> dict[str, Quantity]:
    """Return the quantities that the scores need, each once, in the order of `QUANTITIES`.

    Args:
        names: names of scores in `SCORES`.
        num_samples: n.
        num_epochs: number of training epochs.
    """
    wanted: dict[str, set[Epochs]] = {}
    for name in names:
        wanted.setdefault(SCORES[name].quantity, set()).add(SCORES[name].epochs)
    return {
        name: quantity(num_samples, num_epochs, wanted[name].pop() if len(wanted[name]) == 1 else "all")
        for name, quantity in QUANTITIES.items()
        if name in wanted
    }


def make_score(name: str, quantities: Mapping[str, Quantity]) -> np.ndarray:
    """Return one score of `SCORES`, float64 (n,); all NaN if no epoch has been measured."""
    info = SCORES[name]
    quantity = quantities[info.quantity]
    history = quantity.history if quantity.epochs == info.epochs else _select(quantity.history, info.epochs)
    return _reduced(history, REDUCTIONS[info.reduction])


def score_from_history(name: str, history: np.ndarray) -> np.ndarray:
    """Return one score of `SCORES`, float64 (n,), from its quantity in all measured epochs, float32 (n, e), e >= 1.

    The score is NaN for samples with a missing value in an epoch that counts.
    """
    info = SCORES[name]
    counted = _select(history, info.epochs)
    is_complete = ~np.isnan(counted).any(axis=1)
    score = np.full(len(history), np.nan)
    if is_complete.any():
        score[is_complete] = REDUCTIONS[info.reduction](counted[is_complete])
    return score


def _select(history: np.ndarray, epochs: Epochs) -> np.ndarray:
    """Return the columns of the epochs that count."""
    if epochs == "all":
        return history
    return history[:, -1:] if epochs == "last" else history[:, : early(history.shape[1])]


def score_of(tracker: Tracker) -> np.ndarray:
    """Return the score of a user-supplied tracker, float64 (n,); all NaN if no epoch has been measured."""
    return _reduced(tracker.history.astype(np.float64), tracker.reduce)


def make_scores(names: Sequence[str], quantities: Mapping[str, Quantity], trackers: Sequence[Tracker]) -> dict[str, np.ndarray]:
    """Return scores of `SCORES`, then those of user-supplied trackers, by name."""
    return {
        **{name: make_score(name, quantities) for name in names},
        **{tracker.name: score_of(tracker) for tracker in trackers},
    }


def _reduced(history: np.ndarray, reduce: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return reduce(history) if history.shape[1] else np.full(len(history), np.nan)
