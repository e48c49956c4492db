"""Datasets whose items carry their index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils.data import Dataset

from curv_issues.callbacks.batches import INDEX
from curv_issues.errors import UsageError


def with_index(dataset: Any) -> IndexedDataset:
    """Return the dataset with each item's index at its end: (image, label) becomes (image, label, index).

    Mappings get the key "index". The index of a `Subset` is that within the subset; take the subset of `with_index(dataset)` to
    keep the index within the whole.

    Args:
        dataset: a map-style dataset: torch, torchvision, a list, or a `datasets.Dataset` (with its transforms; apply `map` and
            `filter` before).

    Raises:
        UsageError: the dataset has no length or its items cannot be accessed by index.
    """
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")) or isinstance(dataset, Mapping):
        raise UsageError(
            f"with_index needs a dataset with a length and items by index, got {type(dataset).__name__}; let an iterable dataset "
            "yield the index itself."
        )
    return IndexedDataset(dataset)


class IndexedDataset(Dataset[Any]):
    """A dataset whose items end with their index; see `with_index`.

    Attributes:
        dataset: the wrapped dataset.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        index = int(index)
        if index < 0:
            index += len(self)
        return _add_index(self.dataset[index], index)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Return several items, read at once if the dataset can."""
        if not hasattr(self.dataset, "__getitems__"):
            return [self[index] for index in indices]
        items = self.dataset.__getitems__(indices)
        return [_add_index(item, int(index)) for item, index in zip(items, indices, strict=True)]


def _add_index(item: Any, index: int) -> Any:
    if isinstance(item, Mapping):
        if INDEX in item:
            raise UsageError(f"The items of this dataset already have a key {INDEX!r}; rename or remove it.")
        return {**item, INDEX: index}
    return (*item, index) if isinstance(item, tuple | list) else (item, index)
