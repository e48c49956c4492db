"""Detect the image and label columns of a dataset from names and types."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from curv_issues.data.column_types import ClassType, ColumnType, ImageType, OtherType, StructType, ValueType
from curv_issues.data.label_names import holds_no_labels, label_names_in
from curv_issues.data.labels import ONE_CLASS_EACH
from curv_issues.errors import DatasetError


@dataclass(frozen=True)
class Columns:
    """The two columns of an audit.

    Attributes:
        image: name of the image column; None: there is none, and features are the input.
        label: name of the label column.
        class_names: class names of a ClassLabel column, in index order; None for plain values.
    """

    image: str | None
    label: str
    class_names: tuple[str, ...] | None


def find_columns(
    types: Mapping[str, ColumnType],
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    with_images: bool = True,
    without: Collection[str] = (),
) -> Columns:
    """Return the image and label columns.

    Images: Image columns, else structs of `bytes` and `path`, else binary columns. Labels: a column with a label name
    (label, class, target, category, y, in any case), else ClassLabel columns, else integer, string, boolean and float
    columns. Ambiguity is an error.

    Args:
        types: column name -> type.
        image_column: use this column; None: detect it.
        label_column: use this column; None: detect it.
        with_images: whether an image column is needed; otherwise one is used if it is declared or the only one of structs.
        without: columns that hold no labels, such as features.

    Returns:
        The two columns.

    Raises:
        DatasetError: the column does not exist, none has a suitable type, or several do.
    """
    image = None
    if with_images or image_column is not None:
        image = find_image_column(types, image_column)
    elif len(found := [name for name in find_image_columns(types) if not _is_binary(types[name])]) == 1:
        (image,) = found
    others = {name: kind for name, kind in types.items() if name not in (image, *without) and not holds_no_labels(name, types)}
    if label_column is None:
        label_column = _find_by_name(others)
    label = _find(types, label_column, tiers=(_is_class_label, _is_plain_label), what="label", among=others)
    kind = types[label]
    return Columns(image, label, kind.names if isinstance(kind, ClassType) else None)


def _find(
    types: Mapping[str, ColumnType],
    named: str | None,
    *,
    tiers: tuple[Any, ...],
    what: str,
    among: Mapping[str, ColumnType] | None = None,
) -> str:
    option = f"--{what}-column ({what}_column)"
    if named is not None:
        if named not in types:
            raise DatasetError(f"{option} names column {named!r}, which does not exist; the dataset has {_list_columns(types)}.")
        if not any(fits(types[named]) for fits in tiers):
            several = f" {ONE_CLASS_EACH}" if what == "label" and _is_list(types[named]) else ""
            raise DatasetError(
                f"Column {named!r} holds {types[named]}, which cannot be read as {what}s; "
                f"expected {_EXPECTED[what]}.{several} The dataset has {_list_columns(types)}."
            )
        return named

    among = types if among is None else among
    for fits in tiers:
        candidates = [name for name, kind in among.items() if fits(kind)]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise _several(what, candidates)
    raise DatasetError(f"No {what} column found; expected {_EXPECTED[what]}, but the dataset has {_list_columns(types)}.")


def _find_by_name(types: Mapping[str, ColumnType]) -> str | None:
    """Return the column with a label name, whatever its type; None if there is none."""
    named = label_names_in(types)
    usable = [name for name in named if _is_class_label(types[name]) or _is_plain_label(types[name])]
    if len(usable) > 1:
        raise _several("label", usable)
    return next(iter(usable or named), None)


def find_image_column(types: Mapping[str, ColumnType], image_column: str | None = None) -> str:
    """Return the image column, which needs no labels beside it.

    Args:
        types: column name -> type.
        image_column: use this column; None: detect it.

    Raises:
        DatasetError: the column does not exist or holds no images, none does, or several do.
    """
    return _find(types, image_column, tiers=(_is_image, _is_image_struct, _is_binary), what="image")


def find_image_columns(types: Mapping[str, ColumnType]) -> list[str]:
    """Return the columns that may hold images, of the most specific type only."""
    for fits in (_is_image, _is_image_struct, _is_binary):
        if found := [name for name, kind in types.items() if fits(kind)]:
            return found
    return []


def _several(what: str, candidates: Iterable[str]) -> DatasetError:
    names = list(candidates)
    flags = " or ".join(f"--{what}-column {shlex.quote(name)}" for name in names)
    return DatasetError(f"Several columns may hold the {what}s: {', '.join(names)}; choose one with {flags}.")


_EXPECTED = {
    "image": "images (Image), structs of bytes and path, or encoded images as binary",
    "label": "classes (ClassLabel), integers or strings",
}


def _is_image(kind: ColumnType) -> bool:
    return isinstance(kind, ImageType)


def _is_image_struct(kind: ColumnType) -> bool:
    if not isinstance(kind, StructType) or not {"bytes", "path"} <= set(kind.fields):
        return False
    only_paths = kind.fields["bytes"] == ValueType("null") and kind.fields["path"] == ValueType("string")
    return _is_binary(kind.fields["bytes"]) or only_paths


def _is_binary(kind: ColumnType) -> bool:
    return isinstance(kind, ValueType) and kind.dtype in ("binary", "large_binary", "binary_view")


def _is_class_label(kind: ColumnType) -> bool:
    return isinstance(kind, ClassType)


def _is_plain_label(kind: ColumnType) -> bool:
    plain = ("int", "uint", "float", "bool", "string", "large_string", "null")
    return isinstance(kind, ValueType) and kind.dtype.startswith(plain)


def _is_list(kind: ColumnType) -> bool:
    return isinstance(kind, OtherType) and "list" in kind.kind.lower()


def _list_columns(types: Mapping[str, ColumnType]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in types.items()) or "no columns"
