"""The result of planting errors: the data to audit, and what a detector should find in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curv_issues.data.base import LabeledData


@dataclass(frozen=True, eq=False)
class Planted:
    """Data with known errors.

    Attributes:
        data: n samples with planted errors.
        is_error: bool (n,), True for samples that a detector should find.
        pairs: int64 (p, 2), for duplicates: the sample whose image was replaced, and the sample whose image it got;
            None for other kinds.
    """

    data: LabeledData
    is_error: np.ndarray
    pairs: np.ndarray | None = None
