"""Only splits whose classes differ are noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from curv_issues.data.loading import load_data
from tests.data.images import colour_image, encode, pngs, write_image_folder, write_parquet

ADVICE = " If this is not intended, check the class names and the files."
PARTLY = "The classes of train and test differ: 1 only in train (dog), 1 only in test (dgo)." + ADVICE


def notes(source: Any, **options: Any) -> list[str]:
    return [note for note in load_data(source, **options).source.notes if "class" in note]


def write_folder(folder: Path, test: list[str]) -> Path:
    write_image_folder(folder, {"cat": 2, "dog": 2}, split="train")
    return write_image_folder(folder, dict.fromkeys(test, 1), split="test")


def test_folders(tmp_path: Path) -> None:
    assert notes(write_folder(tmp_path / "1", ["cat", "dog"])) == []
    assert notes(write_folder(tmp_path / "2", ["cat", "dgo"])) == [PARTLY]
    assert notes(tmp_path / "2", split="train[:1]") == [PARTLY]
    assert notes(tmp_path / "2", split="test+train") == [
        "The classes of test and train differ: 1 only in test (dgo), 1 only in train (dog)." + ADVICE
    ]
    more = [*"abcdef", "cat", "dog"]
    assert notes(write_folder(tmp_path / "3", more)) == [
        "The classes of train and test differ: 6 only in test (a, b, c, d, e, ...)." + ADVICE
    ]
    assert notes(write_folder(tmp_path / "4", ["images"])) == [
        "The splits train (cat, dog) and test (images) have no class in common."
    ]


def test_a_test_split_without_labels(tmp_path: Path) -> None:
    folder = write_image_folder(tmp_path, {"cat": 2, "dog": 2}, split="train")
    (folder / "test").mkdir()
    (folder / "test" / "1.png").write_bytes(encode(colour_image(9)))
    assert notes(folder, split="train") == []


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (["cat", "dog"], ["dgo", "cat"], [PARTLY]),
        ([10, 9, 10, 8], [9, 8], ["The classes of train and test differ: 1 only in train (10)." + ADVICE]),
        ([1, 2], [2.0, 1.0, None], []),
        (["cat", "dog"], [None, None], []),
        (["cat", "dog"], ["dog", "", "cat"], []),
    ],
)
def test_tables(tmp_path: Path, train: list[Any], test: list[Any], expected: list[str]) -> None:
    write_parquet(tmp_path / "train.parquet", train)
    write_parquet(tmp_path / "test.parquet", test)
    assert notes(tmp_path) == expected


def test_class_labels_without_samples() -> None:
    names = datasets.Features(image=datasets.Value("binary"), label=datasets.ClassLabel(names=["cat", "dog", "emu"]))
    splits = {
        split: datasets.Dataset.from_dict({"image": pngs(len(codes)), "label": codes}, features=names)
        for split, codes in {"train": [1, 0], "test": [0, 1], "other": [2, 0, 1], "unlabelled": [-1, -1]}.items()
    }
    assert notes(datasets.DatasetDict(splits)) == ["The classes of train and other differ: 1 only in other (emu)." + ADVICE]
