"""Verdicts on built samples: flips, blends of two pictures, classes of three members, and foreign pictures; and on human labels.

python -m benchmarks.verdicts DATASETS           all cells: about 1 hour of one core
python -m benchmarks.verdicts DATASETS --smoke   the same code on digits: under a minute
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData

FLIPPED, BLENDED, FOREIGN = 0.02, 0.01, 0.002  # fractions of the samples
RARE_CLASSES, RARE_MEMBERS = 5, 3
KINDS = ("right", "mislabeled", "ambiguous", "rare", "outlier")


@dataclass(frozen=True, eq=False)
class Built:
    """Built samples.

    Attributes:
        data: n samples with their given labels.
        kind: int64 (n,), index into `KINDS`: what each sample is.
        true: int64 (n,), the classes before labels were flipped.
    """

    data: LabeledData
    kind: np.ndarray
    true: np.ndarray


def build(data: LabeledData, others: LabeledData, seed: int) -> Built:
    """Return the samples with some replaced by flips, blends and foreign pictures, and with small classes of `others` added.

    A flipped label becomes another class at random. A blend is the mean of a picture and one of another class. Foreign pictures
    are noise and hand-written digits, one half each.
    """
    random = np.random.default_rng(seed)
    assert data.images is not None
    assert others.images is not None
    images, labels, k = data.images.copy(), data.labels.copy(), data.num_classes
    kind = np.zeros(len(data), dtype=np.int64)
    counts = [round(fraction * len(data)) for fraction in (FLIPPED, BLENDED, FOREIGN)]
    flipped, blended, foreign, _ = np.split(random.permutation(len(data)), np.cumsum(counts))
    kind[flipped], kind[blended], kind[foreign] = (KINDS.index(name) for name in ("mislabeled", "ambiguous", "outlier"))
    labels[flipped] = (labels[flipped] + random.integers(1, k, len(flipped))) % k
    for index in blended:
        partner = random.choice(np.flatnonzero(data.labels != data.labels[index]))
        images[index] = (data.images[index].astype(int) + data.images[partner] + 1) // 2
    images[foreign] = foreign_pictures(random, images[foreign].shape)
    chosen = random.choice(np.unique(others.labels), RARE_CLASSES, replace=False)
    rare = np.concatenate([random.choice(np.flatnonzero(others.labels == c), RARE_MEMBERS, replace=False) for c in chosen])
    names = [*data.class_names, *(f"rare {others.class_names[c]}" for c in chosen)]
    more = k + np.repeat(np.arange(RARE_CLASSES), RARE_MEMBERS)
    return Built(
        from_arrays(np.concatenate([images, others.images[rare]]), np.concatenate([labels, more]), class_names=names),
        np.concatenate([kind, np.full(len(rare), KINDS.index("rare"))]),
        np.concatenate([data.labels, more]),
    )


def foreign_pictures(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return noise and enlarged hand-written digits, uint8 of this shape (n, side, side, channels)."""
    n, side, _, channels = shape
    pictures = random.integers(0, 256, shape, dtype=np.uint8)
    digits = load_digits().images
    for index, digit in enumerate(random.choice(len(digits), n // 2, replace=False)):
        enlarged = np.kron(digits[digit] * 15.9, np.ones((side // 8, side // 8)))
        pictures[index] = np.repeat(enlarged.astype(np.uint8)[:, :, None], channels, axis=2)
    return pictures
