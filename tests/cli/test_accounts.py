"""The account of the files of a folder, before training and in the result."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import curv_issues
from tests.cli.running import audit, check_error, run, scores_of, summary_of
from tests.data.images import write_image_folder


def photos(folder: Path) -> Path:
    write_image_folder(folder, {"cat": 9, "dog": 9})
    (folder / "cat" / "notes.txt").write_text("hello")
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    (folder / "preview.jpg").write_bytes((folder / "cat" / "0.png").read_bytes())
    return folder


def test_every_file_is_accounted_for(tmp_path):
    folder, output = photos(tmp_path / "photos"), tmp_path / "out"
    done = audit(folder, "--output", output, "--skip-unreadable")
    assert done.exit_code == 0
    lines = done.stderr.splitlines()
    assert lines[0] == (
        "files: 21 found, 19 read, 2 left out: 1 not an image (.txt) (cat/notes.txt); 1 not in a class folder (preview.jpg)."
    )
    assert lines[1] == "labels: folder names, level 1."
    assert lines[2] == (  # after decoding
        "files: 21 found, 18 read, 3 left out: 1 cannot be decoded (cat/broken.png); 1 not an image (.txt) (cat/notes.txt); "
        "1 not in a class folder (preview.jpg)."
    )
    assert "Note: 1 file that looks like an image was left out: not in a class folder (preview.jpg)." in lines

    dataset = summary_of(output)["dataset"]
    assert dataset["labels"] == "folder names, level 1"
    assert dataset["files"]["found"] == 21
    assert dataset["files"]["read"] == dataset["n"] == 18
    left_out = pd.read_parquet(output / "left_out.parquet")
    assert dict(zip(left_out["path"], left_out["reason"], strict=True)) == {
        "cat/broken.png": "cannot be decoded",
        "cat/notes.txt": "not an image (.txt)",
        "preview.jpg": "not in a class folder",
    }
    assert {reason: entry["count"] for reason, entry in dataset["files"]["left_out"].items()} == left_out[
        "reason"
    ].value_counts().to_dict()
    loaded = curv_issues.AuditResult.load(output)
    pd.testing.assert_frame_equal(loaded.left_out, left_out, check_dtype=False)
    assert len(curv_issues.rejudge(loaded, cut_off="5%").left_out) == 3


def test_quiet_prints_nothing_on_stderr(tmp_path):
    done = audit(photos(tmp_path / "photos"), "--output", tmp_path / "out", "--skip-unreadable", "--quiet", "--format", "json")
    assert (done.exit_code, done.stderr) == (0, "")


def test_user_supplied_label_table(tmp_path):
    folder = tmp_path / "photos"
    write_image_folder(folder, {"a": 8, "b": 8})
    rows = [f"{name}/{number}.png;{'N A' if number % 2 else '007'}" for name in "ab" for number in range(8)]
    (tmp_path / "mine.csv").write_text("\ufeffDatei;Art\r\n" + "\r\n".join(rows), encoding="utf-8")
    options = ("--labels", tmp_path / "mine.csv", "--file-column", "Datei", "--label-column", "Art", "--output", tmp_path / "out")
    assert audit(folder, *options).exit_code == 0
    assert summary_of(tmp_path / "out")["dataset"]["classes"] == ["007", "N A"]
    scores = scores_of(tmp_path / "out")
    assert dict(zip(scores["path"], scores["given"], strict=True)) == dict(row.split(";") for row in rows)


def test_class_levels_and_splits(tmp_path):
    folder = tmp_path / "photos"
    for place in ("train/x", "train/y", "bus/x", "bus/y"):
        write_image_folder(folder, {place: 5})
    assert audit(folder, "--output", tmp_path / "one").exit_code == 0
    assert summary_of(tmp_path / "one")["dataset"]["classes"] == ["bus", "train"]
    assert audit(folder, "--class-level", "2", "--output", tmp_path / "two").exit_code == 0
    assert summary_of(tmp_path / "two")["dataset"]["classes"] == ["x", "y"]
    assert audit(folder, "--splits", "--output", tmp_path / "three").exit_code == 0
    assert summary_of(tmp_path / "three")["dataset"]["n"] == 10
    check_error(audit(folder, "--class-level", "0", "--output", tmp_path / "four"), 2, "--class-level")


def test_bench_accepts_the_same_options(tmp_path):
    folder = photos(tmp_path / "photos")
    options = ("--epochs", "1", "--seeds", "1", "--methods", "default", "--device", "cpu", "--skip-unreadable")
    done = run("bench", folder, *options, "--class-level", "1", "--no-splits", "--labels", "folders", "--output", tmp_path / "out")
    assert done.exit_code == 0
    assert "labels: folder names, level 1." in done.stderr


def test_csv_and_json_keep_names_unchanged(tmp_path):
    folder = tmp_path / "photos"
    write_image_folder(folder, {"\x1b[31mred": 9, "blue": 9})
    for format in ("csv", "json"):
        done = audit(folder, "--output", tmp_path / format, "--cut-off", "50%", "--quiet", "--format", format)
        assert done.exit_code == 0
        assert ("\x1b[31mred" if format == "csv" else "\\u001b[31mred") in done.stdout


def test_empty_output_name_is_refused(tmp_path):
    check_error(audit(photos(tmp_path / "photos"), "--output", ""), 2, "The name of the output folder is empty")
