"""Rules about names: which columns are labels, which values are ids, which class names are nearly equal."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any

from curv_issues.data.labels import is_missing

LABEL_NAMES = ("label", "labels", "class", "classes", "target", "targets", "category", "categories", "y", "ys")
"""Label column names in lower case; use `is_label_name` to compare."""

ORIGINAL = "_original"
"""Suffix of the column of original labels, which `apply` adds."""

_FEW_ROWS = 20
# Technical columns (`__key__`), the index in tables written by pandas, and parts of a dataset.
_NO_LABELS = re.compile(r"__.*|\(column [0-9]+\)|Unnamed: [0-9]+|folds?|kfold|splits?|subset|partition|(is_)?train", re.IGNORECASE)
_IDS = re.compile(r"(.*[^A-Za-z])?(?i:id|idx|index|row)|.*[a-z0-9](Id|ID|Idx|Index)")
_NUMBERED_COLUMN = re.compile(r"(.+) \(column [0-9]+\)")  # how `read_table` renames repeated names


def is_label_name(name: str) -> bool:
    """Return whether this is a label column name, in any case: Label, TARGETS, y, label (column 2)."""
    return shared_name(name).strip().casefold() in LABEL_NAMES


def holds_no_labels(column: str, beside: Collection[str] = ()) -> bool:
    """Return whether a column cannot hold labels judging by its name.

    That is the index of a table, parts of a dataset, or original labels that were changed later: `label_original` beside `label`.

    Args:
        column: its name.
        beside: names of all columns of the table.
    """
    is_original = column.endswith(ORIGINAL) and column.removesuffix(ORIGINAL) in beside
    return is_original or _NO_LABELS.fullmatch(column) is not None


def is_id_name(column: str) -> bool:
    """Return whether a column is named like ids: id, image_id, PassengerId, index."""
    return _IDS.fullmatch(shared_name(column).strip()) is not None


def original_column(label_column: str) -> str:
    """Return the name of the column of original labels."""
    return label_column + ORIGINAL


def note_unnamed(column: str, origin: str) -> list[str]:
    """Return a note on a label column without a label name; `origin` is its name in notes."""
    if is_label_name(column):
        return []
    return [f"The labels are {origin}, the only possible label column; if that is wrong, choose another with --label-column."]


def label_names_in(columns: Iterable[str]) -> list[str]:
    """Return the columns with a label name; `y` beside `x` is a coordinate and does not count."""
    names = {column: shared_name(column).strip().casefold() for column in columns}
    beside = {"y": "x", "ys": "xs"}
    return [column for column, name in names.items() if is_label_name(column) and beside.get(name) not in names.values()]


def shared_name(column: str) -> str:
    """Return the original name of a renamed column: "label" for "label (column 2)"; any other name unchanged."""
    match = _NUMBERED_COLUMN.fullmatch(column)
    return column if match is None else match[1]


def looks_like_ids(values: Iterable[Any], *, column: str = "") -> bool:
    """Return whether values are too diverse for class labels, like ids and captions.

    With 20 or more values: more than half of them are distinct, so an average class would have fewer than two images. With
    fewer values, small classes are normal: at most one value in ten repeats an earlier one, and the column has no label name.
    Missing labels are ignored; a single value is never an id.

    Args:
        values: all values of the column, including rows that are not loaded.
        column: its name.
    """
    present = [value if isinstance(value, Hashable) else repr(value) for value in values if not is_missing(value)]
    num_distinct = len(set(present))
    if len(present) < _FEW_ROWS:
        return not is_label_name(column) and len(present) > 1 and len(present) - num_distinct <= len(present) // 10
    return num_distinct > len(present) / 2


def alike_names(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of class names that are nearly equal but differ as text.

    Names are nearly equal if they are the same after NFC normalisation, without zero-width characters, with outer spaces
    stripped, inner whitespace collapsed to one space, and case folded.

    Args:
        names: k class names, all different.

    Returns:
        The first name of each group of nearly equal names, paired with each other name of the group, in the order of `names`.
    """
    first_of: dict[str, str] = {}
    pairs = []
    for name in names:
        first = first_of.setdefault(_folded(name), name)
        if first != name:
            pairs.append((first, name))
    return pairs


def _folded(name: str) -> str:
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")  # Cf: zero-width characters
    folded = unicodedata.normalize("NFC", visible).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def several_labels(names: Sequence[str]) -> list[str]:
    """Return the class names that look like several labels at once: "cat|dog" beside "cat", or "['cat', 'dog']".

    Names joined by "|", ";" or "," count if there are at least two and most of their parts also occur in other names; names
    joined by spaces count if most of their words are class names themselves.

    Args:
        names: k class names, all different.
    """
    lists = [name for name in names if re.fullmatch(r"\[.*\]", name.strip())]
    if lists:
        return lists
    for separator in "|;,":
        parts = {name: [part.strip() for part in name.split(separator)] for name in names}
        joined = [name for name in names if len(parts[name]) > 1]
        counts = Counter(part for found in parts.values() for part in set(found))
        kinds = {part for name in joined for part in parts[name]}
        if len(joined) > 1 and sum(counts[part] > 1 for part in kinds) > len(kinds) / 2:
            return joined
    spaced = [name for name in names if len(name.split()) > 1]
    words = {word for name in spaced for word in name.split()}
    return spaced if len(spaced) > 1 and len(words & set(names)) > len(words) / 2 else []
