"""Notes on splits with different classes, for example because of a misspelt or missing folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curv_issues.data.accounts import shorten
from curv_issues.data.column_types import ClassType
from curv_issues.data.labels import encode_labels
from curv_issues.data.splits import Selection
from curv_issues.data.table import Table
from curv_issues.errors import DatasetError


def notes_on_splits(splits: Mapping[str, Sequence[Table]], selection: Selection, column: str) -> list[str]:
    """Return a note for each split whose classes differ from those of the audited split.

    Whole splits are compared, even if only a part is audited, and only classes with samples. Splits with missing or
    unreadable labels are skipped.

    Args:
        splits: all splits of the dataset.
        selection: the audited rows; the split of the first row is compared with all others.
        column: the label column.
    """
    audited = selection.pieces[0].split
    if len(splits) < 2 or not (classes := _classes_of(splits[audited], column)):
        return []
    found = {split: _classes_of(tables, column) for split, tables in splits.items() if split != audited}
    return [_describe(audited, classes, split, other) for split, other in found.items() if other and set(other) != set(classes)]


def _describe(audited: str, classes: Sequence[str], split: str, other: Sequence[str]) -> str:
    if not set(classes) & set(other):
        return f"The splits {audited} ({shorten(classes)}) and {split} ({shorten(other)}) have no class in common."
    parts = [
        f"{len(names)} only in {name} ({shorten(names)})"
        for name, names in (
            (audited, [name for name in classes if name not in set(other)]),
            (split, [name for name in other if name not in set(classes)]),
        )
        if names
    ]
    return (
        f"The classes of {audited} and {split} differ: {', '.join(parts)}. If this is not intended, check the class names "
        "and the files."
    )


def _classes_of(tables: Sequence[Table], column: str) -> list[str]:
    """Return the names of the classes with samples, sorted; [] without readable labels."""
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
