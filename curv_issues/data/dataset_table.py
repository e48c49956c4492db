"""A `datasets.Dataset` as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa

from curv_issues.data.column_types import ClassType, ColumnType, ImageType, OtherType, StructType, ValueType
from curv_issues.data.decoding import EncodedImages
from curv_issues.data.encoded import ArrowImages

_CHUNK = 1_000  # rows read at a time


class DatasetTable:
    """A `datasets.Dataset`."""

    def __init__(
        self, dataset: datasets.Dataset, *, name: str, folder: Path | None = None, files: Sequence[str] = (), keep: object = None
    ) -> None:
        """Wrap a dataset.

        Args:
            dataset: the dataset to wrap.
            name: name of the table in messages.
            folder: the dataset folder that contains its image files; None: they may be anywhere.
            files: paths of the files it was read from.
            keep: an object that must live as long as the table, such as a temporary folder.
        """
        self.dataset = dataset
        self._files = files
        self._keep = keep
        self.name = name
        self.types: Mapping[str, ColumnType] = types_of(dataset.features)
        self.folder = folder

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.dataset)

    def values(self, column: str) -> list[Any]:
        """Return all values of a column."""
        return self.dataset.select_columns([column]).with_format("arrow")[:].column(0).to_pylist()

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the encoded images in the given rows of a column."""
        return ArrowImages(self.dataset, column, rows=rows, folder=self.folder)

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column in arrays of at most 1,000 rows."""
        rows = self.dataset.select_columns([column]).with_format("arrow")
        for start in range(0, len(rows), _CHUNK):
            yield from rows[start : start + _CHUNK].column(0).chunks

    def origin(self, column: str) -> str:
        """Return a description of the column for messages."""
        return f"column {column!r}"

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return the files of all rows."""
        return self._files


def types_of(features: Mapping[str, Any]) -> dict[str, ColumnType]:
    """Return a mapping of column name to type for `datasets.Features`."""
    return {name: _convert(feature) for name, feature in features.items()}


def _convert(feature: Any) -> ColumnType:
    if isinstance(feature, datasets.Image):
        return ImageType()
    if isinstance(feature, datasets.ClassLabel) and feature.names:
        return ClassType(tuple(feature.names))
    if isinstance(feature, datasets.Value):
        return ValueType(str(feature.dtype))
    if isinstance(feature, dict):
        return StructType(types_of(feature))
    return OtherType(type(feature).__name__)
