"""Pairs of compared images; without torch, so that findings and results can be made anew quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

BYTES, PIXELS, NEAR = TESTS = ("identical bytes", "identical pixels", "near")
"""The tests by which two images are found to be the same, the strongest first."""

PER_PAIR = ("first", "second", "similarity", "test", "mirrored")


@dataclass(frozen=True, eq=False)
class ComparedImages:
    """p pairs of images that were compared, and how alike they are; each pair once.

    Attributes:
        first: int64 (p,), position of one image; within one dataset the smaller position.
        second: int64 (p,), position of the other, in the same or in the other dataset.
        similarity: float32 (p,), in [-1, 1]: correlation of the aligned details, 1 for identical images.
        test: object (p,), of `TESTS`: the strongest by which they are the same, or would be with a lower threshold.
        mirrored: bool (p,), whether the mirror image of one is compared.
        threshold: similarity from which on images count as the same.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    test: np.ndarray
    mirrored: np.ndarray
    threshold: float

    def __len__(self) -> int:
        return len(self.first)

    def same(self) -> ComparedImages:
        """Only the pairs that show the same."""
        return self.taken(self.similarity >= self.threshold)

    def taken(self, mask: np.ndarray) -> ComparedImages:
        """Only the pairs of a mask or index."""
        arrays: dict[str, Any] = {name: getattr(self, name)[mask] for name in PER_PAIR}
        return replace(self, **arrays)
