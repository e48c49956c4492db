"""Match estimates per sample with the samples of a result."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.data.image_types import is_image_name
from curv_issues.errors import DatasetError, UsageError
from curv_issues.memorization.reference import ROW, Reference, texts_of

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

LEAST_AGREEMENT = 0.5
"""Fraction of labels that must agree between the file and the result; with fewer, its samples or its order are others."""
LEAST_VALUES = 3
"""Samples that must have a value: the correlation of two is always -1 or 1."""


def match(reference: Reference, result: AuditResult) -> tuple[np.ndarray, list[str]]:
    """Return the value of each sample of a result, float64 (n,), NaN where the file has none, and notes.

    Samples are matched by row number, else by the name of the image file, else by position, if the file has as many values as the
    audited dataset has rows, or as the result has samples.

    Raises:
        DatasetError: the samples cannot be matched, fewer than `LEAST_VALUES` have a value, or most of the labels differ.
        UsageError: several image files have the same name.
    """
    places, notes, advice = _places(reference, result)
    n = len(places)
    known = places >= 0
    if not known.any():
        raise DatasetError(
            f"{reference.name} has none of the {n:,} samples of the result; compare their row numbers or file names."
        )
    values = np.full(n, np.nan)
    values[known] = reference.values[places[known]]
    num_values = int(np.isfinite(values).sum())
    if num_values < LEAST_VALUES:
        found = f"finite values for only {num_values}" if num_values else "no finite value for any"
        raise DatasetError(f"{reference.name} has {found} of the {n:,} samples of the result; expected at least {LEAST_VALUES}.")
    if num_values < n:
        notes.append(f"{reference.name} has no value for {n - num_values:,} of {n:,} samples; they are left out.")
    return values, [*reference.notes, *notes, *_check_labels(reference, result, places, advice)]


def _places(reference: Reference, result: AuditResult) -> tuple[np.ndarray, list[str], str]:
    """Return the place of each sample in a reference, int64 (n,), -1: none; notes; and what it means if most labels differ.

    Raises:
        DatasetError: the samples cannot be matched.
        UsageError: several image files have the same name.
    """
    rows = result.scores[ROW].to_numpy()
    n, m = len(rows), len(reference.values)
    others = "are those of another dataset; choose values of the audited samples, or remove the labels"
    if reference.rows is not None:
        places = _places_by(dict(zip(reference.rows.tolist(), range(m), strict=True)), rows.tolist())
        return places, [], f"its row numbers {others}"
    if (named := _file_keys(reference, result)) is not None:
        return _places_by_file(*named), [], f"its files {others}"
    num_rows = result.summary["dataset"].get("num_rows")
    advice = f"add a column {ROW!r} with the row numbers"
    if num_rows in (None, m) and n and rows.max() < m:
        places, order = rows, "rows of the dataset"
    elif m == n:
        places, order = np.arange(n), "samples of the result"
    else:
        whole = "" if num_rows in (None, n) else f" of {num_rows:,} rows"
        raise DatasetError(f"{reference.name} has {m:,} values, but the result has {n:,} samples{whole}; {advice}.")
    note = f"{reference.name} is matched by position, in the order of the {order}; if its order is another one, {advice}."
    return places, [note], f"its order is another one; {advice}"


def _check_labels(reference: Reference, result: AuditResult, places: np.ndarray, advice: str) -> list[str]:
    """Return a note if some labels differ; `places` and `advice` are from `_places`.

    Raises:
        DatasetError: most of them differ.
    """
    if reference.labels is None:
        return []
    labels = np.array(texts_of(reference.labels), dtype=object)[places]
    known = (places >= 0) & (labels != "")
    if not known.any():
        return []
    expected = result.scores["given"].to_numpy(dtype=object), result.labels.astype(str).astype(object)
    agree = max(float((labels[known] == names[known]).mean()) for names in expected)
    if agree < LEAST_AGREEMENT:
        raise DatasetError(
            f"The labels in {reference.name} agree with those of the result for only {agree:.0%} of the samples, so {advice}."
        )
    return [] if agree == 1 else [f"The labels in {reference.name} agree with those of the result for {agree:.1%} of the samples."]


def _places_by(place_of: Mapping[Any, int], keys: Sequence[Any]) -> np.ndarray:
    return np.array([place_of.get(key, -1) for key in keys], dtype=np.int64)


def _file_keys(reference: Reference, result: AuditResult) -> tuple[list[_Parts], list[_Parts]] | None:
    """Return the names of the files of a reference, and those of the samples of a result; None if one of them has none.

    Another column of text is used if it has the names of half of the files. Names are compared with their extensions, else without.
    """
    paths = texts_of(result.scores["path"])
    if not any(paths):
        return None
    columns = [*([] if reference.files is None else [reference.files]), *reference.texts.values()]
    for whole in (True, False):
        ours = _parts(paths, whole=whole)
        last = {parts[-1:] for parts in ours if parts}
        for column in columns:
            theirs = _parts(column, whole=whole)
            found = {parts[-1:] for parts in theirs if parts}
            if found and 2 * len(found & last) >= min(len(found), len(last)):
                return theirs, ours
    return None if reference.files is None else (_parts(reference.files), _parts(paths))


_Parts = tuple[str, ...]
"""Of a path; empty if it is missing."""


def _parts(names: Iterable[str], *, whole: bool = True) -> list[_Parts]:
    """Return the parts of paths, the last one with its extension or without."""
    clean = (name.strip().replace("\\", "/") for name in names)
    kept = (name if whole or not is_image_name(name) else os.path.splitext(name)[0] for name in clean)
    return [tuple(part for part in name.split("/") if part not in ("", ".")) for name in kept]


def _places_by_file(theirs: Sequence[_Parts], ours: Sequence[_Parts]) -> np.ndarray:
    """Match by the last part of the names, or by as many of the last parts as are needed for different names.

    Raises:
        UsageError: some names are the same.
    """
    deepest = max(map(len, (*theirs, *ours)))
    for depth in range(1, deepest + 1):
        keys = [[parts[-depth:] for parts in names] for names in (theirs, ours)]
        counts = (Counter(filter(None, names)).most_common(1) for names in keys)
        repeated = next((found[0] for found in counts if found and found[0][1] > 1), None)
        if repeated is None:
            return _places_by({key: place for place, key in enumerate(keys[0]) if key}, keys[1])
    assert repeated is not None
    raise UsageError(
        f"Files cannot be matched by name: {repeated[1]} files are called {'/'.join(repeated[0])}; add a column {ROW!r}."
    )
