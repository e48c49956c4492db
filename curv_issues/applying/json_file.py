"""Edit files of JSON objects in place of single values; every other byte stays the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curv_issues.applying.edits import ONLY_CHANGES, TableEdits
from curv_issues.applying.text_file import Replacement, read_text, write_text
from curv_issues.errors import UsageError

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Item(NamedTuple):
    """A key and its value in a text: from `key` to `key_stop`, and from `start` to `stop`."""

    key: int
    key_stop: int
    start: int
    stop: int


class Row(NamedTuple):
    """An object in a text: its items by key, where it starts, and the position after it."""

    items: dict[str, Item]
    start: int
    stop: int


def rewrite(source: Path, target: Path, edits: TableEdits) -> None:
    """Write an edited copy of a file with one object per line, or a list of objects.

    The original label is added at the end of each object that has a label, unless an object has that key already.

    Raises:
        UsageError: the file is one object for all rows.
        DatasetError: it cannot be read as text.
    """
    file = read_text(source)
    text = file.text
    rows = _rows(text, is_lines=source.suffix.lower() != ".json", name=source.name)
    is_list = bool(rows) and text[: rows[0].start].strip() == "["
    replaced = []
    kept = [(number, row) for number, row in enumerate(rows) if number not in edits.removed]
    for column, texts in edits.texts.items():
        for item, value in [(row.items[column], texts[number]) for number, row in kept if number in texts]:
            replaced.append(Replacement(item.start, item.stop, _spelled(value, text)))
    if edits.label_column is not None:
        spelled = _spellings(text, rows, edits.label_column, edits.labels.values(), source.name)
        for item, name in [(row.items[edits.label_column], edits.labels[number]) for number, row in kept if number in edits.labels]:
            replaced.append(Replacement(item.start, item.stop, spelled[name]))
        if not any(edits.original in row.items for row in rows):
            labelled = [row for _, row in kept if edits.label_column in row.items]
            replaced += [_added(text, row, edits.label_column, str(edits.original)) for row in labelled]
    cut = _cut_from_list(rows, edits.removed) if is_list else _cut_lines(text, rows, edits.removed)
    write_text(target, file, [*replaced, *(Replacement(start, stop, "") for start, stop in cut)])


def _rows(text: str, *, is_lines: bool, name: str) -> list[Row]:
    at = _skip(text, 0)
    if is_lines or not text.startswith("[", at):
        rows = []
        while at < len(text):
            if not text.startswith("{", at):
                break
            rows.append(_object(text, at))
            at = _skip(text, rows[-1].stop)
        if at == len(text) and (is_lines or len(rows) > 1):
            return rows
    else:
        return list(_list(text, at))
    raise UsageError(f"{name} is one JSON object for all rows, which cannot be edited row by row; {ONLY_CHANGES}.")


def _list(text: str, at: int) -> Iterator[Row]:
    at = _skip(text, at + 1)
    while text.startswith("{", at):
        row = _object(text, at)
        yield row
        at = _skip(text, row.stop)
        at = _skip(text, at + 1) if text.startswith(",", at) else at


def _object(text: str, start: int) -> Row:
    """Return the object that begins at `start`; the text was read as JSON before."""
    items = {}
    at = _skip(text, start + 1)
    while text.startswith('"', at):
        key, end = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, end) + 1)  # after the colon
        _, stop = _DECODER.raw_decode(text, value)
        items[key] = Item(at, end, value, stop)
        at = _skip(text, stop)
        at = _skip(text, at + 1) if text.startswith(",", at) else at
    return Row(items, start, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _spellings(text: str, rows: Sequence[Row], column: str, names: Any, name: str) -> Mapping[str, str]:
    """Return class name -> JSON value: as other rows spell it, else like the values of the column."""
    found: dict[str, str] = {}
    kinds = set()
    for row in rows:
        if (item := row.items.get(column)) is not None:
            raw = text[item.start : item.stop]
            value = json.loads(raw)
            kinds.add(type(value))
            found.setdefault(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value), raw)
    for label in dict.fromkeys(names):
        if label not in found:
            if not kinds <= {str, type(None)} and not (kinds <= {int, type(None)} and re.fullmatch(r"-?\d+", label)):
                raise UsageError(f"The class {label!r} cannot be stored in column {column!r} of {name}, which does not hold text.")
            found[label] = label if int in kinds else _spelled(label, text)
    return found


def _spelled(value: str, text: str) -> str:
    return json.dumps(value, ensure_ascii=text.isascii())


def _added(text: str, row: Row, column: str, name: str) -> Replacement:
    """Return the item with the original label, spaced like the others."""
    items = list(row.items.values())
    item = row.items[column]
    between = text[items[0].stop : items[1].key] if len(items) > 1 else ", "
    added = f"{between}{_spelled(name, text)}{text[item.key_stop : item.start]}{text[item.start : item.stop]}"
    return Replacement(items[-1].stop, items[-1].stop, added)


def _cut_lines(text: str, rows: Sequence[Row], removed: frozenset[int]) -> list[tuple[int, int]]:
    """Return the parts of the text to leave out: the lines of these rows."""
    cut = []
    for number in sorted(removed):
        row = rows[number]
        start = text.rfind("\n", 0, row.start) + 1
        end = text.find("\n", row.stop)
        cut.append((start, len(text) if end < 0 else end + 1))
    return cut


def _cut_from_list(rows: Sequence[Row], removed: frozenset[int]) -> list[tuple[int, int]]:
    """Return the parts of the text to leave out: these rows, each with the comma before it, or after it at the start."""
    cut = []
    kept_before = False
    for number, row in enumerate(rows):
        if number not in removed:
            kept_before = True
        elif kept_before:
            cut.append((rows[number - 1].stop, row.stop))
        else:
            cut.append((row.start, rows[number + 1].start if number + 1 < len(rows) else row.stop))
    return cut
