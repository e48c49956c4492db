from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import curv_issues
from curv_issues import DatasetError, UsageError, from_arrays
from tests.duplicates.images import textured
from tests.small import make_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image folder of two splits; two images of test appear in train, one of them with another label."""
    images = textured(26)
    for split, rows in (("train", range(20)), ("test", (3, 20, 21, 22, 23, 24, 8))):
        for row in rows:
            label = "odd" if row % 2 and (split, row) != ("test", 3) else "even"
            (tmp_path / split / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row]).save(tmp_path / split / label / f"{row:02}.png")
    return tmp_path


def test_another_split_of_the_same_dataset(folder: Path) -> None:
    result = curv_issues.audit(str(folder), epochs=1, device="cpu", against="test")
    table = result.leakage
    assert result.summary["other_split"]["split"] == "test"
    assert [Path(path).name for path in table["path"]] == ["03.png", "08.png"]
    assert table[["given", "other_given", "agree"]].to_numpy().tolist() == [["odd", "even", False], ["even", "even", True]]
    assert table["test"].tolist() == ["identical bytes"] * 2
    assert table["other_split"].tolist() == ["test"] * 2
    assert len(result) == 20


def test_another_dataset(folder: Path) -> None:
    result = curv_issues.audit(str(folder), epochs=1, device="cpu", against=folder / "test")
    assert [Path(path).name for path in result.leakage["path"]] == ["03.png", "08.png"]


def test_other_split_is_read_at_the_same_resolution(folder: Path) -> None:
    result = curv_issues.audit(str(folder), epochs=1, device="cpu", against="test", resolution=24)
    assert [Path(path).name for path in result.leakage["path"]] == ["03.png", "08.png"]


def test_errors_are_raised_before_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.training.run.run_probe", lambda *_args, **_options: pytest.fail("trained"))
    with pytest.raises(UsageError, match="The split 'train' is the one that is audited; compare it with another one"):
        curv_issues.audit(str(folder), against="train")
    with pytest.raises(DatasetError, match="validation"):
        curv_issues.audit(str(folder), against="validation")
    with pytest.raises(UsageError, match="against='test' names a split, but the dataset is LabeledData; give other LabeledData"):
        curv_issues.audit(make_data(20), against="test")
    images = np.random.default_rng(0).integers(0, 256, (9, 24, 24, 3)).astype(np.uint8)
    other = from_arrays(images, np.arange(9) % 3, resolution=24)
    with pytest.raises(UsageError, match=r"decoded at \d+ pixels, those to compare them with at 24; load both"):
        curv_issues.audit(make_data(20), against=other)
