"""Changes by table and by file: which labels are replaced, and which rows are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from curv_issues.applying.source import AuditedDataset
from curv_issues.data.column_types import ClassType
from curv_issues.data.joined_labels import read_labels
from curv_issues.data.label_names import original_column
from curv_issues.data.opening import OpenedDataset
from curv_issues.data.splits import Piece, Selection
from curv_issues.data.table import Table
from curv_issues.errors import DatasetError

ONLY_CHANGES = "write the list of changes instead: --format changes (format='changes')"


@dataclass(frozen=True, eq=False)
class TableEdits:
    """Edits of one file of rows.

    Attributes:
        label_column: name of the label column; repeated names are those of `read_table`.
        labels: row -> class name.
        removed: rows to leave out.
        new_classes: classes to add to the names of a ClassLabel column that lacks them.
        classes: class names of an integer column, if the file does not contain them.
        texts: further columns, row -> text.
    """

    label_column: str | None
    labels: Mapping[int, str] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    new_classes: tuple[str, ...] = ()
    classes: ClassType | None = None
    texts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    @property
    def original(self) -> str | None:
        """Name of the column of original labels; it is added unless it exists."""
        return None if self.label_column is None else original_column(self.label_column)

    def part(self, start: int, stop: int) -> TableEdits:
        """Return the edits of the rows from start to stop, counted from start."""
        return TableEdits(
            self.label_column,
            {row - start: name for row, name in self.labels.items() if start <= row < stop},
            frozenset(row - start for row in self.removed if start <= row < stop),
            self.new_classes,
            self.classes,
            {
                column: {row - start: text for row, text in texts.items() if start <= row < stop}
                for column, texts in self.texts.items()
            },
        )


@dataclass(frozen=True, eq=False)
class DatasetEdits:
    """Edits of a dataset.

    Attributes:
        audited: the dataset.
        labels: row of the selection -> class name after.
        removed: rows of the selection to leave out.
        name: name of the new folder.
    """

    audited: AuditedDataset
    labels: Mapping[int, str]
    removed: frozenset[int]
    name: str

    @property
    def opened(self) -> OpenedDataset:
        """The tables and labels of the dataset."""
        return self.audited.opened

    @property
    def tables(self) -> dict[str, list[Table]]:
        """The tables of all splits."""
        return {split: list(tables) for split, tables in self.opened.source.splits.items()}

    def size_after(self, split: str) -> int:
        """Return the number of rows of a split after the edits."""
        return sum(len(table) - len(self.of_table(table).removed) for table in self.tables[split])

    def of_table(self, table: Table) -> TableEdits:
        """Return the edits of one table, whose rows may be selected in part or not at all."""
        labels: dict[int, str] = {}
        removed: set[int] = set()
        start = 0
        for piece in self.opened.selection.pieces:
            stop = start + len(piece.rows)
            if piece.table is table:
                labels.update({int(piece.rows[row - start]): name for row, name in self.labels.items() if start <= row < stop})
                removed.update(int(piece.rows[row - start]) for row in self.removed if start <= row < stop)
            start = stop
        column = self.opened.columns.label
        kind = table.types.get(column)
        return TableEdits(
            None if kind is None else column,
            labels,
            frozenset(removed),
            tuple(dict.fromkeys(self.labels.values())),
            kind if isinstance(kind, ClassType) else None,
        )


@dataclass(frozen=True)
class Written:
    """A dataset that was written into a folder.

    Attributes:
        dataset: what to open: paths below the folder, "" for the folder itself; None: the audited dataset.
        options: values of `SourceOptions` that are paths below the folder.
        new_paths: old path -> new path, for files that were moved.
        splits: split -> its new name, for those that were renamed.
        notes: what a user should know, one line each.
    """

    dataset: Sequence[str] | None = ("",)
    options: Mapping[str, str] = field(default_factory=dict)
    new_paths: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Listing:
    """The samples of one split in order.

    Attributes:
        names: class names; None for samples without a label.
        paths: image files; [] if samples have no files of their own.
    """

    names: list[str | None]
    paths: list[str]


def list_labels(splits: Mapping[str, Sequence[Table]], opened: OpenedDataset, *, is_folder: bool) -> dict[str, Listing]:
    """Return the labels of all splits that have some.

    Args:
        splits: the tables by split.
        opened: the dataset, whose columns are read.
        is_folder: whether each sample has a file of its own.
    """
    found = {}
    for split, tables in splits.items():
        pieces = tuple(Piece(split, table, np.arange(len(table), dtype=np.int64)) for table in tables if len(table))
        if not pieces or any(opened.columns.label not in piece.table.types for piece in pieces):
            continue
        try:
            encoded, _ = read_labels(Selection(pieces, split), opened.columns, is_chosen=True, skip_unlabelled=True)
        except DatasetError:  # no sample of this split has a label
            continue
        names = np.array([*encoded.class_names, None], dtype=object)[encoded.codes].tolist()
        paths = [path for piece in pieces for path in piece.table.files(piece.rows)] if is_folder else []
        found[split] = Listing(names, paths)
    return found


class Expected(NamedTuple):
    """A sample that stays: its row in the selection (-1: it is not selected), its old path if it has one, and its new label."""

    row: int
    path: str | None
    name: str | None


def expected_labels(edits: DatasetEdits, *, is_folder: bool) -> dict[str, list[Expected]]:
    """Return the samples that stay, by split, for all splits that have labels."""
    found = {}
    for split, listing in list_labels(edits.opened.source.splits, edits.opened, is_folder=is_folder).items():
        names, paths = iter(listing.names), iter(listing.paths)
        kept = []
        for table in edits.opened.source.splits[split]:
            edited = edits.of_table(table)
            for row, selected in enumerate(selected_rows(edits, table)):
                name, path = next(names), next(paths, None)
                if row not in edited.removed:
                    kept.append(Expected(selected, path, edited.labels.get(row, name)))
        if kept:
            found[split] = kept
    return found


def selected_rows(edits: DatasetEdits, table: Table) -> list[int]:
    """Return the row of the selection for each row of a table; -1: it is not selected."""
    rows, start = np.full(len(table), -1, dtype=np.int64), 0
    for piece in edits.opened.selection.pieces:
        if piece.table is table:
            rows[piece.rows] = np.arange(start, start + len(piece.rows))
        start += len(piece.rows)
    return rows.tolist()


def refuse(kind: Any) -> str:
    """Return the message for a kind of dataset that cannot be written."""
    return f"A new dataset cannot be written from {kind}; {ONLY_CHANGES}."
