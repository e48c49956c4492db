"""Read tables of text separated by commas, semicolons, tabs or bars. Every cell stays text."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from curv_issues.errors import DatasetError

_SEPARATORS = (",", ";", "\t", "|")
_ROWS_LOOKED_AT = 20
_EXCEL_HINT = re.compile(r"sep=(.)(\r\n|\r|\n)", re.IGNORECASE)  # the first line of some files that Excel wrote


@dataclass(frozen=True)
class DelimitedRows:
    """The cells of a delimited text.

    Attributes:
        header: the m cells of the first line.
        rows: n lists of m cells each.
        lines: the n line numbers, counted from 1, at which the rows end.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def decode_text(content: bytes, name: str) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises:
        DatasetError: the content is in another encoding, or is not text; the message gives the byte and its line.
    """
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DatasetError(f"{name} is encoded as UTF-32; save it as UTF-8.")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, shown = "utf-16", "UTF-16, as its first two bytes say"
    else:
        encoding, shown = "utf-8-sig", "UTF-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        # For UTF-8 with a byte order mark, the position counts from behind the mark.
        at = error.start + len(content) - len(error.object)
        line = content.count(b"\n", 0, at) + 1
        place = f"byte 0x{content[at]:02x} at position {at}, line {line}"
        raise DatasetError(f"{name} is not {shown}: {place}; save it as UTF-8.") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DatasetError(f"{name} is not a text file: line {line} holds a zero character; save it as UTF-8.")
    return text


def read_delimited(text: str, name: str, *, prefer_tabs: bool = False, allow_spaces: bool = False) -> DelimitedRows:
    r"""Split a text into a header and rows; find its separator and skip lines without a visible character in any cell.

    Cells may be quoted with double quotes, and then hold separators and line ends. Where the names of the header follow their
    separator with a space, spaces after separators are not part of any cell.

    Args:
        text: the text; lines end with \n, \r\n or \r.
        name: the file, as error messages call it.
        prefer_tabs: a tab in the header separates, whatever else there is (.tsv).
        allow_spaces: spaces separate where nothing else does (.txt).

    Raises:
        DatasetError: there is no header, a row has another number of cells than the header, or a quote has no end.

    Example:
        >>> read_delimited("file;label\na.jpg;007\n", "labels.csv").rows
        [['a.jpg', '007']]
    """
    hint = _EXCEL_HINT.match(text)
    skipped_lines = 0
    if hint is not None:
        text, skipped_lines = text[hint.end() :], 1
    separator = hint[1] if hint is not None else _find_separator(text, prefer_tabs=prefer_tabs, allow_spaces=allow_spaces)
    records = _parse(text, separator)
    try:
        _, header = next(records, (0, []))
        if not any(cell.strip() for cell in header):
            raise DatasetError(f"{name} has no header; expected a first line with the names of its columns, such as file,label.")
        if len(header) > 1 and all(cell.startswith(" ") for cell in header[1:]):
            records = _parse(text, separator, skip_spaces=True)
            _, header = next(records)
        lines, rows = [], []
        for line, row in records:
            if not any(map(str.strip, row)):  # Excel writes such rows below a table
                continue
            if len(row) != len(header):
                raise DatasetError(_describe_uneven(name, line + skipped_lines, row, header, separator))
            lines.append(line + skipped_lines)
            rows.append(row)
    except csv.Error as error:
        raise DatasetError(f"{name} cannot be read as a table: {error}; perhaps a quote has no end.") from error
    return DelimitedRows(header, rows, lines)


def _parse(text: str, separator: str, *, skip_spaces: bool = False) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a limit of the module: 131,072 characters at first
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=skip_spaces, strict=True)
    return ((reader.line_num, row) for row in reader if row)


def _find_separator(text: str, *, prefer_tabs: bool, allow_spaces: bool) -> str:
    """The separator that splits the first lines evenly, and of several the one that splits the header into most cells."""
    cells = {separator: _count_cells(text, separator) for separator in _SEPARATORS}
    if prefer_tabs and cells["\t"][:1] > [1]:
        return "\t"
    splitting = [separator for separator, counts in cells.items() if counts[:1] > [1]]
    if not splitting:
        spaces = _count_cells(text, " ")
        return " " if allow_spaces and spaces[:1] > [1] and len(set(spaces)) == 1 else ","
    return max(splitting, key=lambda separator: (len(set(cells[separator])) == 1, cells[separator][0]))


def _count_cells(text: str, separator: str) -> list[int]:
    """The number of cells of the header and of the next rows."""
    counts: list[int] = []
    try:
        for _, row in _parse(text, separator):
            counts.append(len(row))
            if len(counts) > _ROWS_LOOKED_AT:
                break
    except csv.Error:  # Quotes that make sense with another separator only.
        counts.append(0)
    return counts


def _describe_uneven(name: str, line: int, row: list[str], header: list[str], separator: str) -> str:
    shown = {"\t": "tab", " ": "space"}.get(separator, repr(separator))
    return (
        f"{name}, line {line}: {_count(len(row), 'cell')}, but the header has {_count(len(header), 'column')} "
        f"(the separator is {shown}); expected as many cells as columns: quote cells that hold the separator."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
