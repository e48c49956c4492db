from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import curv_issues
from curv_issues.data import pixel_storage
from curv_issues.data.base import PER_SAMPLE, LabeledData
from curv_issues.errors import DatasetError, UsageError
from tests.small import make_data


def test_take_selects_from_every_array() -> None:
    data = make_data(30)
    data = replace(
        data,
        rows=data.rows * 10,
        splits=np.array([f"split {i}" for i in range(30)], dtype=object),
        paths=np.array([f"{i}.png" for i in range(30)], dtype=object),
        file_sha256=np.array([f"{i:064x}" for i in range(30)], dtype=object),
        sizes=np.arange(60, dtype=np.int32).reshape(30, 2),
        num_bytes=np.arange(30, dtype=np.int64) * 100,
        is_lossless=np.arange(30) % 2 == 0,
        features=np.arange(90, dtype=np.float16).reshape(30, 3),
        pred_probs=np.arange(60, dtype=np.float32).reshape(30, 2),
    )
    index = np.array([3, 7, 20], dtype=np.uint8)
    part = data.take(index)
    for name in PER_SAMPLE:
        np.testing.assert_array_equal(getattr(part, name), getattr(data, name)[index])
        assert getattr(part, name).dtype == getattr(data, name).dtype
    assert len(part) == 3
    assert part.rows.tolist() == [30, 70, 200]
    assert part.class_names == data.class_names
    assert part.source is data.source
    sized = {name for name in LabeledData.__dataclass_fields__ if len(np.shape(getattr(data, name))) > 0}
    assert sized - {"class_names"} == set(PER_SAMPLE)  # PER_SAMPLE lists every array with one entry per sample
    assert not np.shares_memory(part.images, data.images)


def test_take_selects_the_source_images() -> None:
    data = LabeledData(**{**vars(make_data(30)), "open_image": lambda index: f"image {index}"})  # type: ignore[arg-type]
    index = np.array([3, 7, 20])
    part = data.take(index)
    twice = part.take(np.array([0, 2]))
    index[:] = 0  # the caller's array may change
    assert [part.image(i) for i in range(3)] == ["image 3", "image 7", "image 20"]
    assert [twice.image(i) for i in range(2)] == ["image 3", "image 20"]
    assert part.image(-1) == "image 20"
    with pytest.raises(IndexError):
        part.image(3)

    without = replace(data, open_image=None).take(np.array([3, 7]))
    assert without.open_image is None
    np.testing.assert_array_equal(np.asarray(without.image(1)), data.images[7, ..., 0])


def test_take_all_or_none() -> None:
    data = make_data(6)
    everything = data.take(np.arange(6))
    assert everything.fingerprint == data.fingerprint
    assert len(data.take(np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (np.array([True] * 6), r"index must be a one-dimensional array of integers, got bool \(6,\)\."),
        (np.array([0.0]), r"index must be a one-dimensional array of integers, got float64 \(1,\)\."),
        (np.array([[0, 1]]), r"index must be a one-dimensional array of integers, got int64 \(1, 2\)\."),
        (3, r"index must be a one-dimensional array of integers, got int64 \(\)\."),
        (np.array([-1, 2]), r"index must be strictly increasing within \[0, 6\)\."),
        (np.array([2, 6]), r"index must be strictly increasing within \[0, 6\)\."),
        (np.array([2, 1], dtype=np.uint8), r"index must be strictly increasing within \[0, 6\)\."),
        (np.array([2, 2]), r"index must be strictly increasing within \[0, 6\)\."),
    ],
)
def test_invalid_indices_are_refused(index: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}$"):
        make_data(6).take(index)


@pytest.mark.parametrize("wrong", [None, 5, "folder", b"folder", np.zeros(3)])
@pytest.mark.parametrize(
    "use",
    [
        curv_issues.find_duplicates,
        lambda data: curv_issues.find_leakage(data, make_data(30)),
        lambda data: curv_issues.find_leakage(make_data(30), data),
        lambda data: curv_issues.labels_from_file(data, "labels.csv", "label"),
        lambda data: curv_issues.plant_conflicting_duplicates(data, 3),
        lambda data: curv_issues.long_tailed(data, 3),
    ],
)
def test_data_that_is_not_loaded_is_refused(use: Any, wrong: Any) -> None:
    with pytest.raises(
        UsageError, match=rf"^Expected LabeledData, as returned by load_data\(\.\.\.\), but got {type(wrong).__name__}\.$"
    ):
        use(wrong)


@pytest.mark.parametrize("wrong", [None, 5, 2.5, b"folder", ["folder"]])
def test_other_types_than_paths_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match=rf"^Expected the path of a folder, got {type(wrong).__name__}\.$"):
        curv_issues.AuditResult.load(wrong)
    with pytest.raises(DatasetError, match=rf"^Expected the path of a table of labels, but got {type(wrong).__name__}\.$"):
        curv_issues.labels_from_file(make_data(4), wrong, "label")
    with pytest.raises(DatasetError, match=r"^Expected a Hub id, a path"):
        curv_issues.load_data(wrong if not isinstance(wrong, list) else {})


def test_part_of_a_memory_map_stays_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pixel_storage, "_MEMORY_LIMIT", 100)
    monkeypatch.setattr(pixel_storage, "_CHUNK", 1000)  # two images
    data = make_data(40)
    mapped = np.memmap(tmp_path / "pixels", dtype=np.uint8, mode="w+", shape=data.images.shape)
    mapped[:] = data.images
    index = np.flatnonzero(np.arange(40) % 3)
    part = replace(data, images=mapped).take(index)
    assert isinstance(part.images, np.memmap)
    np.testing.assert_array_equal(part.images, data.images[index])
    assert not isinstance(data.take(index).images, np.memmap)
