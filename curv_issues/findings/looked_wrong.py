"""Which labels looked wrong in training: their margins are as low as those of labels drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEAR_BEST = 0.01  # how this, the next one and the percentiles were chosen stands in benchmarks/README.md
MEMORISING = 0.3


@dataclass(frozen=True, eq=False)
class LookedWrong:
    """The labels that looked wrong in training.

    Attributes:
        mask: bool (n,).
        epochs: number of epochs whose margins were counted.
        margin_threshold: mean margin over these epochs below which a label looks wrong.
        clear_share: of the labels that do not look wrong, the share that no random label comes near; see `learned_epochs`.
    """

    mask: np.ndarray
    epochs: int
    margin_threshold: float
    clear_share: float


def looked_wrong(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> LookedWrong:
    """Compare the margins of the given labels with those of random other labels.

    A label looks wrong if its mean margin lies below the 90th percentile of what the samples reach under a random other label.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        reference: "p90", "p99" and "predicted" by epoch, see `ReferenceMargin.yardstick`.
    """
    epochs, clear_share = learned_epochs(margins, reference)
    threshold = float(reference["p90"][epochs - 1])
    return LookedWrong(margins[:, :epochs].mean(axis=1, dtype=np.float64) < threshold, epochs, threshold, clear_share)


def learned_epochs(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> tuple[int, float]:
    """Number of epochs until the labels were learned, and the share of clear labels then; later ones could only memorise.

    A label that does not look wrong is clear if it is above the 99th percentile of the reference too (mean margins up to that
    epoch). Counted are the epochs up to the first whose share of clear labels comes within .01 of the greatest: hardly any label
    lies between right and wrong. Epochs from the one on in which the probe predicts many of the labels that look wrong do
    not come into question: it memorises them. Many is .3 more than of the random labels, on which nothing was trained.
    """
    running = np.zeros(len(margins))
    clear_shares: list[float] = []
    for epoch in range(margins.shape[1]):
        running += margins[:, epoch]
        mean = running / (epoch + 1)
        wrong = mean < reference["p90"][epoch]
        predicted = (margins[wrong, epoch] > 0).mean() if wrong.any() else 0.0
        if epoch and predicted >= reference["predicted"][epoch] + MEMORISING:
            break
        clear_shares.append((mean > reference["p99"][epoch]).sum() / max((~wrong).sum(), 1))
    epoch = int(np.argmax(np.array(clear_shares) >= max(clear_shares) - NEAR_BEST))
    return epoch + 1, float(clear_shares[epoch])
