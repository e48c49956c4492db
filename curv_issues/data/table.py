"""The common form of every source: a table with columns, one of images and one of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from curv_issues.data.column_types import ClassType, ColumnType, ImageType, ValueType
from curv_issues.data.decoding import EncodedImage, EncodedImages
from curv_issues.data.encoded import FileImages
from curv_issues.data.image_records import ImageRecords

if TYPE_CHECKING:
    from curv_issues.data.folder_labels import MatchedTable

LABEL = "label"
IMAGE = "image"


class Table(Protocol):
    """n rows read on demand: one file, one split of a folder, or an in-memory dataset.

    Attributes:
        name: name of the table in messages.
        types: column name -> type.
    """

    name: str
    types: Mapping[str, ColumnType]

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def values(self, column: str) -> list[Any]:
        """Return all values of a column as native Python types."""
        ...

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the encoded images in the given rows of a column; rows are int64 and increasing."""
        ...

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column other than images and labels as Arrow arrays of consecutive rows, a few megabytes at a time."""
        ...

    def origin(self, column: str) -> str:
        """Return the source of the labels in a column, for people: "column 'label' of metadata.csv"."""
        ...

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return the paths of the files behind these rows, relative to the dataset folder; [] for in-memory data."""
        ...


class FileTable:
    """Image files, with one label each or without labels."""

    def __init__(
        self,
        root: Path,
        paths: Sequence[str],
        *,
        name: str,
        labels: Sequence[Any] | None = None,
        class_names: Sequence[str] | None = None,
        label_column: str = LABEL,
        label_origin: str = "",
        class_place: int | None = None,
        tables: Sequence[MatchedTable] = (),
    ) -> None:
        """Store paths and labels; no file is opened.

        Args:
            root: the dataset folder.
            paths: n paths relative to it, with forward slashes.
            name: name of the table in messages.
            labels: n values, or indices into `class_names`; None: the files have no labels.
            class_names: names of the classes.
            label_column: name of the label column.
            label_origin: source of the labels, for people.
            class_place: which part of a path names the class, from 0; None: the labels are not folder names.
            tables: the tables of labels.
        """
        self.name = name
        self.root = root
        self.paths = list(paths)
        self.class_place = class_place
        self.tables = tables
        self._labels = labels
        self._label_column = label_column
        self._label_origin = label_origin
        self.types: Mapping[str, ColumnType] = {IMAGE: ImageType()}
        if labels is not None:
            kind = ValueType("string") if class_names is None else ClassType(tuple(class_names))
            self.types = {**self.types, label_column: kind}

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def values(self, column: str) -> list[Any]:
        """Return the labels."""
        assert column == self._label_column
        assert self._labels is not None
        return list(self._labels)

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the files in the given rows."""
        assert column == IMAGE
        return FileImages(self.root, [self.paths[row] for row in rows])

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Raise KeyError: it has no further columns."""
        raise KeyError(column)

    def origin(self, column: str) -> str:
        """Return the source of the labels: folder names or a table."""
        return self._label_origin

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return one file per row."""
        return [self.paths[row] for row in rows]


class RecordTable:
    """Images with labels from a Python object: a DataFrame, a torch dataset, or lists of paths and labels."""

    def __init__(self, records: ImageRecords) -> None:
        self.name = records.name
        self._records = records
        kind = ValueType("string") if records.class_names is None else ClassType(tuple(records.class_names))
        self.types: Mapping[str, ColumnType] = {IMAGE: ImageType(), LABEL: kind}

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._records.labels)

    def values(self, column: str) -> list[Any]:
        """Return the labels."""
        assert column == LABEL
        return self._records.labels

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the images in the given rows."""
        assert column == IMAGE
        return self._records.images.select(rows)

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Raise KeyError: it has no further columns."""
        raise KeyError(column)

    def origin(self, column: str) -> str:
        """Return the source of the labels."""
        return self._records.label_origin

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return []: there is no dataset folder."""
        return []


class JoinedImages:
    """Concatenated encoded images of several tables."""

    def __init__(self, parts: Sequence[EncodedImages]) -> None:
        self._parts = list(parts)
        self._starts = np.cumsum([0, *(len(part) for part in self._parts)])

    def __len__(self) -> int:
        """Return the number of images in all parts."""
        return int(self._starts[-1])

    def read(self, indices: range) -> Iterator[EncodedImage]:
        """Yield the images at these indices, in order."""
        for part, start, stop in zip(self._parts, self._starts[:-1], self._starts[1:], strict=True):
            inside = range(max(indices.start, start) - start, min(indices.stop, stop) - start)
            if inside:
                yield from part.read(inside)
