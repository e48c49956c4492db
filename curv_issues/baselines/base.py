"""What every baseline returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """What a baseline found out of n samples.

    Attributes:
        scores: float64 (n,) by name; the direction of each stands in `BASELINES`.
        flagged: bool (n,), the samples it calls wrong; None where it only ranks.
        trainings: number of networks trained from fresh weights.
        seconds: wall-clock time of everything.
        plain_seconds: of one training on all the data, as long as it took within these trainings; None without trainings.
        info: evidence; each baseline says what it puts there.
    """

    scores: dict[str, np.ndarray]
    flagged: np.ndarray | None
    trainings: int
    seconds: float
    plain_seconds: float | None = None
    info: dict[str, Any] = field(default_factory=dict)
