"""The samples to change are found by content and label, also in a dataset that has changed since the audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.applying.apply import apply_decisions
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.applying.audited import audited, decide, named
from tests.data.images import pngs, write_image_folder, write_parquet


def reasons(applied: Any) -> list[str]:
    return applied.not_applied["reason"].tolist()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_parquet(tmp_path / "rows.parquet", list("abcabc"))


def test_rows_that_have_moved_are_found_by_content(table: Path, tmp_path: Path) -> None:
    result = audited(str(table))
    decisions = [decide(result, 1, "relabel", "a"), decide(result, 4, "remove")]
    order = [5, 4, 3, 2, 1, 0]
    write_parquet(table, [list("abcabc")[row] for row in order], images=[pngs(6)[row] for row in order])
    applied = apply_decisions(result, decisions, tmp_path / "new")
    assert applied.notes == ("The dataset has changed since the audit; samples were matched by their content.",)
    assert applied.fingerprint is None
    found = pq.read_table(tmp_path / "new" / "rows.parquet")
    assert found.column("label").to_pylist() == list("cacaa")
    assert found.column("label_original").to_pylist() == list("cacba")
    assert applied.changes["row"].tolist() == [4, 1]  # rows of the audit, in the order of the dataset


def test_samples_that_changed_since_are_reported_and_left_alone(table: Path, tmp_path: Path) -> None:
    result = audited(str(table))
    decisions = [decide(result, row, "relabel", label) for row, label in ((0, "b"), (1, "c"), (2, "a"), (3, "c"))]
    images = pngs(8)
    write_parquet(table, list("bxcabc"), images=[images[0], images[1], images[7], *images[3:6]])
    applied = apply_decisions(result, decisions, tmp_path / "new")
    assert reasons(applied) == [
        "already applied: its label is 'b' now",
        "its label is 'x' now",
        "no sample of the dataset has this content any more",
    ]
    assert named(load_data(str(tmp_path / "new" / "rows.parquet"))) == list("bxccbc")


def test_twins_are_not_changed_twice(tmp_path: Path) -> None:
    images = [pngs(3)[number] for number in (0, 0, 1, 2)]
    table = write_parquet(tmp_path / "rows.parquet", list("aaba"), images=images)
    result = audited(str(table))
    write_parquet(table, list("baaa"), images=[images[2], images[0], images[1], images[3]])
    apply_decisions(result, [decide(result, 0, "remove")], tmp_path / "one")
    assert named(load_data(str(tmp_path / "one" / "rows.parquet"))) == list("baa")
    apply_decisions(result, [decide(result, 0, "remove"), decide(result, 1, "remove")], tmp_path / "both")
    assert named(load_data(str(tmp_path / "both" / "rows.parquet"))) == list("ba")


def test_another_dataset_is_refused(table: Path, tmp_path: Path) -> None:
    result = audited(str(table))
    other = write_parquet(tmp_path / "other.parquet", list("abcabc"), images=pngs(16)[10:])
    with pytest.raises(DatasetError, match=r"other.parquet has none of the 2 samples .*'a' to 'b'.* --dataset"):
        apply_decisions(result, [decide(result, row, "relabel", "b") for row in (0, 3)], tmp_path / "new", dataset=str(other))
    assert not (tmp_path / "new").exists()


def test_images_are_not_decoded(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = audited(str(table))
    monkeypatch.setattr("curv_issues.applying.source.decode_all", lambda *_, **__: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("opened"))
    assert apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new").counts["relabelled"] == 1


def test_without_the_hash_of_a_file_pixels_are_compared(table: Path, tmp_path: Path) -> None:
    result = audited(str(table))
    result.images["file_sha256"] = ""
    assert apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new").counts["relabelled"] == 1
    write_parquet(table, list("cabab"), images=[pngs(9)[8], *pngs(4)])
    moved = apply_decisions(result, [decide(result, 0, "relabel", "b")], dry_run=True)
    assert (moved.counts["relabelled"], len(moved.notes)) == (1, 1)
    write_parquet(table, list("abcabc"), images=pngs(9)[3:])
    with pytest.raises(DatasetError, match=r"has none of the 1 samples"):
        apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "newer")


def test_features_are_compared(tmp_path: Path) -> None:
    frame = pa.table({"label": list("abab"), "f": np.arange(4.0)})
    pq.write_table(frame, tmp_path / "rows.parquet")
    result = audited(str(tmp_path / "rows.parquet"), features_column="f")
    decisions = [decide(result, 1, "relabel", "a"), decide(result, 2, "relabel", "b")]
    pq.write_table(frame.set_column(1, "f", pa.array([0.0, 1.0, 7.0, 3.0])), tmp_path / "rows.parquet")
    applied = apply_decisions(result, decisions, tmp_path / "new")
    assert applied.changes["row"].tolist() == [1]
    assert reasons(applied) == ["no sample of the dataset has this content any more"]
    pq.write_table(frame.take([3, 0, 1]), tmp_path / "rows.parquet")
    tried = apply_decisions(result, decisions, dry_run=True)
    assert (tried.changes["row"].tolist(), reasons(tried)) == ([1], ["no sample of the dataset has this content any more"])


def test_a_dataset_that_has_moved_is_given(tmp_path: Path) -> None:
    pets = write_image_folder(tmp_path / "pets", {"cat": 3, "dog": 3})
    result = audited(str(pets))
    pets.rename(tmp_path / "moved")
    decisions = [decide(result, 0, "relabel", "dog")]
    with pytest.raises(DatasetError, match=r"pets does not exist. If the dataset has moved, pass --dataset"):
        apply_decisions(result, decisions, tmp_path / "new")
    assert apply_decisions(result, decisions, tmp_path / "new", dataset=tmp_path / "moved").counts["relabelled"] == 1


def test_paths_are_relative_to_the_home_or_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pets = write_image_folder(tmp_path / "pets", {"cat": 3, "dog": 3})
    files = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]
    (pets / "labels.csv").write_text("file,label\n" + "".join(f"{file},{file[:3]}\n" for file in files))
    result = audited("pets", labels="pets/labels.csv")
    decisions = [decide(result, 0, "relabel", "dog")]
    with pytest.raises(UsageError, match=r"is inside the dataset"):
        apply_decisions(result, decisions, pets / "new", dataset="~/pets")
    pets.rename(tmp_path / "moved")
    apply_decisions(result, decisions, tmp_path / "new", dataset="moved")  # the table of labels has moved too
    record = json.loads((tmp_path / "new" / "applied.json").read_text())["open_with"]
    assert record == {"dataset": [str(tmp_path / "moved")], "options": {"labels": "labels.csv"}}


def test_a_dataset_in_memory_must_be_given(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"image": pngs(4), "label": list("abab")})
    result = audited(frame)
    decisions = [decide(result, 0, "relabel", "b")]
    with pytest.raises(UsageError, match=r"an object in memory.*--dataset.*--format changes"):
        apply_decisions(result, decisions, tmp_path / "new")
    with pytest.raises(UsageError, match=r"cannot be written from an object in memory \(.*DataFrame.*\); .*--format changes"):
        apply_decisions(result, decisions, tmp_path / "new", dataset=frame)
    applied = apply_decisions(result, decisions, tmp_path / "new", format="changes")
    assert applied.kind is None
    assert (tmp_path / "new" / "changes.csv").read_text().splitlines()[1] == '0,"","","a","b","relabel","decision"'
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["applied.json", "changes.csv"]


def test_tar_files_are_refused(tmp_path: Path) -> None:
    import io
    import tarfile

    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "train-0.tar", "w") as tar:
        for number, content in enumerate(pngs(4)):
            for name, data in ((f"{number}.png", content), (f"{number}.cls", str(number % 2).encode())):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    result = audited(str(tmp_path / "shards"))
    with pytest.raises(UsageError, match=r"cannot be written from tar files; .*--format changes"):
        apply_decisions(result, [decide(result, 0, "relabel", "1")], tmp_path / "new")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"dataset": 7, "options": {}},
        {"dataset": ["x"], "options": {"split": 3}},
        {"dataset": ["x"], "options": {"mystery": 1}},
        5,
    ],
)
def test_a_strange_record_is_one_clear_error(record: Any, table: Path, tmp_path: Path) -> None:
    result = audited(str(table))
    result.summary["dataset"]["opened_with"] = json.loads(json.dumps(record))
    with pytest.raises((UsageError, DatasetError)) as caught:
        apply_decisions(result, [decide(result, 0, "relabel", "b")], tmp_path / "new")
    assert "\n" not in str(caught.value)
