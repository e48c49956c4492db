"""Feature vectors and labels from whatever holds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from curv_issues import DatasetError, from_features
from curv_issues.data import feature_values
from curv_issues.data.base import LabeledData

VALUES = np.arange(24, dtype=np.float32).reshape(8, 3)
LABELS = ["cat", "dog"] * 4


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        lambda x: x.astype(np.float16),
        lambda x: x.astype(np.int64),
        lambda x: x.tolist(),
        lambda x: list(x),
        lambda x: [torch.from_numpy(row) for row in x],
        torch.tensor,
        lambda x: torch.tensor(x, dtype=torch.bfloat16, requires_grad=True),
        lambda x: pd.DataFrame(x),
        lambda x: pd.Series(list(x), index=range(100, 108)),
        lambda x: pa.array(x.tolist()),
        lambda x: pa.chunked_array([x[:3].tolist(), x[3:].tolist()]),
        lambda x: pa.FixedSizeListArray.from_arrays(x.ravel(), 3),
    ],
)
def test_features_in_any_container(wrap: Callable[[np.ndarray], Any]) -> None:
    data = from_features(wrap(VALUES), LABELS)
    assert data.features is not None
    assert data.features.dtype.kind == "f"
    assert np.array_equal(data.features, VALUES)
    assert (data.images, data.class_names, data.labels.tolist()) == (None, ("cat", "dog"), [0, 1] * 4)
    assert data.rows.tolist() == list(range(8))
    assert len(set(data.image_sha256)) == 8


@pytest.mark.parametrize(
    "labels",
    [LABELS, np.array(LABELS), pd.Series(LABELS, index=range(9, 17)), pd.Series(LABELS, dtype="category"), pa.array(LABELS)],
)
def test_labels_in_any_container(labels: Any) -> None:
    assert from_features(VALUES, labels).labels.tolist() == [0, 1] * 4
    assert from_features(VALUES, torch.tensor([0, 1] * 4), class_names=["a", "b", "c"]).class_names == ("a", "b", "c")


def test_arrays_and_memory_maps_are_not_copied(tmp_path: Path) -> None:
    assert from_features(VALUES, LABELS).features is VALUES
    np.save(tmp_path / "x.npy", VALUES)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = from_features(mapped, LABELS)
    assert isinstance(data.features, np.memmap)
    assert isinstance(data.take(np.array([1, 3])).features, np.ndarray)


def with_value(value: float) -> np.ndarray:
    changed = VALUES.copy()
    changed[[2, 5], 1] = value
    return changed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite(value: float) -> None:
    with pytest.raises(DatasetError) as caught:
        from_features(with_value(value), LABELS)
    assert str(caught.value) == (
        "2 rows of 8 have NaN or infinite features: 2, 5; correct them, or leave them out with --skip-unreadable "
        "(skip_unreadable=True)."
    )
    data = from_features(with_value(value), LABELS, skip_unreadable=True)
    assert data.rows.tolist() == [0, 1, 3, 4, 6, 7]
    assert [entry["row"] for entry in data.source.unreadable] == [2, 5]
    with pytest.raises(DatasetError, match="8 rows of 8 have NaN"):
        from_features(np.full((8, 3), value), LABELS, skip_unreadable=True)


def test_overflow_of_float16_is_named() -> None:
    with np.errstate(over="ignore"):
        small = with_value(1e6).astype(np.float16)
    with pytest.raises(DatasetError, match=r"infinite features \(beyond 65,504, float16 is infinite\): 2, 5"):
        from_features(small, LABELS)


def test_rows_without_a_label() -> None:
    labels = [*LABELS[:7], None]
    with pytest.raises(DatasetError, match="no label"):
        from_features(VALUES, labels)
    data = from_features(VALUES, labels, skip_unlabelled=True)
    assert (len(data), data.source.num_unlabelled) == (7, 1)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (VALUES[:7], "Expected one label per row of features, but got 7 rows and 8 labels."),
        (VALUES[:, 0], "Expected features as numbers of shape (n, d), got float32 (8,)."),
        (VALUES[:, :0], "Expected features as numbers of shape (n, d), got float32 (8, 0)."),
        (VALUES.reshape(8, 3, 1), "Expected features as numbers of shape (n, d), got float32 (8, 3, 1)."),
        (VALUES.astype(str), "Expected features as numbers of shape (n, d), got <U32 (8, 3)."),
        ("features.npy", "Expected features as numbers of shape (n, d), got str."),
        (5, "Expected features as numbers of shape (n, d), got int."),
        ([[1, 2], [1, 2, 3]] * 4, "Expected 2 features in every row, as in row 0, but row 1 has 3."),
        ([[1, 2], None] * 4, "Expected a vector of numbers in every row, but row 1 has no features."),
        ([[1, 2], ["a", "b"]] * 4, "Expected a vector of numbers in every row, but row 1 has <U1 (2,)."),
        (
            scipy.sparse.csr_matrix(VALUES),
            "Sparse features are not supported: reduce them to a few hundred dense ones, such as with "
            "sklearn.decomposition.TruncatedSVD.",
        ),
    ],
)
def test_features_that_cannot_be_used(features: Any, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        from_features(features, LABELS)
    assert str(caught.value) == message


def test_labels_outside_the_classes() -> None:
    with pytest.raises(DatasetError, match="3"):
        from_features(VALUES, [0, 1, 3, 0] * 2, class_names=["a", "b"])


def test_constant_features_are_noted() -> None:
    changed = VALUES.copy()
    changed[:, 1] = 5
    assert from_features(changed, LABELS).source.notes == ("1 feature of 3 has the same value in every row.",)
    assert from_features(VALUES, LABELS).source.notes == ()


def test_features_that_number_the_rows_are_noted() -> None:
    values = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    values[:, 1], values[:, 3] = np.arange(30) + 7, 2.0 * np.arange(30)
    labels = [0, 1] * 15
    assert from_features(values, labels).source.notes == (
        "2 features of 4 (number 2, 4) rise from each row to the next, as row numbers do; leave such features out unless the order "
        "of the rows says something about the samples.",
    )
    values[:, 1], values[9, 3] = np.arange(30) + 0.5, values[8, 3]  # times, and a value that repeats
    assert from_features(values, labels).source.notes == ()
    few = np.stack([np.arange(19.0), np.zeros(19) + (np.arange(19) % 2)], axis=1)
    assert from_features(few, labels[:19]).source.notes == ()


def test_features_that_number_the_rows_are_found_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_values, "_CHUNK", 21)
    values = np.stack([np.arange(30.0), np.arange(30.0) % 7, -np.arange(30.0)], axis=1)
    assert feature_values.numbering_columns(values).tolist() == [0]
    values[14, 0] = values[13, 0]  # between two parts
    assert feature_values.numbering_columns(values).tolist() == []


def test_heavy_tails_are_noted() -> None:
    values = np.random.default_rng(0).normal(size=(200, 3))
    values[:, 2] = np.exp(2 * values[:, 2])
    note = "1 feature of 3 (number 3) has values far from all others; its ranks are used, except with --private or --epochs 0."
    assert from_features(values, LABELS * 25).source.notes == (note,)
    values[:, 0] = values[::-1, 2]
    note = (
        "2 features of 3 (number 1, 3) have values far from all others; their ranks are used, except with --private or --epochs 0."
    )
    assert from_features(values, LABELS * 25).source.notes == (note,)


def test_features_that_tell_the_labels_are_noted() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 200)
    values = random.normal(size=(200, 4))
    values[:, 1], values[:, 3] = labels + 5, labels * 2 + random.integers(0, 2, 200)  # two values of each class
    assert from_features(values, labels).source.notes == (
        "2 features of 4 (number 2, 4) tell the label of every row. Leave such features out if they were made from the labels: no "
        "wrong label can be found with them.",
    )
    values[9, 1], values[10, 3] = 8, (values[10, 3] + 2) % 6  # a value of one row; a value of another class
    assert feature_values.label_columns(values, labels).tolist() == [1]
    labels[9], labels[10], values[10, 1] = 0, 1, 8
    assert feature_values.label_columns(values, labels).tolist() == []
    assert feature_values.label_columns(values, np.zeros(200, int)).tolist() == []
    assert feature_values.label_columns(labels[:, None].repeat(101, axis=1), labels).tolist() == []


def test_rows_without_label_or_features_are_not_looked_at() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    labels: list[Any] = [0, 1] * 30
    values[:, 1] = labels
    values[0, 1], labels[0], values[1, 0] = 1, None, np.nan
    notes = from_features(values, labels, skip_unlabelled=True, skip_unreadable=True).source.notes
    assert any("(number 2) tells the label of every row" in note for note in notes)


def test_identity_is_that_of_the_values() -> None:
    def fingerprint(values: np.ndarray) -> str:
        data: LabeledData = from_features(values, LABELS)
        return data.fingerprint

    assert fingerprint(VALUES) == fingerprint(np.asfortranarray(VALUES)) == fingerprint(VALUES.copy())
    assert fingerprint(VALUES) != fingerprint(with_value(0.5))
    assert fingerprint(VALUES) != fingerprint(VALUES.astype(np.float16))
