"""The training steps that are observed but not evaluated yet."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_LOGITS = 2**22  # 16 MB


class PendingSteps:
    """Copies of the steps of an epoch, so that most steps cost three copies and the quantities are computed for many at once."""

    def __init__(self) -> None:
        self._steps: list[tuple[Tensor, Tensor, Tensor]] = []
        self._num_logits = 0

    def add(self, index: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Copy a step, as compiled networks and loaders may reuse its memory."""
        self._steps.append((index.clone(), logits.clone(), labels.clone()))
        self._num_logits += logits.numel()

    @property
    def is_full(self) -> bool:
        """Return whether the steps should be taken out."""
        return self._num_logits >= MOST_LOGITS

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def device_type(self) -> str:
        """Return the type of the device of the logits."""
        return self._steps[-1][1].device.type

    def take(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return index (m,), logits (m, k) and labels (m,) of all steps on the device of the logits, and drop the steps."""
        index, logits, labels = (torch.cat(parts) for parts in zip(*self._steps, strict=True))
        self._steps, self._num_logits = [], 0
        device = logits.device
        return index.to(device, torch.int64, non_blocking=True), logits.float(), labels.to(device, torch.int64, non_blocking=True)
