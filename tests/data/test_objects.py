from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from curv_issues.data.arrays import from_arrays
from curv_issues.data.loading import load_data
from curv_issues.data.objects import records_of_list
from curv_issues.errors import DatasetError
from tests.data.images import write_image_folder
from tests.data.records import decode, hashes_of, save_image

LABELS: list[Any] = [[1, 0, 1], (1, 0, 1), np.array([1, 0, 1]), torch.tensor([1, 0, 1]), pd.Series([1, 0, 1], index=[2, 0, 1])]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: type(labels).__name__)
def test_paths_with_labels(tmp_path: Path, labels: Any) -> None:
    records = records_of_list([save_image(tmp_path, 0), tmp_path / "1.png", save_image(tmp_path, 2)], labels)
    assert records.labels == [1, 0, 1]
    assert records.paths == [str(tmp_path / f"{value}.png") for value in range(3)]
    decoded = decode(records)
    assert decoded.unreadable == {1: "the file does not exist"}
    assert decoded.image_sha256[2] == hashes_of([2])[0]


@pytest.mark.parametrize(
    ("paths", "labels", "message"),
    [
        (["a.png", "b.png"], [1], "Expected one label per image, but got 2 paths and 1 label."),
        (
            ["a.png", 3],
            [1, 2],
            "Item 1 of the list is of type int; expected paths of image files, PIL images, or arrays.",
        ),
        (["a.png"], "x", "Expected one label per image as a list, an array or a Series, but got a str."),
        (["a.png"], None, "Expected one label per image as a list, an array or a Series, but got a NoneType."),
    ],
)
def test_invalid_paths_and_labels_are_refused(paths: list[Any], labels: Any, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        records_of_list(paths, labels)
    assert str(caught.value) == message


PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "wrap",
    [
        Image.fromarray,
        lambda pixels: pixels,
        lambda pixels: pixels / 255,
        lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1),
        lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1) / 255,
    ],
)
def test_lists_of_images_with_labels(wrap: Callable[[np.ndarray], Any]) -> None:
    data = load_data([wrap(pixels) for pixels in PIXELS], labels=["a", "b", "a", "b"], resolution=8)
    assert data.images is not None
    assert np.array_equal(data.images, PIXELS)
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert data.source.source == "list of images"
    assert data.paths.tolist() == [None] * 4
    assert data.image_sha256.tolist() == from_arrays(PIXELS, [0] * 4).image_sha256.tolist()


@pytest.mark.parametrize(
    "wrap",
    [lambda x: x, lambda x: x / 255, lambda x: torch.from_numpy(x).permute(0, 3, 1, 2), lambda x: x[..., 0], lambda x: x[..., :1]],
)
def test_an_array_of_images_with_labels(wrap: Callable[[np.ndarray], Any]) -> None:
    expected = from_arrays(wrap(PIXELS), ["a", "b", "a", "b"], resolution=8)
    data = load_data(wrap(PIXELS), labels=["a", "b", "a", "b"], resolution=8)
    assert data.images is not None
    assert np.array_equal(data.images, expected.images)  # type: ignore[arg-type]
    assert data.fingerprint == expected.fingerprint
    assert data.source.notes == expected.source.notes
    assert len(load_data(wrap(PIXELS), labels=["a", "b", "a", "b"], max_samples=2)) == 2


def test_other_objects_in_memory_are_refused_with_advice() -> None:
    with pytest.raises(
        DatasetError, match=r"^An array of images \(ndarray of shape \(4, 8, 8, 3\)\) needs labels=\[...\], one label"
    ):
        load_data(PIXELS)
    with pytest.raises(DatasetError, match=r"but got a DataLoader, which may shuffle its samples; pass its `dataset`\.$"):
        load_data(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(4))))


def test_lists_of_images_of_different_sizes_and_kinds(tmp_path: Path) -> None:
    mixed = [PIXELS[0], Image.fromarray(PIXELS[1, :5]), save_image(tmp_path, 2), PIXELS[3, ..., 0]]
    data = load_data(mixed, labels=[0, 1, 0, 1])
    assert data.sizes[:2].tolist() == [[8, 8], [5, 8]]
    assert data.paths.tolist() == [None, None, str(tmp_path / "2.png"), None]


def test_normalised_images_in_a_list_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"^The image in row 0 .* numbers in \[0, 1\], but got float64 from -1 to 0.95"):
        load_data([pixels / 127.5 - 1 for pixels in PIXELS], labels=[0, 1, 0, 1])


@pytest.mark.parametrize("make", [list, tuple, np.array, iter, pd.Series])
def test_paths_may_be_any_sequence(tmp_path, make):
    paths = [str(path) for path in sorted(write_image_folder(tmp_path, {"cat": 2, "dog": 2}).rglob("*.png"))]
    assert load_data(make(paths), labels=["a", "a", "b", "b"]).labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("labels", [{"a.png": 0, "b.png": 1}, {0, 1}])
def test_labels_without_an_order_are_refused(labels):
    with pytest.raises(DatasetError, match=r"^Expected one label per image as a list, an array or a Series, but got a (dict|set)"):
        load_data(["a.png", "b.png"], labels=labels)


def test_importing_does_not_import_torchvision_or_pandas() -> None:
    code = "import sys, curv_issues.data.objects; print({'torchvision', 'torch.utils.data', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
