"""Edit CSV and similar files in place of single cells; every other byte stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from curv_issues.applying.edits import ONLY_CHANGES, TableEdits
from curv_issues.applying.text_file import Replacement, read_text, write_text
from curv_issues.data.delimited import DelimitedRows, read_delimited
from curv_issues.data.label_table import unique_names
from curv_issues.errors import DatasetError

_QUOTE = '"'
_ENDS = ("\r", "\n")


class Record(NamedTuple):
    """One line of cells in a text.

    Attributes:
        start: position of its first character.
        cells: positions of the cells, with their quotes: (start, stop).
        stop: position after the last cell.
        next: position after the line break.
    """

    start: int
    cells: list[tuple[int, int]]
    stop: int
    next: int


def rewrite(source: Path, target: Path, edits: TableEdits) -> None:
    """Write an edited copy of a file of delimited cells.

    A column of original labels is added at the end, unless there is one. A new cell is quoted if the cell that it replaces or
    copies is, or if it has to be.

    Raises:
        DatasetError: the file cannot be read as a table.
    """
    file = read_text(source)
    ending = source.suffix.lower()
    table = read_delimited(file.text, source.name, prefer_tabs=ending == ".tsv", allow_spaces=ending == ".txt")
    records = list(find_records(file.text, table))
    header, *rows = records
    columns = unique_names([cell.strip() for cell in table.header])
    replaced: list[Replacement] = []
    for column, texts in {**edits.texts, **({} if edits.label_column is None else {edits.label_column: edits.labels})}.items():
        place = columns.index(column)
        for row, text in texts.items():
            if row not in edits.removed:
                start, stop = rows[row].cells[place]
                replaced.append(Replacement(start, stop, _spelled(text, file.text[start:stop], table)))
    if edits.label_column is not None and edits.original is not None and edits.original not in columns:
        place = columns.index(edits.label_column)
        before = table.separator + (" " if table.skips_spaces else "")
        name = _spelled(edits.original, file.text[slice(*header.cells[place])], table)
        replaced.append(Replacement(header.stop, header.stop, before + name))
        for row, record in enumerate(rows):
            if row not in edits.removed:
                replaced.append(Replacement(record.stop, record.stop, before + file.text[slice(*record.cells[place])]))
    replaced += [Replacement(rows[row].start, rows[row].next, "") for row in edits.removed]
    write_text(target, file, replaced)


def find_records(text: str, table: DelimitedRows) -> Iterator[Record]:
    """Yield where the header and the rows of a table are in its text.

    Raises:
        DatasetError: their cells are not those of the table.
    """
    expected = iter([table.header, *table.rows])
    wanted = next(expected, None)
    for record in _scan(text, table):
        cells = [_cell(text[start:stop]) for start, stop in record.cells]
        if not any(map(str.strip, cells)):  # as in `read_delimited`
            continue
        if cells != wanted:
            break
        yield record
        wanted = next(expected, None)
    if wanted is not None:
        raise DatasetError(f"The cells of this table cannot be edited one by one ({wanted}); {ONLY_CHANGES}.")


def _scan(text: str, table: DelimitedRows) -> Iterator[Record]:
    """Yield all lines with at least one character, as the module csv splits them."""
    at, size, separator = table.start, len(text), table.separator
    while at < size:
        if text[at] in _ENDS:
            at += 1
            continue
        start, cells = at, []
        while True:
            while table.skips_spaces and text.startswith(" ", at):
                at += 1
            begin = at
            if text.startswith(_QUOTE, at):
                at = _end_of_quoted(text, at)
            while at < size and text[at] != separator and text[at] not in _ENDS:
                at += 1
            cells.append((begin, at))
            if at == size or text[at] != separator:
                break
            at += 1
        stop = at
        at += 2 if text.startswith("\r\n", at) else 1
        yield Record(start, cells, stop, min(at, size))


def _end_of_quoted(text: str, at: int) -> int:
    """Return the position after the closing quote of a cell that begins at `at`."""
    at += 1
    while (end := text.find(_QUOTE, at)) >= 0:
        if not text.startswith(_QUOTE, end + 1):
            return end + 1
        at = end + 2
    return len(text)


def _cell(raw: str) -> str:
    return raw[1:-1].replace(_QUOTE * 2, _QUOTE) if raw.startswith(_QUOTE) else raw


def _spelled(text: str, like: str, table: DelimitedRows) -> str:
    """Return a text as a cell, quoted if the cell `like` is or if needed."""
    needed = any(character in text for character in (table.separator, _QUOTE, *_ENDS)) or (
        table.skips_spaces and text.startswith(" ")
    )
    return f"{_QUOTE}{text.replace(_QUOTE, _QUOTE * 2)}{_QUOTE}" if needed or like.startswith(_QUOTE) else text
