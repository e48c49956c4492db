"""What a noise kind gives back: the data to audit and what a detector should find in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curv_issues.data.base import LabeledData


@dataclass(frozen=True, eq=False)
class Planted:
    """Data with known errors.

    Attributes:
        data: n samples, errors planted.
        truth: bool, (n,): True for what a detector should find.
        pairs: int64, (p, 2), of duplicates: the sample whose image was replaced, and the sample it was replaced by;
            None for other kinds.
    """

    data: LabeledData
    truth: np.ndarray
    pairs: np.ndarray | None = None
