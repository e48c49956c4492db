"""The probabilities of all classes by epoch, from which the noise of the labels is estimated."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Quantity

MOST_BYTES = 1_000_000_000


class ClassHistory(Quantity):
    """Log-probability of each of k classes in the training pass, float16 (n, e, k): 2 bytes per sample, epoch and class."""

    name: ClassVar[str] = "class_history"
    needs: ClassVar[Need] = Need.TRAINING

    def __init__(self, num_samples: int, num_epochs: int, num_classes: int) -> None:
        super().__init__(num_samples, num_epochs)
        self.num_classes = num_classes

    def measure(self, batch: Observation) -> Tensor:
        """Return the log-probabilities, (b, k)."""
        return batch.logits.log_softmax(1)

    def _unmeasured(self, device: torch.device) -> Tensor:
        return torch.full((self.num_samples, self.num_classes), math.nan, dtype=torch.float16, device=device)

    @property
    def history(self) -> np.ndarray:
        """Return the log-probabilities in the e measured epochs, float16 (n, e, k)."""
        return super().history if self.measured else np.empty((self.num_samples, 0, self.num_classes), dtype=np.float16)


def fits(num_samples: int, num_epochs: int, num_classes: int) -> bool:
    """Return whether the history takes at most 1 GB."""
    return 2 * num_samples * num_epochs * num_classes <= MOST_BYTES
