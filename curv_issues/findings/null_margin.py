"""Which labels looked wrong in training: their margins are as low as those of labels drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEAR_BEST = 0.01  # how these and the percentiles were chosen stands in benchmarks/README.md
MEMORISING = 0.3
MEMORISING_EPOCHS = 2


@dataclass(frozen=True, eq=False)
class NullComparison:
    """The labels that looked wrong in training.

    Attributes:
        mask: bool (n,).
        epochs: number of epochs whose margins were counted.
        unmemorised_epochs: number of epochs before the probe memorises labels that look wrong; at least `epochs`.
        margin_threshold: mean margin over these epochs below which a label looks wrong.
        fraction_above: of the labels that do not look wrong, the share that no random label comes near; see
            `fractions_above_null`.
    """

    mask: np.ndarray
    epochs: int
    unmemorised_epochs: int
    margin_threshold: float
    fraction_above: float


def compare_with_null(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> NullComparison:
    """Compare the margins of the given labels with those of random other labels.

    A label looks wrong if its mean margin lies below the 90th percentile of what the samples reach under a random other label.
    Counted are the epochs up to the first whose share of clear labels comes within .01 of the greatest: by then the labels were
    learned, hardly any lies between right and wrong, and later epochs could only memorise. See `fractions_above_null`.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        reference: "p90", "p99" and "predicted" by epoch, see `ReferenceMargin.yardstick`.
    """
    fractions_above = fractions_above_null(margins, reference)
    epoch = int(np.argmax(fractions_above >= fractions_above.max() - NEAR_BEST))
    threshold = float(reference["p90"][epoch])
    mask = margins[:, : epoch + 1].mean(axis=1, dtype=np.float64) < threshold
    return NullComparison(mask, epoch + 1, len(fractions_above), threshold, float(fractions_above[epoch]))


def fractions_above_null(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Of the labels that do not look wrong, the share that is clear, for each epoch before the probe memorises wrong labels.

    A label is clear if it is above the 99th percentile of the reference too (mean margins up to that epoch). The probe memorises
    from the epoch on in which it predicts many of the labels that look wrong: .3 more than of the random labels, on which
    nothing was trained, and in the next epoch again; right labels that were learned late do not look wrong any more by then.
    The first epoch is always there.
    """
    running = np.zeros(len(margins))
    fractions_above: list[float] = []
    memorising: list[bool] = []
    for epoch in range(margins.shape[1]):
        running += margins[:, epoch]
        mean = running / (epoch + 1)
        wrong = mean < reference["p90"][epoch]
        predicted = (margins[wrong, epoch] > 0).mean() if wrong.any() else 0.0
        memorising.append(epoch > 0 and predicted >= reference["predicted"][epoch] + MEMORISING)
        fractions_above.append((mean > reference["p99"][epoch]).sum() / max((~wrong).sum(), 1))
    onsets = (epoch for epoch in range(len(memorising)) if all(memorising[epoch : epoch + MEMORISING_EPOCHS]))
    return np.array(fractions_above[: next(onsets, None)])
