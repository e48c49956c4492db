"""Join what a Watch observed with the dataset that was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.labels import encode_labels
from curv_issues.data.raw_labels import as_list_of_labels
from curv_issues.errors import UsageError

_OTHER_DATA = "expected the dataset that was trained on, in its order"


def join(data: Any, observed: np.ndarray, num_classes: int, *, class_names: Sequence[str] | None) -> LabeledData:
    """Return the observed samples of a dataset.

    Args:
        data: LabeledData, or n labels: integers in [0, k), or strings whose sorted unique values are the classes.
        observed: int64 (n,), the labels that a Watch observed; -1 for samples that it did not observe.
        num_classes: k.
        class_names: names of classes 0, 1, ... of plain labels; None: their numbers, or the strings.

    Raises:
        UsageError: number of samples, number of classes or labels differ from what was observed.
        DatasetError: the labels cannot be used.
    """
    joined = data if isinstance(data, LabeledData) else _of_labels(data, num_classes, class_names)
    if len(joined) != len(observed):
        raise UsageError(f"The Watch is of {len(observed):,} samples, but the data have {len(joined):,}; {_OTHER_DATA}.")
    if joined.num_classes != num_classes:
        raise UsageError(f"The Watch is of {num_classes} classes, but the data have {joined.num_classes}; {_OTHER_DATA}.")
    differ = np.flatnonzero((observed >= 0) & (observed != joined.labels))
    if len(differ):
        first = differ[0]
        raise UsageError(
            f"{len(differ):,} of {len(observed):,} labels differ from those observed: sample {first} was observed with class "
            f"{observed[first]}, but has class {joined.labels[first]} in the data; {_OTHER_DATA}."
        )
    return joined.take(np.flatnonzero(observed >= 0))


def _of_labels(labels: Any, num_classes: int, class_names: Sequence[str] | None) -> LabeledData:
    values = as_list_of_labels(labels)
    if class_names is None and np.issubdtype(np.asarray(values).dtype, np.integer):
        class_names = [str(code) for code in range(num_classes)]
    encoded = encode_labels(values, names=class_names)
    n = len(encoded.codes)
    nothing, no_hash = np.full(n, None, dtype=object), np.full(n, "", dtype=object)
    return LabeledData(
        images=None,
        labels=encoded.codes,
        class_names=encoded.class_names,
        rows=np.arange(n, dtype=np.int64),
        splits=nothing,
        paths=nothing.copy(),
        image_sha256=no_hash,
        file_sha256=no_hash.copy(),
        sizes=np.zeros((n, 2), dtype=np.int32),
        num_bytes=np.zeros(n, dtype=np.int64),
        is_lossless=np.zeros(n, dtype=bool),
        source=DataSource(source="labels", num_rows=n),
    )
