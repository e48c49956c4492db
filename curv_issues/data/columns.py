"""Which columns of a dataset hold the images and the labels, found from their names and types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import datasets

from curv_issues.data.label_names import is_label_name
from curv_issues.errors import DatasetError


@dataclass(frozen=True)
class Columns:
    """The two columns of an audit.

    Attributes:
        image: name of the column of the pictures.
        label: name of the column of the labels.
        class_names: the names of a ClassLabel column, in its order; None for plain values.
    """

    image: str
    label: str
    class_names: tuple[str, ...] | None


def find_columns(features: Mapping[str, Any], *, image_column: str | None = None, label_column: str | None = None) -> Columns:
    """Choose the columns of images and labels.

    Images: Image columns, else structs of `bytes` and `path`, else binary columns. Labels: a column whose name says so
    (label, class, target, category, y, in any case), else ClassLabel columns, else integer, string, boolean and float
    columns. Of several candidates none is taken.

    Args:
        features: column name -> type (`datasets.Features`).
        image_column: the column to take, whatever else there is.
        label_column: the column to take, whatever else there is.

    Returns:
        The two columns.

    Raises:
        DatasetError: there is no such column, none of the right type, or several.
    """
    image = _find(features, image_column, tiers=(_is_image, _is_image_struct, _is_binary), what="image")
    others = {name: feature for name, feature in features.items() if name != image and not _is_bookkeeping(name)}
    if label_column is None:
        label_column = _find_by_name(others)
    label = _find(features, label_column, tiers=(_is_class_label, _is_plain_label), what="label", among=others)
    feature = features[label]
    return Columns(image, label, tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else None)


def _find(
    features: Mapping[str, Any],
    named: str | None,
    *,
    tiers: tuple[Any, ...],
    what: str,
    among: Mapping[str, Any] | None = None,
) -> str:
    option = f"--{what}-column ({what}_column)"
    if named is not None:
        if named not in features:
            raise DatasetError(f"There is no column {named!r} for {option}; the dataset has {_list_columns(features)}.")
        if not any(fits(features[named]) for fits in tiers):
            raise DatasetError(
                f"Column {named!r} holds {_name_type(features[named])}, which cannot be read as {what}s; "
                f"expected {_EXPECTED[what]}. The dataset has {_list_columns(features)}."
            )
        return named

    among = features if among is None else among
    for fits in tiers:
        candidates = [name for name, feature in among.items() if fits(feature)]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise _several(what, candidates)
    raise DatasetError(f"No {what} column found; expected {_EXPECTED[what]}, but the dataset has {_list_columns(features)}.")


def _find_by_name(features: Mapping[str, Any]) -> str | None:
    """The column whose name says that it holds labels, whatever its type; None: there is none."""
    named = [name for name in features if is_label_name(name)]
    usable = [name for name in named if _is_class_label(features[name]) or _is_plain_label(features[name])]
    if len(usable) > 1:
        raise _several("label", usable)
    return next(iter(usable or named), None)


def find_image_columns(features: Mapping[str, Any]) -> list[str]:
    """Return the columns that may hold images, of the most telling type only."""
    for fits in (_is_image, _is_image_struct, _is_binary):
        if found := [name for name, feature in features.items() if fits(feature)]:
            return found
    return []


def _several(what: str, candidates: Iterable[str]) -> DatasetError:
    names = list(candidates)
    flags = " or ".join(f"--{what}-column {name}" for name in names)
    return DatasetError(f"There are several {what} columns: {', '.join(names)}; choose one with {flags}.")


def _is_bookkeeping(name: str) -> bool:
    """Names that libraries give to their own columns: `__key__`, `__url__`, `__index_level_0__`."""
    return name.startswith("__")


_EXPECTED = {
    "image": "images (Image), structs of bytes and path, or encoded pictures as binary",
    "label": "classes (ClassLabel), integers or strings",
}


def _is_image(feature: Any) -> bool:
    return isinstance(feature, datasets.Image)


def _is_image_struct(feature: Any) -> bool:
    if not isinstance(feature, dict) or not {"bytes", "path"} <= set(feature):
        return False
    only_paths = getattr(feature["bytes"], "dtype", "") == "null" and getattr(feature["path"], "dtype", "") == "string"
    return _is_binary(feature["bytes"]) or only_paths


def _is_binary(feature: Any) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype in ("binary", "large_binary", "binary_view")


def _is_class_label(feature: Any) -> bool:
    return isinstance(feature, datasets.ClassLabel)


def _is_plain_label(feature: Any) -> bool:
    plain = ("int", "uint", "float", "bool", "string", "large_string", "null")
    return isinstance(feature, datasets.Value) and feature.dtype.startswith(plain)


def _list_columns(features: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({_name_type(feature)})" for name, feature in features.items()) or "no columns"


def _name_type(feature: Any) -> str:
    if isinstance(feature, datasets.Value):
        return str(feature.dtype)
    if isinstance(feature, dict):
        return f"struct of {', '.join(feature)}"
    return type(feature).__name__
