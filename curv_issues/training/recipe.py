"""From the size of the dataset to epochs, batch size and learning rate: the one place of that rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curv_issues.options import PRESETS, TrainingOptions

if TYPE_CHECKING:
    from curv_issues.curvature import CurvatureForm


@dataclass(frozen=True)
class Recipe:
    """A training run with nothing left open.

    Attributes:
        epochs: passes over the data.
        batch_size: largest batch; batches of an epoch differ by at most one sample.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: of SGD, on all weights.
        flip: mirror at random.
        shift: largest random shift, probe pixels.
        curvature_epochs: epochs (from 0, increasing, the last one included) after which curvature is measured.
        num_matvecs: directions a measurement.
        step: h, units of [0, 1] pixels.
        form: "squared" or "norm".
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    flip: bool
    shift: int
    curvature_epochs: tuple[int, ...]
    num_matvecs: int
    step: float
    form: CurvatureForm


# How these were chosen stands in benchmarks/README.md: enough steps to learn the classes, too few to learn all exceptions.
REFERENCE_SIZE = 50_000
REFERENCE_EPOCHS = 8
EPOCHS_EXPONENT = 0.47
MOST_EPOCHS = 40
REFERENCE_BATCH = 256
BATCH_EXPONENT = 0.7
REFERENCE_RATE = 0.2


def make_recipe(options: TrainingOptions, *, num_samples: int, resolution: int, grey: bool) -> Recipe:
    """Fill in what the options leave open.

    Epochs fall about with the square root of the number of samples (8 at 50,000, 40 up to 1,600, 3 at 500,000);
    the batch grows with the size to the power of 0.7 (16 at 500, 256 at 50,000), as a power of two from 16 to 512; the
    learning rate follows the square root of the batch.
    """
    effort = PRESETS[options.preset]
    ratio = num_samples / REFERENCE_SIZE
    epochs = options.epochs or max(2, round(effort.epochs_factor * standard_epochs(num_samples)))
    batch_size = options.batch_size or int(np.clip(2 ** round(np.log2(REFERENCE_BATCH * ratio**BATCH_EXPONENT)), 16, 512))
    scored = min(options.curvature_epochs or effort.curvature_epochs, epochs)
    return Recipe(
        epochs=int(epochs),
        batch_size=int(batch_size),
        learning_rate=options.learning_rate or REFERENCE_RATE * (batch_size / REFERENCE_BATCH) ** 0.5,
        weight_decay=options.weight_decay,
        flip=not grey if options.flip is None else options.flip,
        shift=resolution // 16 if options.shift is None else options.shift,
        curvature_epochs=spread_epochs(epochs, scored),
        num_matvecs=options.num_matvecs or effort.num_matvecs,
        step=options.step,
        form=options.form,
    )


def standard_epochs(num_samples: int) -> float:
    """Epochs of the preset "standard" for a dataset of this size, before rounding."""
    return min(MOST_EPOCHS, REFERENCE_EPOCHS * (num_samples / REFERENCE_SIZE) ** -EPOCHS_EXPONENT)


def spread_epochs(epochs: int, count: int) -> tuple[int, ...]:
    """`count` of the epochs 0 to epochs - 1, evenly spread, the last one included."""
    return tuple(round(epochs * (i + 1) / count) - 1 for i in range(count))
