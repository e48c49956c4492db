"""Read the batches of a user's loader: inputs, labels, index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from curv_issues.callbacks.checks import check_range
from curv_issues.errors import UsageError
from curv_issues.training.scoring import ScoringBatch

INDEX = "index"
LABELS = ("labels", "label")


@dataclass(frozen=True, eq=False)
class LoadedBatch:
    """A batch of b samples.

    Attributes:
        inputs: what the network is called with, (b, ...), or a mapping of keyword arguments.
        labels: (b,), the given labels.
        index: (b,), positions in the dataset.
        keyword: name under which the network takes a single input; None: it is positional.
    """

    inputs: Any
    labels: Tensor
    index: Tensor
    keyword: str | None = None


def read_batch(batch: Any) -> LoadedBatch:
    """Return a batch of a loader over `with_index(dataset)`: (inputs, labels, index), or a mapping with `labels` and `index`.

    Raises:
        UsageError: it has no index or no labels.
    """
    if isinstance(batch, Mapping):
        name = next((name for name in LABELS if name in batch), None)
        if INDEX not in batch or name is None:
            raise UsageError(
                f"A batch has the keys {', '.join(map(str, batch))}; expected {INDEX!r} and {LABELS[0]!r} or {LABELS[1]!r}. "
                "Make the loader over curv_issues.with_index(dataset)."
            )
        inputs = {key: value for key, value in batch.items() if key not in (INDEX, name)}
        if len(inputs) == 1:
            ((key, value),) = inputs.items()
            return LoadedBatch(value, batch[name], batch[INDEX], keyword=key)
        return LoadedBatch(inputs, batch[name], batch[INDEX])
    if isinstance(batch, tuple | list) and len(batch) == 3:
        return LoadedBatch(*batch)
    got = f"a sequence of {len(batch)}" if isinstance(batch, tuple | list) else f"a {type(batch).__name__}"
    raise UsageError(
        f"Expected batches of (inputs, labels, index), got {got}; make the loader over curv_issues.with_index(dataset)."
    )


class Logits(nn.Module):
    """A network whose outputs are its logits, float (b, k), also if it takes keywords or returns an object with `.logits`."""

    def __init__(self, network: nn.Module, num_classes: int, *, keyword: str | None = None) -> None:
        super().__init__()
        self.network, self.num_classes, self.keyword = network, num_classes, keyword

    def forward(self, inputs: Any) -> Tensor:
        """Return the logits of a batch.

        Raises:
            UsageError: the network returns something else.
        """
        if self.keyword is not None:
            inputs = {self.keyword: inputs}
        output = self.network(**inputs) if isinstance(inputs, Mapping) else self.network(inputs)
        logits = getattr(output, "logits", output)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] != self.num_classes:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise UsageError(f"The network must return logits of shape (b, {self.num_classes}), got {got}.")
        return logits


def scoring_batches(
    batches: Iterable[LoadedBatch], observed: Tensor, num_classes: int, device: torch.device
) -> Iterator[ScoringBatch]:
    """Yield the batches on a device, after checking index and labels.

    Args:
        batches: of a user's loader.
        observed: int64 (n,), the labels that were observed in training, on the CPU; -1: not observed.
        num_classes: k.
        device: device of the network.

    Raises:
        UsageError: an index or label is out of range, or a label is not that observed.
    """
    for batch in batches:
        index, labels = (torch.as_tensor(values).cpu().long() for values in (batch.index, batch.labels))
        if index.ndim != 1 or labels.shape != index.shape:
            raise UsageError(f"Expected index and labels of shape (b,), got {tuple(index.shape)} and {tuple(labels.shape)}.")
        check_range("indices", int(index.min()), int(index.max()), len(observed), "num_samples")
        check_range("labels", int(labels.min()), int(labels.max()), num_classes, "num_classes")
        differ = (observed[index] >= 0) & (observed[index] != labels)
        if differ.any():
            sample = int(index[differ][0])
            raise UsageError(
                f"Sample {sample} was observed with class {int(observed[sample])}, but has class {int(labels[differ][0])} in the "
                "batches to score; expected the dataset that was trained on, in its order."
            )
        yield ScoringBatch(index, _to_device(batch.inputs, device), labels.to(device))


def _to_device(inputs: Any, device: torch.device) -> Any:
    """Return a tensor, or a mapping of tensors, on the device."""
    if isinstance(inputs, Mapping):
        return {name: _to_device(value, device) for name, value in inputs.items()}
    return torch.as_tensor(inputs).to(device, non_blocking=True)
