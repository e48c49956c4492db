"""Progress events of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """A progress event.

    Attributes:
        stage: "load", "features", "train", "score", "cross_fit", "compare", "write", "export" (of images), or "cells" (of a
            benchmark).
        done: work done in this stage, in samples; in steps for "compare", in files or samples for "write".
        total: work of the whole stage, in the same unit.
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
StepCallback = Callable[[int, int], None]
