"""Notes on splits of one dataset whose classes differ, as a misspelt or missing folder makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curv_issues.data.accounts import shorten
from curv_issues.data.column_types import ClassType
from curv_issues.data.labels import encode_labels
from curv_issues.data.splits import Selection
from curv_issues.data.table import Table
from curv_issues.errors import DatasetError


def notes_on_splits(splits: Mapping[str, Sequence[Table]], selection: Selection, column: str) -> list[str]:
    """Return a note for each split whose classes are not those of the audited split.

    Whole splits are compared, whatever part of them is audited, and only classes that have samples. A split without labels,
    or whose labels cannot be read, is passed over.

    Args:
        splits: all splits of the dataset.
        selection: the audited rows; the split of the first ones is compared with all others.
        column: the column of the labels.
    """
    audited = selection.pieces[0].split
    if len(splits) < 2 or not (classes := _classes_of(splits[audited], column)):
        return []
    found = {split: _classes_of(tables, column) for split, tables in splits.items() if split != audited}
    return [_describe(audited, classes, split, other) for split, other in found.items() if other and set(other) != set(classes)]


def _describe(audited: str, classes: Sequence[str], split: str, other: Sequence[str]) -> str:
    if not set(classes) & set(other):
        return f"No class of {split} ({shorten(other)}) is a class of {audited} ({shorten(classes)})."
    parts = [
        f"{len(names)} only in {name} ({shorten(names)})"
        for name, names in (
            (audited, [name for name in classes if name not in set(other)]),
            (split, [name for name in other if name not in set(classes)]),
        )
        if names
    ]
    return (
        f"The classes of {audited} and {split} differ: {', '.join(parts)}. If this is not intended, check the names of the classes "
        "and the files."
    )


def _classes_of(tables: Sequence[Table], column: str) -> list[str]:
    """The names of the classes that have samples, sorted; none if there are no labels, or they cannot be read."""
    found: dict[str, None] = {}
    try:
        for table in tables:
            if column not in table.types:
                return []
            kind = table.types[column]
            names = kind.names if isinstance(kind, ClassType) else None
            encoded = encode_labels(table.values(column), names=names, skip_unlabelled=True)
            found |= dict.fromkeys(encoded.class_names[code] for code in sorted({*encoded.codes.tolist()} - {-1}))
    except DatasetError:
        return []
    return list(found)
