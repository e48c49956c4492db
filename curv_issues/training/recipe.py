"""Training hyper-parameters, derived from the dataset size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curv_issues.options import PRESETS, TrainingOptions

if TYPE_CHECKING:
    from curv_issues.curvature import CurvatureForm


@dataclass(frozen=True)
class Recipe:
    """All hyper-parameters of a training run.

    Attributes:
        epochs: passes over the data.
        batch_size: largest batch; batch sizes in an epoch differ by at most one.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: weight decay of SGD, on all weights.
        flip: mirror images at random.
        shift: largest random shift, in probe pixels.
        curvature_epochs: epochs (from 0, increasing, including the last) after which curvature is measured.
        num_matvecs: directions per measurement.
        step: h, in units of [0, 1] pixels.
        form: "squared" or "norm".
        fine_tune: whether the network is pretrained, and so trained for fewer epochs.
        private: the most epsilon of differential privacy that the training may spend; None: it is not private.
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
    fine_tune: bool = False
    private: float | None = None


# Enough steps to learn the classes, too few to memorise all exceptions; benchmarks/README.md explains the choice.
REFERENCE_SIZE = 50_000
REFERENCE_EPOCHS = 8
EPOCHS_EXPONENT = 0.47
MOST_EPOCHS = 40
REFERENCE_BATCH = 256
BATCH_EXPONENT = 0.7
LEAST_BATCH, MOST_BATCH = 16, 512
REFERENCE_RATE = 0.2
IMAGE_DECAY = 5e-4
FINE_TUNE_EPOCHS, FINE_TUNE_BATCH, FINE_TUNE_RATE = 5, 32, 0.008
PRIVATE_BATCH_FACTOR, PRIVATE_RATE = 8, 0.35  # the noise of a step is that of a batch, whatever its size
FEATURE_DECAY, MOST_DECAY = 0.04, 0.02


def make_recipe(options: TrainingOptions, *, num_samples: int, shape: tuple[int, ...]) -> Recipe:
    """Return the hyper-parameters, with those that the options leave open derived from the data.

    Args:
        options: of the training.
        num_samples: n.
        shape: of one input: (c, h, w) of images, (d,) of feature vectors, which are never augmented.

    The number of epochs falls roughly with the square root of the number of samples (8 at 50,000, 40 up to 1,600, 3 at
    500,000). The batch size grows with the number of samples to the power of 0.7 (16 at 500, 256 at 50,000), as a power of
    two from 16 to 512. The learning rate grows with the square root of the batch size. A pretrained network is fine-tuned for
    at most 5 epochs, in batches of at most 32. Private batches are eight times as large.
    """
    effort, are_images = PRESETS[options.preset], len(shape) == 3
    ratio = num_samples / REFERENCE_SIZE
    usual = max(2, round(effort.epochs_factor * standard_epochs(num_samples, fine_tune=options.fine_tune)))
    epochs = usual if options.epochs is None else options.epochs
    most = FINE_TUNE_BATCH if options.fine_tune else MOST_BATCH
    usual_batch = int(np.clip(2 ** round(np.log2(REFERENCE_BATCH * ratio**BATCH_EXPONENT)), LEAST_BATCH, most))
    reference_rate = FINE_TUNE_RATE if options.fine_tune else REFERENCE_RATE
    if options.private is not None:
        usual_batch, reference_rate = min(PRIVATE_BATCH_FACTOR * usual_batch, num_samples), PRIVATE_RATE
    batch_size = options.batch_size or usual_batch
    scored = min(options.curvature_epochs or effort.curvature_epochs, epochs)
    return Recipe(
        epochs=int(epochs),
        batch_size=int(batch_size),
        learning_rate=options.learning_rate or reference_rate * (batch_size / REFERENCE_BATCH) ** 0.5,
        weight_decay=weight_decay(num_samples, shape) if options.weight_decay is None else options.weight_decay,
        flip=are_images and (shape[0] > 1 if options.flip is None else options.flip),
        shift=(shape[-1] // 16 if options.shift is None else options.shift) if are_images else 0,
        curvature_epochs=spread_epochs(epochs, scored),
        num_matvecs=options.num_matvecs or effort.num_matvecs,
        step=options.step,
        form=options.form,
        fine_tune=options.fine_tune,
        private=options.private,
    )


def weight_decay(num_samples: int, shape: tuple[int, ...]) -> float:
    """Return the default weight decay: 0.0005 for images; for d features, 0.04 d / n, from 0.0005 to 0.02.

    The more features per sample, the sooner wrong labels are memorised. Chosen on features of CIFAR-100 (d / n = 0.13, best from
    0.005 to 0.02), MNIST (0.03) and generated tables (0.01; both best at 0.0005).
    """
    if len(shape) == 3:
        return IMAGE_DECAY
    return float(np.clip(FEATURE_DECAY * shape[0] / num_samples, IMAGE_DECAY, MOST_DECAY))


def standard_epochs(num_samples: int, *, fine_tune: bool = False) -> float:
    """Return the epochs of the preset "standard" for this dataset size, before rounding."""
    return min(
        FINE_TUNE_EPOCHS if fine_tune else MOST_EPOCHS, REFERENCE_EPOCHS * (num_samples / REFERENCE_SIZE) ** -EPOCHS_EXPONENT
    )


def spread_epochs(epochs: int, count: int) -> tuple[int, ...]:
    """Return `count` evenly spread epochs from 0 to epochs - 1, including the last."""
    return tuple(round(epochs * (i + 1) / count) - 1 for i in range(count))
