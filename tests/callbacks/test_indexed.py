from __future__ import annotations

from typing import Any

import datasets
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from curv_issues import with_index
from curv_issues.errors import UsageError

PAIRS = [(10.0, 1), (20.0, 2), (30.0, 3)]


class Bulk:
    """A dataset that reads several items at once."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[float, int]:
        raise AssertionError("read one by one")

    def __getitems__(self, indices: list[int]) -> list[tuple[float, int]]:
        self.calls.append(indices)
        return [PAIRS[index] for index in indices]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (PAIRS, (20.0, 2, 1)),
        ([[1, 2], [3, 4]], (3, 4, 1)),
        ([{"x": 1}, {"x": 2}], {"x": 2, "index": 1}),
        (torch.tensor([5.0, 6.0]), (torch.tensor(6.0), 1)),
    ],
)
def test_items_end_with_their_index(items: Any, expected: Any) -> None:
    data = with_index(items)
    assert len(data) == len(items)
    assert data[1] == expected
    assert data.__getitems__([0, 1])[1] == expected
    assert data[1 - len(items)] == expected


def test_several_items_are_read_at_once() -> None:
    bulk = Bulk()
    ((values, labels, index),) = DataLoader(with_index(bulk), batch_size=3)
    assert (values.tolist(), labels.tolist(), index.tolist()) == ([10.0, 20.0, 30.0], [1, 2, 3], [0, 1, 2])
    assert bulk.calls == [[0, 1, 2]]


def test_workers() -> None:
    data = with_index(TensorDataset(torch.arange(10.0), torch.arange(10) % 2))
    loader = DataLoader(data, batch_size=4, shuffle=True, num_workers=2)
    seen = [(value, index) for values, _, indices in loader for value, index in zip(values.tolist(), indices.tolist(), strict=True)]
    assert sorted(seen) == [(float(index), index) for index in range(10)]


def test_a_hugging_face_dataset() -> None:
    data = datasets.Dataset.from_dict({"x": [1, 2, 3, 4], "label": [0, 1, 0, 1]}).with_transform(lambda rows: {"y": rows["x"]})
    (batch,) = DataLoader(with_index(data), batch_size=4)
    assert {name: values.tolist() for name, values in batch.items()} == {"y": [1, 2, 3, 4], "index": [0, 1, 2, 3]}
    assert len(with_index(data)) == 4


def test_subsets() -> None:
    assert [item[-1] for item in Subset(with_index(PAIRS), [2, 0])] == [2, 0]
    assert [item[-1] for item in with_index(Subset(PAIRS, [2, 0])).__getitems__([0, 1])] == [0, 1]


class Endless(IterableDataset[int]):
    def __iter__(self) -> Any:
        return iter(range(3))


@pytest.mark.parametrize("data", [Endless(), iter(PAIRS), {"x": 1}, 5])
def test_datasets_without_items_by_index_are_refused(data: Any) -> None:
    with pytest.raises(UsageError, match="with_index needs a dataset with a length and items by index"):
        with_index(data)


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="already have a key 'index'"):
        with_index([{"index": 3}])[0]
