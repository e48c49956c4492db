"""Read a table of labels in JSON: one object per line, a list of objects, or one object for all rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from curv_issues.data.folder_names import SPLIT_NAMES
from curv_issues.data.image_types import is_image_name
from curv_issues.data.label_names import is_label_name
from curv_issues.errors import DatasetError

_EXPECTED = (
    'expected one object per line, or a list of objects, such as {"file_name": "1.jpg", "label": "cat"}, or one object such as '
    '{"1.jpg": "cat", ...} or {"cat": ["1.jpg", ...], ...}'
)
_LONGEST_SHOWN = 60


class SpelledFloat(float):
    """A number with a decimal point or exponent that keeps its spelling: 1e3 and 1000.0 are equal but spelled differently."""

    spelling: str

    def __new__(cls, spelling: str) -> SpelledFloat:
        """Parse the number."""
        number = super().__new__(cls, spelling)
        number.spelling = spelling
        return number


class _RepeatedKeyError(Exception):
    """An object has the same key twice; the text says which."""


def read_json(text: str, name: str, *, is_lines: bool) -> tuple[list[dict[str, Any]], list[int] | None]:
    """Return the objects in a text and their line numbers, or None instead of line numbers if the text is one value.

    Strings stay strings, numbers stay numbers (`SpelledFloat` if not an integer), null becomes None.

    Args:
        text: the content of the file.
        name: name of the file in messages.
        is_lines: whether the file must hold one object per line (.jsonl); otherwise the text may also be a single value.

    Raises:
        DatasetError: it is not valid JSON, contains something other than objects, or an object has the same key twice.
    """
    if not is_lines:
        try:
            whole = _parse(text, name)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise _syntax_error(error, name) from error
        except _RepeatedKeyError as error:
            raise DatasetError(f"{name} has an object with {error}; keep one of them.") from error
        else:
            return _objects_of(whole, name), None
    objects, lines = [], []
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would also split at separators inside strings
        if line.strip():
            try:
                parsed = _parse(line, name)
            except json.JSONDecodeError as error:
                raise _syntax_error(error, name, line=number) from error
            except _RepeatedKeyError as error:
                raise DatasetError(f"{name}, line {number}, has an object with {error}; keep one of them.") from error
            if not isinstance(parsed, dict):
                raise DatasetError(f"{name}, line {number}, is not an object; {_EXPECTED}.")
            objects.append(parsed)
            lines.append(number)
    return objects, lines


def find_ambiguous(columns: Mapping[str, list[Any]], where: Callable[[int], str]) -> dict[str, str]:
    """Return column -> why its values are ambiguous as classes.

    A column is ambiguous if it spells a number in two ways (1e3 and 1000), or contains a number and a text with the same
    spelling (1 and "1"): these may be one class or two.

    Args:
        columns: name -> values, from a JSON table.
        where: returns the message text for a 0-based row.
    """
    reasons = {name: _ambiguity(values, where) for name, values in columns.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _ambiguity(values: Sequence[Any], where: Callable[[int], str]) -> str | None:
    spelled: dict[float, tuple[str, int]] = {}  # number -> its first spelling and row
    numbers: dict[str, int] = {}  # spelling -> first row
    texts: dict[str, int] = {}
    for row, value in enumerate(values):
        if isinstance(value, str):
            texts.setdefault(value.strip(), row)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            spelling = value.spelling if isinstance(value, SpelledFloat) else str(value)
            numbers.setdefault(spelling, row)
            first, first_row = spelled.setdefault(value, (spelling, row))
            if first != spelling:
                return f"spells one number in two ways: {first} in {where(first_row)}, {spelling} in {where(row)}"
    both = [spelling for spelling in numbers if spelling in texts]
    if both:
        number, text = where(numbers[both[0]]), where(texts[both[0]])
        return f'holds the number {both[0]} in {number} and the text "{both[0]}" in {text}'
    return None


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_float=SpelledFloat, object_pairs_hook=_object_of)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of brackets
        raise DatasetError(f"{name} cannot be read as JSON: {error}.") from error


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object for key-value pairs; json.loads alone would silently keep only the last value of a repeated key."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedKeyError(f"the key {key!r} twice ({_shorten(found[key])} and {_shorten(value)}) in {_shorten(pairs[0])}")
        found[key] = value
    return found


def _shorten(value: Any) -> str:
    text = f"{{{value[0]!r}: {value[1]!r}, ...}}" if isinstance(value, tuple) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _syntax_error(error: json.JSONDecodeError, name: str, *, line: int | None = None) -> DatasetError:
    return DatasetError(f"{name}, line {line or error.lineno}, is not valid JSON: {error.msg} (column {error.colno}).")


def _objects_of(whole: Any, name: str) -> list[dict[str, Any]]:
    """Return the rows of a JSON value: a list of objects, or a table in one of the usual single-object forms."""
    if isinstance(whole, dict):
        if isinstance(whole.get("annotations"), list):
            raise DatasetError(
                f"{name} looks like COCO annotations; boxes are not supported. For labels of whole images, {_EXPECTED}."
            )
        whole = _rows_of_object(whole)
    if not isinstance(whole, list) or not all(isinstance(item, dict) for item in whole):
        raise DatasetError(f"{name} is not a list of objects; {_EXPECTED}.")
    if whole and all(isinstance(item.get("annotations"), list) and isinstance(item.get("data"), dict) for item in whole):
        raise DatasetError(f"{name} is an export of Label Studio with all annotations; export it as CSV or JSON-MIN instead.")
    return whole


def _rows_of_object(whole: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of a table written as one object; None if the form is unknown."""
    values = list(whole.values())
    lists = [value for value in values if isinstance(value, list)]
    if values and all(isinstance(value, dict) for value in values):
        return _rows_of_objects(whole)
    if values and len(lists) == len(values):
        return _rows_of_lists(whole)
    if whole.keys() == {"classes", "labels"} and isinstance(whole["labels"], dict):  # FiftyOne format
        return _rows_of_codes(whole["labels"], whole["classes"])
    if len(lists) == 1 and _all_are(dict, lists[0]):  # a named table beside some metadata
        return lists[0]
    if any(isinstance(value, dict | list) for value in values):
        return None
    return [whole] if any(map(is_label_name, whole)) else _rows_of_pairs(whole.items())


