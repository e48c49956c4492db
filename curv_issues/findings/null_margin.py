"""Find labels whose training margins are as low as those of random labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEAR_BEST = 0.01  # benchmarks/README.md explains how these and the percentiles were chosen
MEMORISING = 0.3
MEMORISING_EPOCHS = 2


@dataclass(frozen=True, eq=False)
class NullComparison:
    """The labels that looked wrong in training.

    Attributes:
        below_null: bool (n,), whether the label looked wrong: its mean margin is below `margin_threshold`.
        epochs: number of epochs whose margins were averaged.
        unmemorised_epochs: number of epochs before the probe memorises labels that look wrong; at least `epochs`.
        margin_threshold: mean margin over the first `epochs` epochs below which a label looks wrong.
        fraction_above: fraction of the labels that do not look wrong that lie clearly above the random labels; see
            `fractions_above_null`.
    """

    below_null: np.ndarray
    epochs: int
    unmemorised_epochs: int
    margin_threshold: float
    fraction_above: float


def compare_with_null(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> NullComparison:
    """Compare the margins of the given labels with those of random other labels.

    A label looks wrong if its mean margin is below the 90th percentile of the margins of random other labels. Margins are
    averaged up to the first epoch whose fraction of clear labels is within 0.01 of the maximum: by then the labels are
    learned, hardly any is undecided, and later epochs could only memorise. See `fractions_above_null`.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        reference: "p90", "p99" and "predicted" by epoch; see `ReferenceMargin.null_distribution`.
    """
    fractions_above = fractions_above_null(margins, reference)
    epoch = int(np.argmax(fractions_above >= fractions_above.max() - NEAR_BEST))
    threshold = float(reference["p90"][epoch])
    below_null = margins[:, : epoch + 1].mean(axis=1, dtype=np.float64) < threshold
    return NullComparison(below_null, epoch + 1, len(fractions_above), threshold, float(fractions_above[epoch]))


def fractions_above_null(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Return the fraction of clear labels among those that do not look wrong, for each epoch before memorisation starts.

    A label is clear if its mean margin up to that epoch is also above the 99th percentile of the reference. Memorisation
    starts when the probe predicts many of the labels that look wrong: in two consecutive epochs, a fraction higher by 0.3
    than for the random labels, which are not trained on. Two epochs, because correct labels that were learned late no longer
    look wrong in the second. The first epoch is always included.
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
