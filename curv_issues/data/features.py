"""Make LabeledData from feature vectors and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.feature_values import (
    as_matrix,
    constant_columns,
    label_columns,
    numbering_columns,
    rows_not_finite,
)
from curv_issues.data.labels import encode_labels
from curv_issues.data.raw_labels import as_list_of_labels
from curv_issues.errors import DatasetError
from curv_issues.inputs.heavy_tails import heavy_tailed_columns

NOT_FINITE = "NaN or infinite features"


def from_features(
    features: Any,
    labels: Any,
    *,
    class_names: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    skip_unlabelled: bool = False,
    description: str = "features",
) -> LabeledData:
    """Return LabeledData for n feature vectors, such as embeddings of a pretrained model, and their labels.

    Args:
        features: (n, d), an array or memory map (float16, float32 and float64 are not copied), torch tensor, DataFrame of
            numbers, pandas or Arrow column of lists, or sequence of vectors. Each feature is standardised in the training.
        labels: n integers or strings; with `class_names`, indices into it.
        class_names: names of classes 0, 1, ...; None: the sorted unique labels.
        skip_unreadable: leave out rows with NaN or infinite features instead of raising; they are listed in the source.
        skip_unlabelled: leave out rows without a label instead of raising; they are counted in the source.
        description: name of this dataset in results.

    Returns:
        The samples; `rows` are positions in `features`.

    Raises:
        DatasetError: features or labels have a wrong type, shape or length, a feature is NaN or infinite, or a label is
            missing or unknown.
    """
    values = as_matrix(features)
    raw = as_list_of_labels(labels)
    if len(raw) != len(values):
        raise DatasetError(
            f"Expected one label per row of features, but got {counted(len(values), 'row')} and {counted(len(raw), 'label')}."
        )
    encoded = encode_labels(raw, names=class_names, skip_unlabelled=skip_unlabelled)
    bad = find_not_finite(values, np.arange(len(values)), skip_unreadable=skip_unreadable)
    keep = np.setdiff1d(np.flatnonzero(~encoded.unlabelled), bad)
    nothing = np.full(len(values), None, dtype=object)
    data = LabeledData(
        images=None,
        features=values,
        labels=encoded.codes,
        class_names=encoded.class_names,
        rows=np.arange(len(values), dtype=np.int64),
        splits=nothing,
        paths=nothing.copy(),
        image_sha256=hash_rows(values),
        file_sha256=np.full(len(values), "", dtype=object),
        sizes=np.zeros((len(values), 2), dtype=np.int32),
        num_bytes=np.zeros(len(values), dtype=np.int64),
        is_lossless=np.zeros(len(values), dtype=bool),
        source=DataSource(
            source=description,
            num_rows=len(values),
            unreadable=tuple({"row": int(row), "path": None, "reason": NOT_FINITE} for row in bad),
            num_unlabelled=int(encoded.unlabelled.sum()),
            notes=tuple(note_columns(values if len(keep) == len(values) else values[keep], encoded.codes[keep])),
        ),
    )
    return data if len(keep) == len(values) else data.take(keep)


def find_not_finite(values: np.ndarray, rows: np.ndarray, *, skip_unreadable: bool) -> np.ndarray:
    """Return the positions of vectors with NaN or infinite features, int64 (m,).

    Args:
        values: float (n, d).
        rows: int64 (n,), their rows in the dataset, for messages.
        skip_unreadable: return them instead of raising, unless all vectors have such features.

    Raises:
        DatasetError: there are such vectors.
    """
    bad = rows_not_finite(values)
    if len(bad) and (not skip_unreadable or len(bad) == len(values)):
        shown = ", ".join(map(str, rows[bad[:5]])) + (", ..." if len(bad) > 5 else "")
        overflow = " (beyond 65,504, float16 is infinite)" if values.dtype == np.float16 else ""
        verb = "has" if len(bad) == 1 else "have"
        raise DatasetError(
            f"{counted(len(bad), 'row')} of {len(values)} {verb} {NOT_FINITE}{overflow}: {shown}; correct them, or leave "
            "them out with --skip-unreadable (skip_unreadable=True)."
        )
    return bad


def note_columns(values: np.ndarray, labels: np.ndarray) -> list[str]:
    """Return notes on features that have the same value in every row, number the rows, tell the labels, or have heavy tails.

    Args:
        values: float (n, d), finite.
        labels: int64 (n,).
    """
    constant, numbering, heavy = constant_columns(values), numbering_columns(values), heavy_tailed_columns(values)
    telling = label_columns(values, labels)
    notes = []
    if constant:
        verb = "has" if constant == 1 else "have"
        notes.append(f"{counted(constant, 'feature')} of {values.shape[1]} {verb} the same value in every row.")
    if len(numbering):
        rise, which = "rises" if len(numbering) == 1 else "rise", _numbers(numbering)
        notes.append(
            f"{counted(len(numbering), 'feature')} of {values.shape[1]} ({which}) {rise} from each row to the next, as row numbers "
            "do; leave such features out unless the order of the rows says something about the samples."
        )
    if len(telling):
        tells, which = "tells" if len(telling) == 1 else "tell", _numbers(telling)
        notes.append(
            f"{counted(len(telling), 'feature')} of {values.shape[1]} ({which}) {tells} the label of every row. Leave such "
            "features out if they were made from the labels: no wrong label can be found with them."
        )
    if len(heavy):
        few = "has values far from all others; its" if len(heavy) == 1 else "have values far from all others; their"
        notes.append(
            f"{counted(len(heavy), 'feature')} of {values.shape[1]} ({_numbers(heavy)}) {few} ranks are used, except with "
            "--private or --epochs 0."
        )
    return notes


def _numbers(columns: np.ndarray) -> str:
    return "number " + ", ".join(str(column + 1) for column in columns[:5]) + (", ..." if len(columns) > 5 else "")


def hash_rows(values: np.ndarray) -> np.ndarray:
    """Return the SHA-256 (hex) of each row and its type, object (n,)."""
    start = hashlib.sha256(f"{values.dtype.str} {values.shape[1]}".encode())
    found = np.empty(len(values), dtype=object)
    for position, row in enumerate(values):
        digest = start.copy()
        digest.update(np.ascontiguousarray(row).data)
        found[position] = digest.hexdigest()
    return found
