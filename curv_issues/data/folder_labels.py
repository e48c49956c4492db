"""Labels of images in a folder, from a table beside them or from folder names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curv_issues.data.accounts import shorten
from curv_issues.data.addresses import describe_addresses
from curv_issues.data.folder_layout import Parts
from curv_issues.data.label_names import label_names_in, note_unnamed
from curv_issues.data.label_table import LabelTable, read_table
from curv_issues.data.labels import kinds_of
from curv_issues.data.table_matching import Matched, columns_not_used, labels_of_images, match_rows
from curv_issues.errors import DatasetError

NOT_IN_TABLE = "not in the table of labels"


@dataclass(frozen=True, eq=False)
class MatchedTable:
    """A table of labels with the images that it names.

    Attributes:
        table: the table.
        matched: its rows and columns; indices of images are those in `paths`.
        paths: image paths, relative to the dataset folder.
    """

    table: LabelTable
    matched: Matched
    paths: Sequence[str]


@dataclass(frozen=True)
class TableLabels:
    """Labels of images from tables.

    Attributes:
        values: image path -> label, None for an empty cell; images missing from all tables are absent.
        column: name of the label column.
        origin: source of the labels, for people.
        notes: what a user should know, one line each.
        tables: the tables that they are from.
    """

    values: Mapping[str, Any]
    column: str
    origin: str
    notes: list[str] = field(default_factory=list)
    tables: list[MatchedTable] = field(default_factory=list)


def labels_of_table(
    table: LabelTable, paths: Sequence[str], *, root: Path, file_column: str | None, label_column: str | None
) -> TableLabels:
    """Match one user-supplied table with the images.

    Args:
        table: the table.
        paths: paths of all images, relative to the root, with forward slashes.
        root: the dataset folder.
        file_column: column of file names; None: detected.
        label_column: label column; None: detected.

    Raises:
        DatasetError: a column is missing or ambiguous, no image matches, or an image has two labels.
    """
    matched = match_rows(table, paths, root=root, file_column=file_column, label_column=label_column)
    labels = labels_of_images(table, matched)
    rows = matched.row_of_image.tolist()
    found = {path: label for path, label, row in zip(paths, labels, rows, strict=True) if row >= 0}
    column = matched.label_column
    origin = f"column {column!r} of {table.name}"
    notes = _notes(table, matched) + (note_unnamed(column, origin) if label_column is None else [])
    return TableLabels(found, column, origin, notes, [MatchedTable(table, matched, paths)])


def labels_of_metadata(
    metadata: Sequence[Parts], paths: Sequence[str], *, root: Path, file_column: str | None, label_column: str | None, alone: bool
) -> TableLabels | None:
    """Match each metadata table of a folder with the images in and below the table's folder.

    Args:
        metadata: path parts of the tables.
        paths: paths of all images.
        root: the dataset folder.
        file_column: column of file names; None: detected.
        label_column: label column; None: one with a label name.
        alone: the folders name no classes, so the only other column of a table may be used.

    Returns:
        The labels; None if no table has a label column.

    Raises:
        DatasetError: a table cannot be read, its columns are ambiguous, it matches no image, or two tables contradict each other.
    """
    values: dict[str, Any] = {}
    columns: list[str] = []
    names: list[str] = []
    notes: list[str] = []
    matched: list[MatchedTable] = []
    kinds: set[str] = set()
    tables = {parts: replace(read_table(root.joinpath(*parts)), name="/".join(parts)) for parts in sorted(metadata, key=len)}
    named = {
        parts: table
        for parts, table in tables.items()
        if (label_column in table.columns if label_column else label_names_in(table.columns))
    }
    for parts, table in (named or (tables if alone else {})).items():
        inside = [path for path in paths if path.split("/")[: len(parts) - 1] == list(parts[:-1])]
        if not inside:
            continue
        found = labels_of_table(table, inside, root=root, file_column=file_column, label_column=label_column)
        _check_agreement(values, found.values, [*names, table.name])
        values.update(found.values)
        columns.append(found.column)
        names.append(table.name)
        notes += found.notes
        matched += found.tables
        if not table.is_text:
            kinds |= kinds_of(list(found.values.values()))
    if not columns:
        return None
    if len(set(columns)) > 1:
        raise DatasetError(
            f"The label columns of {shorten(names)} have different names ({', '.join(dict.fromkeys(columns))}); rename them to one "
            "name, or pass one table with all labels: --labels FILE (labels=...)."
        )
    # One table may have integers and another text. Within JSON and parquet, text and numbers are different labels.
    if len(kinds) < 2 and {str, int} <= {type(value) for value in values.values()}:
        values = {path: None if value is None else str(value) for path, value in values.items()}
    return TableLabels(values, columns[0], f"column {columns[0]!r} of {shorten(names, 3)}", notes, matched)


def _check_agreement(known: Mapping[str, Any], found: Mapping[str, Any], names: Sequence[str]) -> None:
    for path, label in found.items():
        if path in known and str(known[path]) != str(label):
            raise DatasetError(
                f"{names[-1]} contradicts {shorten(names[:-1])}: it labels {path} as {label!r}, not as {known[path]!r}; "
                "remove one table, or choose one with --labels FILE (labels=...)."
            )


def _notes(table: LabelTable, matched: Matched) -> list[str]:
    name = table.name
    notes = []
    addresses = describe_addresses(matched.file_column, table.columns[matched.file_column], name)
    if addresses is not None:
        notes.append(f"{addresses}, so these rows have no image.")
    if matched.mode.startswith(("paths below", "file names")):
        notes.append(f"Images were matched with {name} by {matched.mode} (column {matched.file_column!r}).")
    unused = columns_not_used(table, matched.file_column)
    if unused:
        notes.append(
            f"Images were matched with {name} by column {matched.file_column!r}, because column {unused[0]!r} matches fewer of "
            "them; if that is wrong, choose a column with --file-column (file_column)."
        )
    if matched.rows_without_image:
        rows = matched.rows_without_image
        notes.append(
            f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'} of {name} without an image in the folder: {shorten(rows)}."
        )
    return notes