def _rows_of_objects(whole: dict[str, dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the rows of column -> row number -> value (pandas format), or of file -> row."""
    first, *others = whole.values()
    if first and all(map(str.isdigit, first)) and all(list(other) == list(first) for other in others):
        return [{column: by_row[number] for column, by_row in whole.items()} for number in first]
    shared = set(first).intersection(*others)
    is_of_files = any(map(is_image_name, first))  # the outer keys may then be splits
    return [{"file": key, **row} for key, row in whole.items()] if shared and not is_of_files else None


def _rows_of_lists(whole: dict[str, list[Any]]) -> list[dict[str, Any]] | None:
    """Return the rows of columns and data, a list of rows or pairs, column -> values, class -> files, or file -> one label."""
    lists = list(whole.values())
    if {"columns", "data"} <= whole.keys() <= {"columns", "data", "index"}:
        is_table = _all_are(str, whole["columns"]) and all(
            isinstance(row, list) and len(row) == len(whole["columns"]) for row in whole["data"]
        )
        return [dict(zip(whole["columns"], row, strict=True)) for row in whole["data"]] if is_table else None
    if len(lists) == 1 and _all_are(dict, lists[0]):
        return lists[0]
    if len(lists) == 1 and all(isinstance(item, list) and len(item) == 2 for item in lists[0]):
        return _rows_of_pairs(lists[0])
    if {key.lower() for key in whole} <= SPLIT_NAMES.keys():  # assigns images to splits, not labels
        return None
    if _are_columns(whole):
        return [dict(zip(whole, row, strict=True)) for row in zip(*lists, strict=True)]
    if all(map(is_image_name, whole)):
        return _rows_of_pairs((key, labels[0]) for key, labels in whole.items()) if set(map(len, lists)) == {1} else None
    is_of_files = all(_all_are(str, files) for files in lists)
    return _rows_of_pairs((file, key) for key, files in whole.items() for file in files) if is_of_files else None


def _are_columns(whole: dict[str, list[Any]]) -> bool:
    """Return whether equally long lists are a label column and others, at least one of them named like file names."""
    if len(set(map(len, whole.values()))) > 1:
        return False
    labels = [values for key, values in whole.items() if is_label_name(key)]
    others = [key.lower() for key in whole if not is_label_name(key)]
    names_files = any(word in key for key in others for word in ("file", "path", "image", "img", "name", "id", "key"))
    return bool(labels) and names_files and not any(is_image_name(value) for values in labels for value in values)


def _rows_of_codes(codes: dict[str, Any], names: Any) -> list[dict[str, Any]] | None:
    """Return the rows of file -> class index."""
    are_codes = isinstance(names, list) and all(isinstance(code, int) and 0 <= code < len(names) for code in codes.values())
    return _rows_of_pairs((file, names[code]) for file, code in codes.items()) if are_codes else None


def _rows_of_pairs(pairs: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [{"file": file, "label": label} for file, label in pairs]


def _all_are(kind: type, items: Sequence[Any]) -> bool:
    return all(isinstance(item, kind) for item in items)
