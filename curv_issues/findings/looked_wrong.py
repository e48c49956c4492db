"""Which labels looked wrong in training: their margins are as low as those of labels drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLEAR_SHARE = 0.95  # how this and the percentiles were chosen stands in benchmarks/README.md


@dataclass(frozen=True, eq=False)
class LookedWrong:
    """The labels that looked wrong in training.

    Attributes:
        mask: bool (n,).
        epochs: number of epochs whose margins were counted.
        margin_threshold: mean margin over these epochs below which a label looks wrong.
    """

    mask: np.ndarray
    epochs: int
    margin_threshold: float


def looked_wrong(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> LookedWrong:
    """Compare the margins of the given labels with those of random other labels (`ReferenceMargin`).

    A label looks wrong if its mean margin lies below the 90th percentile of what the samples reach under a random other label.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        reference: "p90" and "p99", percentiles of the running mean of the reference margins, e values each.
    """
    epochs = learned_epochs(margins, reference)
    threshold = float(reference["p90"][epochs - 1])
    return LookedWrong(margins[:, :epochs].mean(axis=1, dtype=np.float64) < threshold, epochs, threshold)


def learned_epochs(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> int:
    """Number of epochs until the labels were learned; what follows could only memorise the wrong ones.

    That is the first epoch after which 95% of the labels above the 90th percentile of the reference are above its 99th
    too (mean margins up to that epoch): hardly any label lies between right and wrong. All epochs if there is none.
    """
    running = np.zeros(len(margins))
    for epoch in range(margins.shape[1]):
        running += margins[:, epoch]
        mean = running / (epoch + 1)
        kept, clear = (mean >= reference["p90"][epoch]).sum(), (mean > reference["p99"][epoch]).sum()
        if kept and clear >= CLEAR_SHARE * kept:
            return epoch + 1
    return margins.shape[1]
