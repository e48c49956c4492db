"""Check what is observed in an epoch, on its device; the numbers are read at the end of the epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from curv_issues.counting import counted
from curv_issues.errors import UsageError
from curv_issues.trackers.base import Observation


class EpochChecks:
    """Checks the observations of an epoch of n samples and k classes, and counts them."""

    def __init__(self, num_samples: int, num_classes: int) -> None:
        self.num_samples, self.num_classes = num_samples, num_classes
        self._latest = torch.full((num_samples,), -1)  # number of each sample's latest observation
        self._number = 0  # of the next observation
        self.reset()

    def reset(self) -> None:
        """Begin an epoch."""
        device = self._latest.device
        self._least, self._most = torch.zeros(2, 2, dtype=torch.int64, device=device)  # of index and labels
        self._counts = torch.zeros(3, dtype=torch.int64, device=device)  # finite, not finite, changed

    def check(self, index: Tensor, logits: Tensor, labels: Tensor) -> tuple[Observation, Tensor]:
        """Return observations whose repeated indices have the values of the last one, and a mask of labels changed by that, (m,).

        Args:
            index: (m,); out of range, it is clamped, as it would end the process on an accelerator, and reported by `close`.
            logits: float32 (m, k); rows with NaN or infinity become NaN.
            labels: (m,); out of range, it is clamped too.
        """
        if self._latest.device != index.device:
            self._latest, self._counts = self._latest.to(index.device), self._counts.to(index.device)
            self._least, self._most = self._least.to(index.device), self._most.to(index.device)
        self._least = self._least.minimum(torch.stack([index.min(), labels.min()]))
        self._most = self._most.maximum(torch.stack([index.max(), labels.max()]))
        index, labels = index.clamp(0, self.num_samples - 1), labels.clamp(0, self.num_classes - 1)
        is_finite = logits.isfinite().all(1)
        self._counts[:2] += torch.stack([is_finite.sum(), (~is_finite).sum()])
        numbers = torch.arange(self._number, self._number + len(index), device=index.device)
        self._number += len(index)
        latest = self._latest.scatter_reduce_(0, index, numbers, "amax")[index] - numbers[0]
        given = labels[latest]
        logits = logits.masked_fill(~is_finite[:, None], torch.nan)[latest]
        return Observation(index=index, labels=given, logits=logits), given != labels

    def count_changed(self, is_changed: Tensor) -> None:
        """Count samples that were observed with another label before, (m,)."""
        self._counts[2] += is_changed.sum()

    def close(self, epoch: int) -> tuple[int, int]:
        """Return the numbers of observations with finite and other logits, and begin the next epoch.

        Raises:
            UsageError: nothing was observed, an index or a label is out of range, or a sample had another label before.
        """
        (least_index, least_label), (most_index, most_label) = self._least.tolist(), self._most.tolist()
        finite, not_finite, changed = self._counts.tolist()
        self.reset()
        if finite + not_finite == 0:
            raise UsageError("Nothing was observed in this epoch; call observe(index, logits, labels) in every step.")
        check_range("indices", least_index, most_index, self.num_samples, "num_samples")
        check_range("labels", least_label, most_label, self.num_classes, "num_classes")
        if changed:
            raise UsageError(
                f"{counted(changed, 'observation')} in epoch {epoch + 1} had another label than an earlier one of the same sample; "
                "pass the given label of each sample and its position in the dataset, such as from with_index(dataset)."
            )
        return finite, not_finite

    def state_dict(self) -> dict[str, list[int]]:
        """Return the counts of the epoch in progress."""
        return {"least": self._least.tolist(), "most": self._most.tolist(), "counts": self._counts.tolist()}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        """Continue an epoch."""
        self._least, self._most, self._counts = (torch.tensor(state[name]) for name in ("least", "most", "counts"))
        self._latest = torch.full((self.num_samples,), -1)


def check_range(what: str, least: int, most: int, end: int, name: str) -> None:
    """Raise UsageError unless observed integers are in [0, end)."""
    if least < 0 or most >= end:
        raise UsageError(f"The {what} run from {least:,} to {most:,}; expected 0 to {end - 1:,} ({name}={end}).")
