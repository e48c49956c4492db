"""Which columns of a dataset hold the pictures and the labels, found from its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import datasets

from curv_issues.errors import DatasetError

_LABEL_NAMES = ("label", "labels")
_PANDAS_INDEX = "__index_level_"


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
    """Choose the columns of pictures and labels.

    Pictures: Image columns, else structs of `bytes` and `path`, else binary columns. Labels: ClassLabel columns, else
    integer, string, boolean and float columns; of several the one called "label" or "labels" is taken.

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
    others = {name: feature for name, feature in features.items() if name != image}
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
        candidates = [name for name, feature in among.items() if fits(feature) and not name.startswith(_PANDAS_INDEX)]
        preferred = [name for name in candidates if what == "label" and name in _LABEL_NAMES]
        if len(candidates) == 1 or len(preferred) == 1:
            return (preferred or candidates)[0]
        if candidates:
            flags = " or ".join(f"--{what}-column {name}" for name in candidates)
            raise DatasetError(f"There are several {what} columns: {', '.join(candidates)}; choose one with {flags}.")
    raise DatasetError(
        f"No {what} column found; expected {_EXPECTED[what]}, but the dataset has {_list_columns(features)}."
        + (_FOLDER_HINT if what == "label" and list(features) == ["image"] else "")
    )


_EXPECTED = {
    "image": "pictures (Image), structs of bytes and path, or encoded pictures as binary",
    "label": "classes (ClassLabel), integers or strings",
}
_FOLDER_HINT = (
    " In an image folder the classes are the folders of the pictures: two or more, all at the same depth, such as FOLDER/cat/1.jpg."
)


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
