"""Encode raw label values as integer classes with names."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curv_issues.errors import DatasetError

UNLABELLED = -1
ONE_CLASS_EACH = "Several labels per image (multi-label data) are not supported: give one class per image."
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class EncodedLabels:
    """The labels of n samples as classes.

    Attributes:
        codes: int64, (n,): index into `class_names`, -1 for samples without a label.
        class_names: the k class names; in ClassLabel order if given, else sorted (numbers as numbers).
        unlabelled: bool, (n,): True for samples without a label.
    """

    codes: np.ndarray
    class_names: tuple[str, ...]
    unlabelled: np.ndarray


def encode_labels(
    values: Sequence[Any] | np.ndarray,
    *,
    names: Sequence[str] | None = None,
    skip_unlabelled: bool = False,
    origin: str = "the labels",
) -> EncodedLabels:
    """Encode raw label values as classes.

    Labels are integers (gaps and negative ones are fine), integer-valued floats, booleans and strings. None, NaN and text
    without a visible character mean "no label". For indices into `names`, so do -1 and the index of an empty name.

    Args:
        values: n raw labels of one type.
        names: class names that the values index (a ClassLabel); None: the values are the names.
        skip_unlabelled: mark samples without a label instead of raising.
        origin: source of the labels in messages ("column 'label'").

    Returns:
        Codes, class names and the mask of samples without a label.

    Raises:
        DatasetError: `names` are not distinct strings, a label is missing (and `skip_unlabelled` is False) or is not a class
            (a fraction, a list, an index outside `names`), the types are mixed, or all labels are missing.
    """
    if names is not None:
        _check_names(names)
    raw = values.tolist() if isinstance(values, np.ndarray) else list(values)
    unlabelled = np.fromiter((is_missing(value) for value in raw), dtype=bool, count=len(raw))
    present = [value for value, missing in zip(raw, unlabelled, strict=True) if not missing]
    classes = _as_classes(present, rows=np.flatnonzero(~unlabelled), origin=origin)

    codes = np.full(len(raw), UNLABELLED, dtype=np.int64)
    if names is not None:
        codes[~unlabelled] = _check_indices(classes, names, rows=np.flatnonzero(~unlabelled), origin=origin)
        codes[np.isin(codes, [code for code, name in enumerate(names) if is_missing(name)])] = UNLABELLED
        unlabelled = codes == UNLABELLED
        class_names = tuple(names)
    else:
        found = sorted(set(classes))
        code_of = {value: code for code, value in enumerate(found)}
        codes[~unlabelled] = [code_of[value] for value in classes]
        class_names = tuple(str(value) for value in found)

    if unlabelled.any() and not skip_unlabelled:
        raise DatasetError(
            f"{int(unlabelled.sum())} of {len(raw)} samples have no label in {origin} ({_name_rows(unlabelled)}); "
            "label them, or leave them out with --skip-unlabelled (skip_unlabelled=True)."
        )
    if len(raw) and unlabelled.all():
        raise DatasetError(f"None of the {len(raw)} samples has a label in {origin}; expected one label per sample.")
    return EncodedLabels(codes, class_names, unlabelled)


def kinds_of(values: Sequence[Any]) -> set[str]:
    """Return the kinds of the labels that are not missing: "numbers", "strings", "booleans", "other"."""
    return {_kind_of(value) for value in values if not is_missing(value)}


def is_missing(value: Any) -> bool:
    """Return whether a value means "no label": None, NaN, empty text, or only spaces."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float | np.floating) and math.isnan(value))


def _as_classes(present: list[Any], *, rows: np.ndarray, origin: str) -> list[Any]:
    """Return the labels as one sortable type: all int, all bool or all str; `rows` are their rows, for messages."""
    kinds = {_kind_of(value) for value in present}
    if "other" in kinds:
        at, value = next((i, value) for i, value in enumerate(present) if _kind_of(value) == "other")
        several = f" {ONE_CLASS_EACH}" if isinstance(value, list | tuple | set | np.ndarray) else ""
        raise DatasetError(
            f"The label in row {rows[at]} of {origin} is a {type(value).__name__} ({_shorten(value)}); "
            f"expected one integer or string per sample.{several}"
        )
    if len(kinds) > 1:
        raise DatasetError(f"{_upper_first(origin)} mixes {' and '.join(sorted(kinds))}; expected labels of one type.")
    if kinds == {"numbers"}:
        for at, value in enumerate(present):
            if value != value // 1 or math.isinf(value):
                raise DatasetError(
                    f"The label in row {rows[at]} of {origin} is {value}, which is not a class; expected integers or strings."
                )
        return [int(value) for value in present]
    return [str(value) for value in present] if kinds == {"strings"} else [bool(value) for value in present]


def _kind_of(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "booleans"
    if isinstance(value, str):
        return "strings"
    return "numbers" if isinstance(value, numbers.Real) else "other"


def _check_names(names: Sequence[str]) -> None:
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise DatasetError(f"Expected class names that are distinct strings, but got {list(names)[:20]!r}.")


def _check_indices(classes: list[Any], names: Sequence[str], *, rows: np.ndarray, origin: str) -> np.ndarray:
    """Return indices into `names`, or -1; a ClassLabel column may also hold the names themselves."""
    if classes and isinstance(classes[0], str):
        index_of = {name: index for index, name in enumerate(names)}
        indices = np.array([index_of.get(value, len(names)) for value in classes], dtype=np.int64)
    else:
        indices = np.array(classes, dtype=np.int64)
    wrong = np.flatnonzero((indices < UNLABELLED) | (indices >= len(names)))
    if len(wrong):
        raise DatasetError(
            f"The label in row {rows[wrong[0]]} of {origin} is {classes[wrong[0]]!r}, "
            f"which is not one of its {len(names)} classes; expected 0 to {len(names) - 1}, or -1 for no label."
        )
    return indices


def _name_rows(mask: np.ndarray) -> str:
    rows = np.flatnonzero(mask)
    shown = ", ".join(str(row) for row in rows[:_SHOWN])
    return f"{'rows' if len(rows) > 1 else 'row'} {shown}{', ...' if len(rows) > _SHOWN else ''}"


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
