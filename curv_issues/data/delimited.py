"""Read tables of text separated by commas, semicolons, tabs or bars. All cells remain text."""

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
_EXCEL_HINT = re.compile(r"sep=(.)(\r\n|\r|\n)", re.IGNORECASE)  # first line of some files written by Excel


@dataclass(frozen=True)
class DelimitedRows:
    """The cells of a delimited text.

    Attributes:
        header: the m cells of the header.
        rows: n lists of m cells each.
        lines: n 1-based line numbers at which the rows end.
        separator: the character between cells.
        skips_spaces: whether spaces after a separator are not part of a cell.
        start: number of characters before the header.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str = ","
    skips_spaces: bool = False
    start: int = 0


def decode_text(content: bytes, name: str) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises:
        DatasetError: the content is in another encoding or is not text; the message gives the byte and line.
    """
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DatasetError(f"{name} is encoded as UTF-32; save it as UTF-8.")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, shown = "utf-16", "UTF-16, which its byte order mark indicates"
    else:
        encoding, shown = "utf-8-sig", "UTF-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        # For UTF-8 with a byte order mark, positions start after the mark.
        at = error.start + len(content) - len(error.object)
        line = content.count(b"\n", 0, at) + 1
        place = f"byte 0x{content[at]:02x} at position {at}, line {line}"
        raise DatasetError(f"{name} is not {shown}: {place}; save it as UTF-8.") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DatasetError(f"{name} is not a text file: line {line} contains a null character; save it as UTF-8.")
    return text


def read_delimited(text: str, name: str, *, prefer_tabs: bool = False, allow_spaces: bool = False) -> DelimitedRows:
    r"""Split a text into header and rows, detecting the separator; skip lines without a visible character.

    Cells may be double-quoted, and then contain separators and line breaks. If the header puts a space after each separator,
    such spaces are stripped from all cells.

    Args:
        text: the text; lines end with \n, \r\n or \r.
        name: name of the file in messages.
        prefer_tabs: split at tabs if the header has one (.tsv).
        allow_spaces: split at spaces if no other separator fits (.txt).

    Raises:
        DatasetError: there is no header, a row has more or fewer cells than the header, or a quote is not closed.

    Example:
        >>> read_delimited("file;label\na.jpg;007\n", "labels.csv").rows
        [['a.jpg', '007']]
    """
    hint = _EXCEL_HINT.match(text)
    skipped_lines = 0
    if hint is not None:
        text, skipped_lines = text[hint.end() :], 1
    skips_spaces = False
    separator = hint[1] if hint is not None else _find_separator(text, prefer_tabs=prefer_tabs, allow_spaces=allow_spaces)
    records = _parse(text, separator)
    try:
        _, header = next(records, (0, []))
        if not any(cell.strip() for cell in header):
            raise DatasetError(f"{name} has no header; expected column names in the first line, such as file,label.")
        if len(header) > 1 and all(cell.startswith(" ") for cell in header[1:]):
            skips_spaces = True
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
        raise DatasetError(f"{name} cannot be read as a table: {error}; check for a quote that is not closed.") from error
    return DelimitedRows(header, rows, lines, separator, skips_spaces, 0 if hint is None else hint.end())


def _parse(text: str, separator: str, *, skip_spaces: bool = False) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # module-wide limit, 131,072 characters by default
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=skip_spaces, strict=True)
    return ((reader.line_num, row) for row in reader if row)


def _find_separator(text: str, *, prefer_tabs: bool, allow_spaces: bool) -> str:
    """Return the separator that splits the first lines evenly; of several, the one that gives the header most cells."""
    cells = {separator: _count_cells(text, separator) for separator in _SEPARATORS}
    if prefer_tabs and cells["\t"][:1] > [1]:
        return "\t"
    splitting = [separator for separator, counts in cells.items() if counts[:1] > [1]]
    if not splitting:
        spaces = _count_cells(text, " ")
        return " " if allow_spaces and spaces[:1] > [1] and len(set(spaces)) == 1 else ","
    return max(splitting, key=lambda separator: (len(set(cells[separator])) == 1, cells[separator][0]))


def _count_cells(text: str, separator: str) -> list[int]:
    """Return the number of cells in the header and in each of the next rows."""
    counts: list[int] = []
    try:
        for _, row in _parse(text, separator):
            counts.append(len(row))
            if len(counts) > _ROWS_LOOKED_AT:
                break
    except csv.Error:  # the quotes only make sense with another separator
        counts.append(0)
    return counts


def _describe_uneven(name: str, line: int, row: list[str], header: list[str], separator: str) -> str:
    shown = {"\t": "tab", " ": "space"}.get(separator, repr(separator))
    return (
        f"{name}, line {line}: {_count(len(row), 'cell')}, but the header has {_count(len(header), 'column')} "
        f"(the separator is {shown}); expected one cell per column: quote cells that contain the separator."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
