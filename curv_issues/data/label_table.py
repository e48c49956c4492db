"""Read a user-supplied table of labels from a file, and choose its label column."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curv_issues.data.accounts import shorten
from curv_issues.data.delimited import decode_text, read_delimited
from curv_issues.data.json_table import find_ambiguous, read_json
from curv_issues.data.label_names import holds_no_labels, label_names_in, looks_like_ids
from curv_issues.data.parquet_table import read_parquet_columns
from curv_issues.data.unread_types import LFS_POINTER, reason_of_head
from curv_issues.errors import DatasetError

TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_MAX_BYTES = 2**29
_MAX_SHOWN_COLUMNS = 20
_ONES = frozenset({"1", "1.0", "True"})
_CANONICAL_INTEGER = re.compile("0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A table in memory.

    Attributes:
        name: name of the file or object in messages.
        columns: column name -> n values, in file order; None for missing values.
        is_text: all values are text or None, because the format has no other types (CSV).
        folder: folder of the file; None if the table is not a file.
        lines: 1-based line of each row in the file; None if the file has no lines.
        ambiguous: ambiguous columns -> message fragment that follows "Column 'x' of the table".
    """

    name: str
    columns: Mapping[str, list[Any]]
    is_text: bool
    folder: Path | None = None
    lines: Sequence[int] | None = None
    ambiguous: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), []))

    @property
    def path(self) -> Path | None:
        """Absolute path of the file; None if the table is not a file."""
        return None if self.folder is None else self.folder / Path(self.name).name

    def where(self, row: int) -> str:
        """Return a 0-based row for messages: its line in the file if it has lines."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def check_rows(self) -> None:
        """Raise DatasetError if the table has no rows."""
        if not len(self):
            raise DatasetError(
                f"{self.name} has no rows (its columns are: {self.list_columns()}); expected one row per image, with its file and "
                "label."
            )

    def check_labels(self, column: str) -> None:
        """Raise DatasetError if the values of a column are ambiguous as classes."""
        if column in self.ambiguous:
            raise DatasetError(
                f"Column {column!r} of {self.name} {self.ambiguous[column]}; expected one spelling per class, preferably as text."
            )

    def list_columns(self) -> str:
        """Return the column names for a message; long lists are shortened, and no columns are "none"."""
        names = list(self.columns)
        return ", ".join(names[:_MAX_SHOWN_COLUMNS]) + (", ..." if len(names) > _MAX_SHOWN_COLUMNS else "") or "none"


def is_metadata_name(name: str) -> bool:
    """Return whether a file name is a metadata table of the image folder convention: metadata.csv, .jsonl or .parquet."""
    return name.casefold() in _METADATA_NAMES


def read_table(path: str | os.PathLike[str]) -> LabelTable:
    """Read a table of labels.

    CSV, TSV and TXT: UTF-8 or UTF-16 with a byte order mark; the separator (comma, semicolon, tab, bar) is detected. All
    values stay text: `None`, `NA`, `007` and `1e3` are ordinary values. Only a cell without a visible character is missing
    (None).
    JSON: one object per line, or a list of objects; strings stay strings, numbers stay numbers, null becomes None. An object
    with a repeated key is rejected.
    Parquet: values as stored; categories and ClassLabel codes become their names; columns with bytes are left out.

    Columns with the same name or no name are renamed ("label (column 2)"). Columns without a name and values are left out.

    Args:
        path: a regular file of at most 512 MiB (parquet: in the columns that are read; at most 20 million rows).

    Returns:
        The table.

    Raises:
        DatasetError: the file is missing, too large, corrupt, or in another format; the message names it.
    """
    if not isinstance(path, str | os.PathLike):
        raise DatasetError(f"Expected the path of a table of labels, but got {type(path).__name__}.")
    name = os.fsdecode(path)
    file = Path(name).expanduser()
    ending = file.suffix.lower()
    if ending in SPREADSHEETS:
        raise DatasetError(f"{name} is a spreadsheet; save it as CSV.")
    if ending not in TABLE_ENDINGS:
        raise DatasetError(f"Expected a table of labels ({', '.join(TABLE_ENDINGS)}), but got {name}.")
    if not os.path.exists(file):
        raise DatasetError(f"File {name} does not exist.")
    if not os.path.isfile(file):
        raise DatasetError(f"Expected a table of labels, but {name} is not a regular file.")
    folder = file.absolute().parent
    if ending == ".parquet":
        return LabelTable(name, _name_columns(*read_parquet_columns(file, name)), is_text=False, folder=folder)
    content = _read_bytes(file, name)
    if reason_of_head(content[:132]) == LFS_POINTER:
        raise DatasetError(f"{name} cannot be read: {LFS_POINTER}.")
    text = decode_text(content, name)
    if re.match(r"\s*<(!doctype )?html", text, re.IGNORECASE):
        raise DatasetError(f"{name} is a web page, not a table; download the file itself.")
    if ending in (".csv", ".tsv", ".txt"):
        cells = read_delimited(text, name, prefer_tabs=ending == ".tsv", allow_spaces=ending == ".txt")
        by_column = [[cell if cell.strip() else None for cell in column] for column in zip(*cells.rows, strict=True)]
        by_column = by_column or [[] for _ in cells.header]
        columns = _name_columns([cell.strip() for cell in cells.header], by_column)
        return LabelTable(name, columns, is_text=True, folder=folder, lines=cells.lines)
    objects, lines = read_json(text, name, is_lines=ending != ".json")
    table = LabelTable(name, _columns_of(objects), is_text=False, folder=folder, lines=lines)
    return replace(table, ambiguous=find_ambiguous(table.columns, table.where))


def plain_labels(values: Sequence[Any]) -> list[Any]:
    """Return labels with text replaced by integers if every label is a canonical integer, so that 2 sorts before 10.

    Canonical: text that equals `str(int(text))`, with up to 18 digits, unlike `007`, `1e3` and `1.0`. If any value is not
    canonical text, all are returned unchanged. None stays None.
    """
    present = [value for value in values if value is not None]
    if not all(isinstance(value, str) and _CANONICAL_INTEGER.fullmatch(value) for value in present):
        return list(values)
    return [None if value is None else int(value) for value in values]


def label_column_of(table: LabelTable, *, label_column: str | None = None, file_column: str | None = None) -> str:
    """Return the name of the label column.

    In this order: `label_column`; the column with a label name (label, class, target, category, y, their plurals, any case);
    the only column besides `file_column`. A detected column must not look like ids or captions.

    Raises:
        DatasetError: no such column, several candidates, only one that looks like ids, or ambiguous values.
    """
    column = _choose_label_column(table, label_column, file_column)
    table.check_labels(column)
    return column


def _choose_label_column(table: LabelTable, label_column: str | None, file_column: str | None) -> str:
    if label_column is not None:
        if label_column not in table.columns:
            raise DatasetError(
                f"{table.name} has no column {label_column!r} (--label-column, label_column); its columns are: "
                f"{table.list_columns()}."
            )
        return label_column
    others = [column for column in table.columns if column != file_column and not holds_no_labels(column, table.columns)]
    named = label_names_in(others)
    if len(named) > 1:
        flags = " or ".join(f"--label-column {shlex.quote(column)}" for column in named)
        raise DatasetError(f"{table.name} has several label columns: {', '.join(named)}; choose one with {flags} (label_column).")
    if not others:
        raise DatasetError(f"{table.name} has no label column; its columns are: {table.list_columns()}. Add a column named label.")
    if not named and len(others) > 1:
        raise DatasetError(describe_candidates({column: table.columns[column] for column in others}, table.name))
    (found,) = named or others
    if looks_like_ids(table.columns[found], column=found):
        raise DatasetError(describe_ids(found, f"column {found!r} of {table.name}"))
    return found


def describe_candidates(candidates: Mapping[str, Sequence[Any]], name: str) -> str:
    """Return the error for a table with several possible label columns, none with a label name.

    Args:
        candidates: column -> all its values; at least two columns.
        name: name of the table in messages.
    """
    ids = [column for column, values in candidates.items() if looks_like_ids(values, column=column)]
    others = [column for column in candidates if column not in ids]
    why = "differ in most rows, like ids and captions"
    if not others:
        return (
            f"No column of {name} holds labels: the values of {shorten(ids)} {why}. Expected a column named label; if one of "
            "these holds the labels, choose it with --label-column (label_column)."
        )
    flags = [column for column in others if _are_flags(candidates[column])]
    if len(flags) > 1 and len(flags) >= len(others) - 1:
        return _describe_flags({column: candidates[column] for column in flags}, name)
    left_out = f" (the values of {shorten(ids)} {why})" if ids else ""
    start = f"No column of {name} is named label, and"
    if len(others) == 1:
        return (
            f"{start} one might hold the labels: {others[0]}{left_out}. If it does, use --label-column {shlex.quote(others[0])} "
            f"(label_column={others[0]!r})."
        )
    return (
        f"{start} several might hold the labels: {shorten(others, _MAX_SHOWN_COLUMNS)}{left_out}. "
        "Choose one with --label-column (label_column)."
    )


def _are_flags(values: Sequence[Any]) -> bool:
    return {str(value).strip() for value in values} <= _ONES | {"0", "0.0", "False"}


def _describe_flags(columns: Mapping[str, Sequence[Any]], name: str) -> str:
    """Return the error for a table with one column of zeros and ones per class."""
    ones = [sum(str(value).strip() in _ONES for value in row) for row in zip(*columns.values(), strict=True)]
    several, none = sum(count > 1 for count in ones), ones.count(0)
    counts = f" ({several:,} rows have several ones, {none:,} have none)" if several or none else ""
    return (
        f"The columns {shorten(columns)} of {name} hold zeros and ones, as in a table with one column per class{counts}. "
        "Expected one column with the class of each image; to audit one of these as a yes/no label, choose it with --label-column "
        "(label_column)."
    )


def describe_ids(column: str, origin: str) -> str:
    """Return the error for a column that may hold ids or captions; `origin` is its name in messages."""
    return (
        f"The values of {origin} differ in most rows, like ids and captions, so an average class would have fewer than two "
        f"images; if they are the labels, pass --label-column {column} (label_column={column!r})."
    )


def _read_bytes(file: Path, name: str) -> bytes:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise DatasetError(f"{name} is larger than {_MAX_BYTES // 2**20} MiB; expected a table of labels, one row per image.")
        return file.read_bytes()
    except OSError as error:
        raise DatasetError(f"{name} cannot be read: {error.strerror or error}.") from error


def _name_columns(names: Sequence[str], columns: Sequence[list[Any]]) -> dict[str, list[Any]]:
    """Return the columns by unique name, without those that have neither name nor values."""
    named = zip(names, unique_names(names), columns, strict=True)
    return {unique: values for name, unique, values in named if name or any(value is not None for value in values)}


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names of columns in a table with these names in its header; repeated and empty names get a number."""
    count = Counter(names)
    numbered = enumerate(names, start=1)
    return [name if name and count[name] == 1 else f"{name} (column {number})".lstrip() for number, name in numbered]


def _columns_of(objects: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for item in objects for name in item))
    return _name_columns(names, [[item.get(name) for item in objects] for name in names])
