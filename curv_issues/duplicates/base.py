"""Pairs of compared images. Does not import torch, so that saved results load quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

BYTES, PIXELS, FEATURES, NEAR = TESTS = ("identical bytes", "identical pixels", "identical features", "near")
"""The tests that identify duplicates, strongest first."""

PER_PAIR = ("first", "second", "similarity", "test", "mirrored", "turns")


@dataclass(frozen=True, eq=False)
class ComparedImages:
    """p pairs of compared images with their similarities; each pair once.

    Attributes:
        first: int64 (p,), position of one image; within one dataset the smaller position.
        second: int64 (p,), position of the other image, in the same or in the other dataset.
        similarity: float32 (p,), in [-1, 1]: correlation of the aligned details, 1 for identical images.
        test: object (p,), one of `TESTS`: the strongest that the pair passes, or would pass with a lower threshold.
        mirrored: bool (p,), whether the second image was mirrored before the comparison.
        turns: int64 (p,), by how many quarter turns, counterclockwise, the second image was turned then; 0 to 3.
        threshold: minimum similarity of duplicates.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    test: np.ndarray
    mirrored: np.ndarray
    turns: np.ndarray
    threshold: float

    def __len__(self) -> int:
        return len(self.first)

    def same(self) -> ComparedImages:
        """Return only the pairs of duplicates."""
        return self.taken(self.similarity >= self.threshold)

    def taken(self, mask: np.ndarray) -> ComparedImages:
        """Return only the pairs that a mask or index selects."""
        arrays: dict[str, Any] = {name: getattr(self, name)[mask] for name in PER_PAIR}
        return replace(self, **arrays)
