"""apply_decisions as a whole: random decisions, a second time, dry runs, and folders that cannot be used."""

from __future__ import annotations

import csv
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curv_issues
from curv_issues.applying import WRITERS
from curv_issues.applying.apply import Applied, apply_decisions
from curv_issues.data.loading import load_data
from curv_issues.errors import AuditError, DatasetError, UsageError
from curv_issues.plugins import load_attribute
from curv_issues.review.decisions import Decision
from tests.applying.audited import audited, decide, labelled_paths, named, save_decisions, tree_of
from tests.data.folders import image, write, write_csv
from tests.data.images import write_image_folder, write_parquet

CLASSES = ("cat", "dog", "fox")
CONTENTS = (0, 1, 1, 2, 3, 3, 4, 5, 6)  # rows 1 and 2, and rows 4 and 5, have the same image
LABELS = ("cat", "dog", "dog", "fox", "cat", "fox", "dog", "cat", "fox")


def as_parquet(folder: Path) -> str:
    return str(write_parquet(folder / "rows.parquet", LABELS, images=[image(value) for value in CONTENTS]))


def as_class_folders(folder: Path) -> str:
    for number, (value, label) in enumerate(zip(CONTENTS, LABELS, strict=True)):
        write(folder / "pets", f"{label}/{number}.png", content=image(value))
    return str(folder / "pets")


def as_metadata(folder: Path) -> str:
    for number, value in enumerate(CONTENTS):
        write(folder / "pets", f"{number}.png", content=image(value))
    write_csv(
        folder / "pets" / "metadata.csv", ("file_name", "label"), *((f"{row}.png", label) for row, label in enumerate(LABELS))
    )
    return str(folder / "pets")


def opened(folder: Path) -> str:
    found = folder / "rows.parquet"
    return str(found if found.exists() else folder)


@st.composite
def choices(draw: st.DrawFn) -> list[tuple[int, str, str | None]]:
    """Decisions on rows, in the order in which they were made; a row may be decided again."""
    found = []
    for row in draw(st.lists(st.integers(0, len(LABELS) - 1), max_size=9)):
        action = draw(st.sampled_from(["keep", "relabel", "remove", "unsure"]))
        others = [name for name in (*CLASSES, "owl") if name != LABELS[row]]
        found.append((row, action, draw(st.sampled_from(others)) if action == "relabel" else None))
    return found


