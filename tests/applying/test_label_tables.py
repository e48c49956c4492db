"""Tables of labels: only the table is written, and the images stay where they are."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from curv_issues.applying.apply import apply_decisions
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.applying.audited import audited, decide, labelled_paths, tree_of
from tests.data.folders import PETS, write

ROWS = "file;label;note\r\ncat/1.png;cat;a\r\ncat/2.png;cat;\r\ndog/1.png;dog;'\"'\r\ndog/2.png;dog;c\r\ngone.png;cat;d\r\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_bytes(ROWS.encode())
    return write(tmp_path / "photos", *PETS)


def test_the_table_gets_the_new_labels(photos: Path, tmp_path: Path) -> None:
    before = tree_of(photos)
    result = audited(str(photos), labels=str(tmp_path / "labels.csv"))
    decisions = [decide(result, 0, "relabel", "dog"), decide(result, 3, "remove")]
    applied = apply_decisions(result, decisions, tmp_path / "new")
    assert applied.kind == "table of labels"
    after = tree_of(tmp_path / "new")
    assert set(after) == {"labels.csv", "changes.csv", "applied.json"}
    assert after["labels.csv"].decode() == (
        "file;label;note;label_original\r\ncat/1.png;dog;a;cat\r\ncat/2.png;cat;;cat\r\ndog/1.png;dog;'\"';dog\r\ngone.png;cat;d;cat\r\n"
    )
    assert tree_of(photos) == before
    assert (tmp_path / "labels.csv").read_bytes() == ROWS.encode()
    new = load_data(str(photos), labels=str(tmp_path / "new" / "labels.csv"))
    assert labelled_paths(new) == {"cat/1.png": "dog", "cat/2.png": "cat", "dog/1.png": "dog"}
    assert new.fingerprint == applied.fingerprint
    record = json.loads(after["applied.json"])["open_with"]
    assert record == {"dataset": [str(photos)], "options": {"labels": "labels.csv"}}


def test_all_rows_of_an_image_change(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\ncat/1.png,cat\n./cat/1.png,cat\ncat/2.png,dog\ndog/1.png,dog\n")
    result = audited(str(photos), labels=str(tmp_path / "labels.csv"))
    apply_decisions(result, [decide(result, 0, "relabel", "dog"), decide(result, 2, "relabel", "cat")], tmp_path / "new")
    assert (tmp_path / "new" / "labels.csv").read_text() == (
        "file,label,label_original\ncat/1.png,dog,cat\n./cat/1.png,dog,cat\ncat/2.png,dog,dog\ndog/1.png,cat,dog\n"
    )


def test_a_second_round_keeps_the_first_labels(photos: Path, tmp_path: Path) -> None:
    result = audited(str(photos), labels=str(tmp_path / "labels.csv"))
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    second = audited(str(photos), labels=str(tmp_path / "new" / "labels.csv"))
    apply_decisions(second, [decide(second, 0, "relabel", "cat"), decide(second, 1, "relabel", "dog")], tmp_path / "newer")
    frame = pd.read_csv(tmp_path / "newer" / "labels.csv", sep=";")
    assert frame["label"].tolist() == ["cat", "dog", "dog", "dog", "cat"]
    assert frame["label_original"].tolist() == ["cat", "cat", "dog", "dog", "cat"]


def test_the_label_column_that_was_chosen_changes(photos: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": PETS, "fine": ["a", "b", "c", "d"], "coarse": ["x", "x", "y", "y"]})
    frame.to_parquet(tmp_path / "labels.parquet")
    result = audited(str(photos), labels=str(tmp_path / "labels.parquet"), label_column="coarse")
    apply_decisions(result, [decide(result, 1, "relabel", "y")], tmp_path / "new")
    new = pd.read_parquet(tmp_path / "new" / "labels.parquet")
    assert new.columns.tolist() == ["file", "fine", "coarse", "coarse_original"]
    assert (new["coarse"].tolist(), new["coarse_original"].tolist()) == (["x", "y", "y", "y"], ["x", "x", "y", "y"])


def test_a_table_and_images_that_have_moved(photos: Path, tmp_path: Path) -> None:
    result = audited(str(photos), labels=str(tmp_path / "labels.csv"))
    (tmp_path / "else").mkdir()
    photos.rename(tmp_path / "else" / "photos")
    (tmp_path / "labels.csv").rename(tmp_path / "else" / "labels.csv")
    decisions = [decide(result, 0, "relabel", "dog")]
    with pytest.raises(DatasetError, match=r"labels.csv does not exist. If the dataset has moved, pass --dataset"):
        apply_decisions(result, decisions, tmp_path / "new")
    moved = {"dataset": str(tmp_path / "else" / "photos"), "labels": str(tmp_path / "else" / "labels.csv")}
    applied = apply_decisions(result, decisions, tmp_path / "new", **moved)
    assert applied.counts["relabelled"] == 1


def test_tables_in_memory_and_links_to_tables_are_refused(photos: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": PETS, "label": ["cat", "cat", "dog", "dog"]})
    result = audited(str(photos), labels=frame)
    decisions = [decide(result, 0, "relabel", "dog")]
    with pytest.raises(UsageError, match=r"a table of labels in memory; write the list of changes instead: --format changes"):
        apply_decisions(result, decisions, tmp_path / "new", dataset=str(photos), labels=frame)
    result = audited(str(photos), labels=str(tmp_path / "labels.csv"))
    with pytest.raises(UsageError, match=r"--link .* this is a table of labels"):
        apply_decisions(result, decisions, tmp_path / "new", link="hard")
    assert not (tmp_path / "new").exists()
