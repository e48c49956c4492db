"""What a result records of how its dataset was opened, and that it opens the same dataset again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curv_issues.data.loading import load_data
from curv_issues.data.reopening import move_options, opened_names, opened_with, options_of
from curv_issues.data.source_options import SourceOptions
from tests.small import make_arrays


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    images, labels = make_arrays(12, 3)
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        (tmp_path / "photos" / f"class {label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(tmp_path / "photos" / f"class {label}" / f"{number}.png")
    return tmp_path / "photos"


def test_a_folder_opens_again_from_another_directory(photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(photos.parent)
    options = {"split": "train[:10]", "class_level": 1, "skip_unreadable": True, "value_range": "0:4095"}
    data = load_data("photos", **options)
    record = json.loads(json.dumps(data.source.opened_with))
    monkeypatch.chdir("/")
    assert record["dataset"] == [str(photos)]
    assert options_of(record) == SourceOptions(**options)
    assert load_data(record["dataset"], **record["options"]).fingerprint == data.fingerprint


def test_a_table_of_labels_is_recorded_as_a_path(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    pd.DataFrame({"file_name": names, "label": ["a", "b"] * 6}).to_csv("labels.csv", index=False)
    record = load_data("photos", labels="labels.csv").source.opened_with
    assert record == {"dataset": [str(photos)], "options": {"labels": str(photos.parent / "labels.csv")}}
    assert load_data("photos", labels="folders").source.opened_with["options"] == {"labels": "folders"}


def test_a_hub_id_stays_as_it_is() -> None:
    assert opened_with("org/name", SourceOptions(split="test")) == {"dataset": ["org/name"], "options": {"split": "test"}}


def test_objects_in_memory_cannot_be_opened_again(photos: Path) -> None:
    frame = pd.DataFrame({"file_name": [str(path) for path in photos.rglob("*.png")], "label": ["a", "b"] * 6})
    assert load_data(frame).source.opened_with is None
    assert opened_with(str(photos), SourceOptions(labels=frame)) is None
    assert opened_with(str(photos), SourceOptions(features=np.zeros((12, 2)))) is None


def test_names_are_read_from_a_summary_that_is_not_trusted() -> None:
    assert opened_names({"opened_with": {"dataset": ["org/name", 7, "/a"]}}) == ["org/name", "/a"]
    for dataset in ({}, {"opened_with": None}, {"opened_with": {"dataset": "org/name"}}, {"opened_with": [1]}):
        assert opened_names(dataset) == []


def test_only_files_that_have_moved_with_the_folder_get_new_paths(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "new.csv").touch()
    for before, now in (("photos/new.csv", "moved/new.csv"), ("photos/old.csv", "photos/old.csv"), ("new.csv", "new.csv")):
        moved = move_options(SourceOptions(labels=str(tmp_path / before)), [str(photos)], [str(tmp_path / "moved")])
        assert moved.labels == str(tmp_path / now)