@pytest.mark.parametrize("make", [as_parquet, as_class_folders, as_metadata])
@given(chosen=choices())
@settings(max_examples=4)
def test_random_decisions_are_applied_once(
    make: Callable[[Path], str], chosen: list[tuple[int, str, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("random")
    dataset = make(folder)
    result = audited(dataset)
    order = result.scores["path"].tolist() if make is as_class_folders else None
    rows = {int(path.split("/")[-1].split(".")[0]): row for row, path in enumerate(order)} if order is not None else None
    decisions = [decide(result, row if rows is None else rows[row], action, label) for row, action, label in chosen]
    try:
        first = apply_decisions(result, decisions, folder / "first", new_classes=True)
    except DatasetError:  # at most one class is left
        assert not (folder / "first").exists()
        return
    once = load_data(opened(folder / "first"))
    assert once.fingerprint == first.fingerprint
    last = {row: (action, label) for row, action, label in chosen}
    alone = [row for row, value in enumerate(CONTENTS) if CONTENTS.count(value) == 1]
    expected = {
        row: last[row][1] or LABELS[row] if row in last else LABELS[row] for row in alone if last.get(row, ("",))[0] != "remove"
    }
    hashes = dict(zip(result.scores["row"], result.images["image_sha256"], strict=True))
    found = dict(zip(once.image_sha256, named(once), strict=True))
    of_row = {row: found.get(hashes[row if rows is None else rows[row]]) for row in alone}
    assert of_row == {row: expected.get(row) for row in alone}
    again = audited(opened(folder / "first"))
    second = apply_decisions(again, decisions, folder / "second", new_classes=True)
    assert second.changes.empty
    assert second.fingerprint == first.fingerprint
    twice = load_data(opened(folder / "second"))
    assert (named(twice), twice.paths.tolist(), twice.file_sha256.tolist()) == (
        named(once),
        once.paths.tolist(),
        once.file_sha256.tolist(),
    )


def test_removing_one_of_two_twins_twice_removes_one(tmp_path: Path) -> None:
    dataset = as_parquet(tmp_path)
    result = audited(dataset)
    decisions = [decide(result, 1, "remove")]
    apply_decisions(result, decisions, tmp_path / "first")
    again = audited(opened(tmp_path / "first"))
    second = apply_decisions(again, decisions, tmp_path / "second")
    assert len(load_data(opened(tmp_path / "second"))) == 8
    assert second.not_applied["reason"].tolist() == ["already applied"]
    third = audited(opened(tmp_path / "second"))
    apply_decisions(third, decisions, tmp_path / "third")
    assert len(load_data(opened(tmp_path / "third"))) == 8  # the log names earlier removals too


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Any]:
    """A saved result of class folders, and the result."""
    result = audited(as_class_folders(tmp_path))
    result.save(tmp_path / "result")
    return tmp_path / "result", result


def test_decisions_are_read_from_the_folder_of_the_result(saved: tuple[Path, Any], tmp_path: Path) -> None:
    folder, result = saved
    with pytest.raises(UsageError, match=r"result has no decisions.json, so there is nothing to apply; pass --decisions"):
        apply_decisions(folder, None, tmp_path / "new")
    assert apply_decisions(folder, None, tmp_path / "rules", auto=0.45).counts["relabelled"] == 3
    save_decisions(folder / "decisions.json", [decide(result, 0, "relabel", "fox")], result)
    assert apply_decisions(folder, None, tmp_path / "new").changes["row"].tolist() == [0]
    with_both = apply_decisions(str(folder), None, tmp_path / "both", auto=0.45)
    assert with_both.changes["row"].tolist()[0] == 0
    assert len(with_both.changes) == 4
    other = save_decisions(tmp_path / "mine.json", [decide(result, 1, "remove")], result)
    assert apply_decisions(folder, str(other), tmp_path / "mine").changes["row"].tolist() == [1]
    with pytest.raises(UsageError, match=r"gone.json does not exist"):
        apply_decisions(folder, tmp_path / "gone.json", tmp_path / "last", auto=0.5)
    with pytest.raises(UsageError, match=r"There are no decisions, so there is nothing to apply"):
        apply_decisions(result, None, tmp_path / "last")


def test_decisions_that_do_not_fit_do_not_stop_the_others(saved: tuple[Path, Any], tmp_path: Path) -> None:
    _, result = saved
    strange = decide(result, 0, "remove", image_sha256="f" * 64)
    applied = apply_decisions(result, [strange, decide(result, 1, "remove")], tmp_path / "new")
    assert applied.counts == {"relabelled": 0, "removed": 1, "not_applied": 1}
    assert str(applied) == "0 labels changed, 1 sample removed, 1 decision not applied"
    with pytest.raises(UsageError, match=r"None of the 1 decision fits .*no sample has this content any more.*--decisions"):
        apply_decisions(result, [strange], tmp_path / "newer")
    assert not (tmp_path / "newer").exists()


def test_a_dry_run_writes_nothing(saved: tuple[Path, Any], tmp_path: Path) -> None:
    folder, result = saved
    before = sorted(tmp_path.rglob("*"))
    decisions = [decide(result, 0, "relabel", "fox"), decide(result, 1, "remove")]
    tried = apply_decisions(folder, decisions, tmp_path / "new", dry_run=True)
    assert sorted(tmp_path.rglob("*")) == before
    done = apply_decisions(folder, decisions, tmp_path / "new")
    assert (tried.output, tried.kind) == (None, done.kind)
    assert tried.changes.equals(done.changes)
    assert apply_decisions(folder, decisions, dry_run=True).counts == done.counts
    with pytest.raises(UsageError, match=r"is not empty"):
        apply_decisions(folder, decisions, tmp_path / "new", dry_run=True)


def test_the_log_says_what_was_done(saved: tuple[Path, Any], tmp_path: Path) -> None:
    folder, result = saved
    decisions = [decide(result, 0, "relabel", "fox"), decide(result, 1, "remove", decided_at="2026-01-01T00:00:00Z")]
    applied = apply_decisions(folder, decisions, tmp_path / "new", auto=0.6)
    log = json.loads((tmp_path / "new" / "applied.json").read_text())
    assert log["curv_issues_applied"] == 1
    assert (log["source"], log["kind"]) == (result.summary["dataset"]["source"], "image folder")
    assert (log["fingerprint_before"], log["fingerprint_after"]) == (result.summary["dataset"]["fingerprint"], applied.fingerprint)
    assert log["counts"] == applied.counts
    assert log["rules"] == {"auto": 0.6, "drop_conflicts": None, "drop_duplicates": None}
    assert log["versions"]["pyarrow"]
    assert [Decision(**entry) for entry in log["removed"]] == decisions[1:]
    with (tmp_path / "new" / "changes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(row) for row in applied.changes["row"]]
    assert [row["label"] for row in rows] == applied.changes["label"].fillna("").tolist()
    assert rows[-1]["reason"].startswith("suggested with probability 0.6")


def test_a_damaged_log_is_one_clear_error(saved: tuple[Path, Any], tmp_path: Path) -> None:
    _, result = saved
    decisions = [decide(result, 0, "relabel", "fox")]
    log = tmp_path / "pets" / "applied.json"
    for content in ('{"curv_issues_applied": 9, "removed": []}', '{"curv_issues_applied": 1, "removed": 3}'):
        log.write_text(content)
        with pytest.raises(UsageError, match=r"The log .*applied.json of earlier changes is of another version or damaged"):
            apply_decisions(result, decisions, tmp_path / "new")
    for content in ("{", '{"of": "somebody else"}', "[]"):
        log.write_text(content)
        with pytest.raises(UsageError, match=r"applied.json of its own"):
            apply_decisions(result, decisions, tmp_path / "new")


@pytest.mark.parametrize("place", ["pets", "pets/new", "result", "result/new"])
def test_the_new_folder_is_outside_of_dataset_and_result(place: str, saved: tuple[Path, Any], tmp_path: Path) -> None:
    folder, result = saved
    before = tree_of(tmp_path)
    with pytest.raises(UsageError, match=r"is inside|is not empty"):
        apply_decisions(folder, [decide(result, 0, "relabel", "fox")], tmp_path / place)
    assert tree_of(tmp_path) == before


def test_an_empty_folder_is_filled_and_others_are_not(
    saved: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result = saved
    decisions = [decide(result, 0, "relabel", "fox")]
    (tmp_path / "empty").mkdir(mode=0o700)
    apply_decisions(result, decisions, tmp_path / "empty")
    assert (tmp_path / "empty" / "changes.csv").exists()
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o700
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for name, what in (("full", "is not empty"), ("full/mine", "is a file")):
        with pytest.raises(UsageError, match=what):
            apply_decisions(result, decisions, tmp_path / name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match=r"\. is the current directory, which cannot be replaced"):
        apply_decisions(result, decisions, ".")
    apply_decisions(result, decisions, tmp_path / "a" / "b" / "new")
    assert (tmp_path / "a" / "b" / "new" / "changes.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "parquet"}, "--format .* must be dataset or changes, got 'parquet'"),
        ({"link": "soft"}, "--link .* must be hard or symbolic, got 'soft'"),
        ({"auto": 2}, "--auto"),
        ({"output": None}, "needs a folder; pass output=FOLDER, or dry_run=True"),
        ({"output": ""}, "The name of the output folder is empty"),
        ({"link": "hard", "format": "changes"}, "--link .* this is a list of changes"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str, saved: tuple[Path, Any], tmp_path: Path) -> None:
    _, result = saved
    output = options.pop("output", tmp_path / "new")
    with pytest.raises(UsageError, match=message):
        apply_decisions(result, [decide(result, 0, "relabel", "fox")], output, **options)
    assert not (tmp_path / "new").exists()


def test_a_writer_that_writes_something_else_is_caught(
    saved: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curv_issues.applying import image_folder

    _, result = saved
    monkeypatch.setattr(image_folder, "_moved", lambda path, place, label, name: f"dog/{name}")
    message = r"would be read with other labels .* than planned; nothing was written"
    with pytest.raises(AuditError, match=message):
        apply_decisions(result, [decide(result, 0, "relabel", "fox")], tmp_path / "new")
    monkeypatch.setattr("curv_issues.applying.arrow_rows.RowEditor._value", lambda *_: "dog")
    result = audited(as_parquet(tmp_path))
    with pytest.raises(AuditError, match=message):
        apply_decisions(result, [decide(result, 0, "relabel", "fox")], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_progress_is_reported(saved: tuple[Path, Any], tmp_path: Path) -> None:
    _, result = saved
    seen: list[Any] = []
    apply_decisions(result, [decide(result, 0, "relabel", "fox")], tmp_path / "new", progress=seen.append)
    assert {event.stage for event in seen} == {"write"}
    assert (seen[-1].done, seen[-1].total) == (9, 9)


def test_names_of_the_package(saved: tuple[Path, Any], tmp_path: Path) -> None:
    _, result = saved
    found = curv_issues.apply_decisions(result, [decide(result, 0, "relabel", "fox")], tmp_path / "new")
    assert isinstance(found, curv_issues.Applied)
    assert curv_issues.Applied is Applied


@pytest.mark.parametrize("kind", WRITERS)
def test_every_writer_can_be_called(kind: str) -> None:
    signature = inspect.signature(load_attribute(WRITERS[kind]))
    assert list(signature.parameters) == ["edits", "folder", "link", "progress"]


def test_the_log_is_not_read_as_data(tmp_path: Path) -> None:
    pets = write_image_folder(tmp_path / "pets", {"cat": 4, "dog": 4})
    result = audited(str(pets))
    decisions = [decide(result, row, "relabel", "dog") for row in (0, 1, 2)] + [decide(result, 5, "relabel", "cat")]
    apply_decisions(result, decisions, tmp_path / "new")
    new = load_data(str(tmp_path / "new"))
    assert new.source.notes == ()
    assert len(labelled_paths(new)) == 8


def test_the_column_of_old_labels_is_not_taken_for_labels_or_features(tmp_path: Path) -> None:
    import numpy as np
    import pyarrow as pa

    frame = pa.table({"fine": [0, 1, 0, 1], "emb_1": np.arange(4.0), "emb_2": np.arange(4.0)})
    pq.write_table(frame, tmp_path / "rows.parquet")
    result = audited(str(tmp_path / "rows.parquet"), label_column="fine", features_column=["emb_*"])
    apply_decisions(result, [decide(result, 0, "relabel", "1")], tmp_path / "new")
    again = load_data(str(tmp_path / "new" / "rows.parquet"), label_column="fine", features_column="*")
    assert again.features is not None
    assert again.features.shape == (4, 2)
    images = write_parquet(tmp_path / "img.parquet", [0, 1, 0, 1])
    table = pq.read_table(images)
    pq.write_table(table.rename_columns(["image", "fine"]), images)
    result = audited(str(images))
    apply_decisions(result, [decide(result, 0, "relabel", "1")], tmp_path / "newer")
    assert named(load_data(str(tmp_path / "newer" / "img.parquet"))) == ["1", "1", "0", "1"]
