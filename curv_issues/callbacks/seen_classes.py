"""The given label of each sample, and the class that the network prefers among the others."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curv_issues.curvature import strongest_others

_CLASS_BITS = 32


class SeenClasses:
    """Classes of n samples as they were observed last.

    Attributes:
        labels: int64 (n,), the given labels; -1: not observed.
    """

    def __init__(self, num_samples: int) -> None:
        self.labels = torch.full((num_samples,), -1)
        self._rivals = torch.full((num_samples,), -1)  # the epoch in the upper bits, so that the latest is the greatest

    def observe(self, epoch: int, index: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """Record a batch, all on one device; return a mask of the labels that differ from those observed before, (b,)."""
        if self.labels.device != index.device:
            self.labels, self._rivals = self.labels.to(index.device), self._rivals.to(index.device)
        before = self.labels[index]
        self.labels[index] = labels
        self._rivals[index] = strongest_others(logits, labels) + (epoch << _CLASS_BITS)
        return (before >= 0) & (before != labels)

    def rivals(self) -> np.ndarray:
        """Return the strongest other class in the latest observation, int64 (n,); arbitrary where there is none."""
        return (self._rivals.cpu() & ((1 << _CLASS_BITS) - 1)).numpy()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state, on the CPU."""
        return {"labels": self.labels.cpu().clone(), "rivals": self._rivals.cpu().clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Load a state with the same number of samples."""
        self.labels, self._rivals = state["labels"].clone(), state["rivals"].clone()

    def merge(self, states: list[dict[str, Tensor]]) -> int:
        """Load what all ranks have observed; return the number of samples with different labels on two ranks."""
        labels = torch.stack([state["labels"] for state in states])
        known = torch.where(labels < 0, labels.max(0).values, labels)
        self.load_state_dict(
            {"labels": labels.max(0).values, "rivals": torch.stack([state["rivals"] for state in states]).max(0).values}
        )
        return int((known != labels.max(0).values).any(0).sum())
