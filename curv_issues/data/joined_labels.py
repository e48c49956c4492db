"""Join the labels of several tables by class name, never by code."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

from curv_issues.data.accounts import shorten
from curv_issues.data.column_types import ClassType, ValueType
from curv_issues.data.columns import Columns, find_columns, find_image_columns
from curv_issues.data.image_types import is_image_name
from curv_issues.data.label_names import holds_no_labels, is_label_name, looks_like_ids
from curv_issues.data.label_table import describe_candidates, describe_ids
from curv_issues.data.labels import UNLABELLED, EncodedLabels, encode_labels, is_missing, kinds_of
from curv_issues.data.splits import Piece, Selection
from curv_issues.data.table import Table
from curv_issues.errors import DatasetError


def find_selected_columns(
    selection: Selection,
    *,
    image_column: str | None,
    label_column: str | None,
    with_images: bool = True,
    without: Collection[str] = (),
) -> Columns:
    """Return the columns of the first table, which all other tables must have as well; see `find_columns`.

    Raises:
        DatasetError: a table lacks a column, or columns are ambiguous; see `find_columns`.
    """
    tables = list(dict.fromkeys(piece.table for piece in selection.pieces))
    try:
        columns = find_columns(
            tables[0].types, image_column=image_column, label_column=label_column, with_images=with_images, without=without
        )
    except DatasetError:
        if label_column is None:
            _explain_candidates(tables[0], image_column)
        if with_images and image_column is None and not find_image_columns(tables[0].types):
            _explain_file_names(tables[0])
        raise
    for table in tables[1:]:
        for column in (columns.image, columns.label):
            if column is not None and column not in table.types:
                raise DatasetError(
                    f"{table.name} has no column {column!r}, which {tables[0].name} has; its columns are "
                    f"{shorten(table.types, 20)}. Expected the same image and label columns in all parts."
                )
    return columns


def _explain_candidates(table: Table, image_column: str | None) -> None:
    """Raise DatasetError if several plain columns could be the labels and some of them hold ids or captions."""
    images = [image_column] if image_column in table.types else find_image_columns(table.types)
    columns = [name for name in table.types if name not in images and not holds_no_labels(name, table.types)]
    plain = [name for name in columns if isinstance(table.types[name], ValueType)]
    if not images or len(plain) < 2 or any(is_label_name(name) or isinstance(table.types[name], ClassType) for name in columns):
        return
    candidates = {name: table.values(name) for name in plain}
    if any(looks_like_ids(values, column=name) for name, values in candidates.items()):
        raise DatasetError(describe_candidates(candidates, table.name))


def _explain_file_names(table: Table) -> None:
    """Raise DatasetError for a table without images if a column names image files."""
    for column, kind in table.types.items():
        if not isinstance(kind, ValueType) or kind.dtype not in ("string", "large_string"):
            continue
        values = [value for value in table.values(column) if isinstance(value, str)]
        names = [value for value in values if is_image_name(value)]
        if names and 2 * len(names) > len(values):
            raise DatasetError(
                f"Column {column!r} of {table.name} names image files ({shorten(names, 2)}), but the table holds no images: audit "
                "the image folder and pass this table with --labels (labels=...)."
            )


def read_labels(selection: Selection, columns: Columns, *, is_chosen: bool, skip_unlabelled: bool) -> tuple[EncodedLabels, str]:
    """Read and encode the labels of a selection.

    Args:
        selection: rows of one table or several.
        columns: from `find_selected_columns`.
        is_chosen: whether the user chose the label column; otherwise ids and captions are rejected.
        skip_unlabelled: mark rows without a label instead of raising.

    Returns:
        The labels, and their source, for people.

    Raises:
        DatasetError: see `encode_labels`; or the labels of the tables cannot be joined by name.
    """
    column = columns.label
    origins = list(dict.fromkeys(piece.table.origin(column) for piece in selection.pieces))
    origin = origins[0] if len(origins) == 1 else f"{origins[0]} and {len(origins) - 1} more"
    whole = {table: table.values(column) for table in dict.fromkeys(piece.table for piece in selection.pieces)}
    parts = [_read_part(piece, whole[piece.table], column) for piece in selection.pieces]
    names = [part[1] for part in parts]
    values: list[Any]
    joined = names[0]
    if len(set(names)) > 1:
        values, joined = _join_by_name(selection, parts, column)
    else:
        _check_kinds(selection, parts)
        if joined is None:
            _check_overlap(_strings_by_split(selection, column))
        values = [value for part in parts for value in part[0]]
    if joined is None and not is_chosen and looks_like_ids(itertools.chain(*whole.values()), column=column):
        raise DatasetError(describe_ids(column, origin))
    return encode_labels(values, names=joined, skip_unlabelled=skip_unlabelled, origin=origin), origin


def _read_part(piece: Piece, values: list[Any], column: str) -> tuple[list[Any], tuple[str, ...] | None]:
    """Return the values of one piece of a table, and the class names that they index, if any."""
    if len(piece.rows) != len(values):
        values = [values[row] for row in piece.rows]
    kind = piece.table.types[column]
    return values, kind.names if isinstance(kind, ClassType) else None


def _join_by_name(
    selection: Selection, parts: list[tuple[list[Any], tuple[str, ...] | None]], column: str
) -> tuple[list[str | None], tuple[str, ...]]:
    """Return labels as names, and all names: those of the first part with names, then those that later parts add."""
    by_table: dict[str, set[str]] = {}
    values: list[str | None] = []
    for piece, (raw, names) in zip(selection.pieces, parts, strict=True):
        origin = piece.table.origin(column)
        if names is None:
            if others := kinds_of(raw) - {"strings"}:
                raise DatasetError(
                    f"The parts cannot be audited together: the labels of {piece.table.name} are {' and '.join(sorted(others))}, "
                    "while other parts have class names; expected class names in all parts."
                )
            texts = [None if is_missing(value) else str(value) for value in raw]
        else:
            has_labels = any(value != UNLABELLED and not is_missing(value) for value in raw)
            codes = (
                encode_labels(raw, names=names, skip_unlabelled=True, origin=origin).codes
                if has_labels
                else [UNLABELLED] * len(raw)
            )
            texts = [None if code == UNLABELLED else names[code] for code in codes]
        values += texts
        by_table.setdefault(piece.split, set()).update(names or {text for text in texts if text is not None})
    _check_overlap(by_table)
    known = list(dict.fromkeys(name for _, names in parts for name in names or ()))
    return values, (*known, *sorted({value for value in values if value is not None} - set(known)))


def _strings_by_split(selection: Selection, column: str) -> dict[str, set[str]]:
    """Return split -> its string classes, including those of unselected rows; {} for a single split."""
    found: dict[str, set[str]] = {}
    tables = {piece.table: piece.split for piece in selection.pieces}
    for table, split in tables.items() if len(set(tables.values())) > 1 else ():
        if strings := {value for value in table.values(column) if isinstance(value, str) and not is_missing(value)}:
            found.setdefault(split, set()).update(strings)
    return found


def _check_overlap(classes: dict[str, set[str]]) -> None:
    """Raise DatasetError for splits without a common class: they do not belong to the same dataset."""
    first, names = next(iter(classes.items()), ("", set()))
    for split, other in classes.items():
        if not names & other:
            raise DatasetError(
                f"The splits {first!r} and {split!r} have no class in common ({shorten(sorted(names))}; {shorten(sorted(other))}), "
                "so they cannot be audited together; audit them one by one."
            )


def _check_kinds(selection: Selection, parts: list[tuple[list[Any], tuple[str, ...] | None]]) -> None:
    """Raise DatasetError if some parts have integers and others strings: they cannot be matched."""
    found = [(piece.table.name, kinds_of(raw)) for piece, (raw, _) in zip(selection.pieces, parts, strict=True)]
    with_labels = [(name, kinds) for name, kinds in found if kinds]
    for name, kinds in with_labels[1:]:
        first, expected = with_labels[0]
        if kinds != expected and len(kinds) == len(expected) == 1:
            raise DatasetError(
                f"The parts cannot be audited together: the labels of {first} are {next(iter(expected))}, those of {name} are "
                f"{next(iter(kinds))}; expected one type."
            )
