"""Read the text of a table and write it back in the same encoding."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curv_issues.data.delimited import decode_text
from curv_issues.errors import DatasetError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class TextFile(NamedTuple):
    """The text of a file, without its byte order mark, and its encoding."""

    text: str
    mark: bytes
    encoding: str


class Replacement(NamedTuple):
    """Text to put in place of the characters from start to stop."""

    start: int
    stop: int
    text: str


def read_text(path: Path) -> TextFile:
    """Return the text of a table of labels; see `decode_text`.

    Raises:
        DatasetError: it is not text in UTF-8, or in UTF-16 with a byte order mark.
    """
    content = path.read_bytes()
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    return TextFile(decode_text(content, path.name), mark, encoding)


def write_text(path: Path, file: TextFile, replacements: Sequence[Replacement]) -> None:
    """Write the text with some parts replaced; all other bytes stay the same.

    Raises:
        DatasetError: parts overlap.
    """
    parts, end = [], 0
    for start, stop, text in sorted(replacements, key=lambda part: part[:2]):
        if start < end:
            raise DatasetError(f"{path.name} cannot be edited: two changes overlap.")
        parts += [file.text[end:start], text]
        end = stop
    path.write_bytes(file.mark + "".join([*parts, file.text[end:]]).encode(file.encoding, "surrogatepass"))
