"""Rules about names: which columns are labels, which values are ids, which class names look alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from curv_issues.data.labels import is_missing

LABEL_NAMES = ("label", "labels", "class", "classes", "target", "targets", "category", "categories", "y", "ys")
"""Column names that say "label", in lower case; compare with `is_label_name`."""

_FEW_ROWS = 20
# Columns of libraries (`__key__`), the index of a table as pandas writes it, and parts of a dataset.
_NO_LABELS = re.compile(r"__.*|\(column [0-9]+\)|Unnamed: [0-9]+|folds?|kfold|splits?|subset|partition|(is_)?train", re.IGNORECASE)
_NUMBERED_COLUMN = re.compile(r"(.+) \(column [0-9]+\)")  # what `read_table` makes of a name that repeats


def is_label_name(name: str) -> bool:
    """Return whether a column with this name holds labels, in any case: Label, TARGETS, y, label (column 2)."""
    return shared_name(name).strip().casefold() in LABEL_NAMES


def holds_no_labels(column: str) -> bool:
    """Return whether the name of a column says that it holds no labels: the index of a table, or parts of a dataset."""
    return _NO_LABELS.fullmatch(column) is not None


def note_unnamed(column: str, origin: str) -> list[str]:
    """Return a note on a column that is taken as the labels although its name does not say so; `origin` is how notes call it."""
    if is_label_name(column):
        return []
    return [f"The labels are {origin}, the only column that could be; if that is wrong, name another with --label-column."]


def label_names_in(columns: Iterable[str]) -> list[str]:
    """Return the columns whose name says that they hold labels; `y` beside `x` is a coordinate, and does not."""
    names = {column: shared_name(column).strip().casefold() for column in columns}
    beside = {"y": "x", "ys": "xs"}
    return [column for column, name in names.items() if is_label_name(column) and beside.get(name) not in names.values()]


def shared_name(column: str) -> str:
    """Return the name that a table gives to several columns: "label" for "label (column 2)"; else the name itself."""
    match = _NUMBERED_COLUMN.fullmatch(column)
    return column if match is None else match[1]


def looks_like_ids(values: Iterable[Any], *, column: str = "") -> bool:
    """Return whether values are too diverse for class labels, as ids and captions are.

    With 20 values or more: more than half as many distinct values as values, so an average class would have fewer than two
    images. With fewer values, where small classes are normal, at most one value in ten may repeat an earlier one; this proves
    nothing against a column that is called label or the like (False). Missing labels are ignored, and one value alone says
    nothing (False).

    Args:
        values: of all rows of the column, not only of those that are read.
        column: its name.
    """
    present = [value if isinstance(value, Hashable) else repr(value) for value in values if not is_missing(value)]
    num_distinct = len(set(present))
    if len(present) < _FEW_ROWS:
        return not is_label_name(column) and len(present) > 1 and len(present) - num_distinct <= len(present) // 10
    return num_distinct > len(present) / 2


def alike_names(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of class names that look alike but differ as text.

    Two names look alike if they are equal after NFC normalisation, without characters of no width, with spaces at the
    ends removed, other runs of whitespace replaced by one space, and upper case folded.

    Args:
        names: k class names, all different.

    Returns:
        The first name of each group of alike names with each other name of the group, in the order of `names`.
    """
    first_of: dict[str, str] = {}
    pairs = []
    for name in names:
        first = first_of.setdefault(_folded(name), name)
        if first != name:
            pairs.append((first, name))
    return pairs


def _folded(name: str) -> str:
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")  # no zero-width characters
    folded = unicodedata.normalize("NFC", visible).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def several_labels(names: Sequence[str]) -> list[str]:
    """Return the class names that look like several labels at once: "cat|dog" beside "cat", or "['cat', 'dog']".

    Names that are joined by "|", ";" or "," count if at least two are, and most of their parts occur in other names too; names
    that are joined by spaces count if most of their words are class names themselves.

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
