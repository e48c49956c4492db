"""The result type of all baselines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """The result of a baseline on n samples.

    Attributes:
        scores: float64 (n,) by name; `BASELINES` has the direction of each.
        flagged: bool (n,), whether the label is flagged as wrong; None if the baseline only ranks.
        trainings: number of networks trained from fresh weights.
        seconds: total wall-clock time.
        plain_seconds: wall-clock time of one training on all data, scaled from these trainings; None without trainings.
        info: evidence, documented by each baseline.
    """

    scores: dict[str, np.ndarray]
    flagged: np.ndarray | None
    trainings: int
    seconds: float
    plain_seconds: float | None = None
    info: dict[str, Any] = field(default_factory=dict)
