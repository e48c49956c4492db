"""What a run tells of itself while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One step forward.

    Attributes:
        stage: "load", "train", "score", "compare", or "cells" of a benchmark.
        done: work done in all of this stage, in units of samples; of "compare", in steps.
        total: work of the whole stage, same unit.
        epoch: number of the epoch in progress, from 1; None outside training.
        epochs: number of epochs of the run; None outside training.
        loss: mean training loss so far in this epoch; None outside training.
    """

    stage: str
    done: int
    total: int
    epoch: int | None = None
    epochs: int | None = None
    loss: float | None = None


ProgressCallback = Callable[[Progress], None]
