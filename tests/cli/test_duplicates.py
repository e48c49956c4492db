from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import check_error, messages_of, run, strict_json
from tests.duplicates.photos import photo, save, write_photos

CPU = ("--device", "cpu")
REMOVED = ("copies/0 small.jpg", "copies/1-high.jpg", "copies/1-low.jpg", "copies/2.png")


@pytest.fixture
def photos(here: Path) -> Path:
    return write_photos(here / "photos")


def test_groups_for_people(photos: Path) -> None:
    result = run("duplicates", "photos", *CPU)
    assert (result.exit_code, messages_of(result)) == (0, [])
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["group", "keep", "row", "path", "pixels", "size", "similarity", "test"]
    kept = [line.split()[3] for line in lines[2:] if line.split()[1:2] == ["keep"]]
    assert sorted(kept) == ["0.png", "1.png", "2.png"]
    assert lines[-2:][0] == ""
    assert lines[-1].startswith("3 groups of duplicates; 4 images (")
    assert "files: 13 found, 13 read." in result.stderr
    assert run("duplicates", "photos", *CPU, "--quiet").stderr == ""
    assert len(list(photos.rglob("*.*"))) == 13


def test_turned_images(photos: Path) -> None:
    lines = run("duplicates", "photos", *CPU, "--turned").stdout.splitlines()
    assert [line.split()[-1] for line in lines if "3-turned.jpg" in line] == ["90°"]
    assert lines[-1].startswith("4 groups of duplicates; 5 images (")


def test_no_duplicates(here: Path) -> None:
    save(here, "one/a.png", photo(0))
    result = run("duplicates", "one", *CPU)
    assert result.stdout.splitlines() == [
        "No duplicates.",
        "0 groups of duplicates; 0 images beside those to keep; threshold 0.900.",
    ]
    assert run("duplicates", "one", *CPU, "--format", "paths0").stdout == ""


class TestFormats:
    def test_json(self, photos: Path) -> None:
        result = run("duplicates", "photos", *CPU, "--format", "json")
        found = strict_json(result.stdout)
        assert found["kind"] == "duplicates"
        assert sorted(row["path"] for row in found["groups"] if not row["keep"]) == sorted(REMOVED)
        assert found["dataset"]["opened_with"]["dataset"] == [str(photos)]
        assert messages_of(result) == ["3 groups of duplicates; 4 images (" + messages_of(result)[0].split("(")[1]]

    def test_csv(self, photos: Path) -> None:
        rows = list(csv.DictReader(io.StringIO(run("duplicates", "photos", *CPU, "--format", "csv").stdout)))
        assert sorted(row["path"] for row in rows if row["keep"] == "False") == sorted(REMOVED)

    def test_markdown(self, photos: Path) -> None:
        assert run("duplicates", "photos", *CPU, "--format", "md").stdout.startswith("| group | keep | row | path |")

    def test_paths(self, photos: Path) -> None:
        line = check_error(
            run("duplicates", "photos", *CPU, "--format", "paths"), 2, "1 of 4 paths contain spaces", "--format paths0"
        )
        assert "0 small.jpg" in line
        (photos / REMOVED[0]).unlink()
        result = run("duplicates", "photos", *CPU, "--format", "paths")
        assert sorted(result.stdout.splitlines()) == sorted(str(photos / name) for name in REMOVED[1:])
        null = run("duplicates", "photos", *CPU, "--format", "paths0").stdout
        assert null.replace("\0", "\n") == result.stdout

    def test_unknown(self, photos: Path) -> None:
        check_error(
            run("duplicates", "photos", "--format", "xml"), 2, "Unknown format 'xml'; choose one of: table, json, csv, md, paths"
        )


@pytest.mark.skipif(os.name != "posix", reason="needs xargs")
def test_xargs_removes_all_but_one_of_each_group(here: Path) -> None:
    folder = here / "odd names"
    for name in ("a b.png", "a\nb.png", "-rf.png", "it's \"q\\.png", os.fsdecode(b"\xff.png"), "a.png", "b.png"):
        save(here, "x.png", photo(5))
        folder.mkdir(exist_ok=True)
        os.rename(here / "x.png", folder / name)
    save(here, "other.png", photo(6))
    os.rename(here / "other.png", folder / "other.png")
    listed = subprocess.run(
        ["python3", "-m", "curv_issues", "duplicates", "odd names", *CPU, "--format", "paths0", "-q"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=here,
        capture_output=True,
        check=True,
    )
    assert listed.stdout.count(b"\0") == 6
    assert sorted(os.listdir(folder))[-1] == os.fsdecode(b"\xff.png")  # still there
    subprocess.run(["xargs", "-0", "rm", "--"], input=listed.stdout, cwd=here, check=True)
    assert sorted(os.listdir(folder)) == ["-rf.png", "other.png"]


class TestAgainst:
    @pytest.fixture
    def shots(self, here: Path) -> Path:
        for name, number in {"train/0.png": 0, "train/1.png": 1, "train/2.png": 2, "test/5.png": 5, "test/one.png": 1}.items():
            save(here / "shots", name, photo(number))
        save(here / "shots", "test/0.jpg", photo(0), quality=80)
        return here / "shots"

    @pytest.mark.parametrize("words", [("shots", "--against", "test"), ("shots/train", "--against", "shots/test")])
    def test_images_that_also_appear_in_other(self, shots: Path, words: tuple[str, ...]) -> None:
        result = run("duplicates", *words, *CPU, "--format", "paths")
        assert sorted(result.stdout.splitlines()) == [str(shots / "train" / name) for name in ("0.png", "1.png")]
        table = run("duplicates", *words, *CPU).stdout
        assert "0.jpg" in table
        assert table.splitlines()[-1].startswith("2 images (")
        assert f"of {words[0]} that also appear in {'shots' if words[0] == 'shots' else 'shots/test'}" in table.splitlines()[-1]

    def test_a_note_says_how_a_name_was_read(self, shots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(shots)
        result = run("duplicates", ".", "--against", "test", *CPU)
        assert "Note: 'test' is read as a split of .; for the file or folder, write ./test." in messages_of(result)


class TestOutput:
    def test_saved_beside_the_print(self, photos: Path, here: Path) -> None:
        result = run("duplicates", "photos", *CPU, "--output", "out")
        assert result.stdout.splitlines()[-2:] == ["Report: out/report.html", "Results: out"]
        assert sorted(os.listdir(here / "out")) == ["groups.parquet", "left_out.parquet", "report.html", "summary.json"]
        assert json.loads((here / "out" / "summary.json").read_text())["num_groups"] == 3
        check_error(run("duplicates", "photos", *CPU, "--output", "out"), 2, "already contains a search", "--overwrite")
        again = run("duplicates", "photos", *CPU, "--output", "out", "--overwrite", "--turned", "--format", "json", "--no-report")
        assert again.stderr.splitlines()[-1] == "Results: out"
        assert json.loads((here / "out" / "summary.json").read_text())["num_groups"] == 4
        assert not (here / "out" / "report.html").exists()  # of the older search
        check_error(run("show", "out"), 2, "out")

    def test_checked_before_reading(self, photos: Path) -> None:
        result = run("duplicates", "photos", "--output", "photos/out")
        check_error(result, 2, "is inside the dataset photos")
        assert "files:" not in result.stderr
        check_error(
            run("duplicates", "photos/copies", "--against", "photos", "--output", "photos/out"), 2, "is inside the dataset photos"
        )


def test_unreadable_images_are_left_out_with_a_note(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = run("duplicates", "photos", *CPU)
    assert result.exit_code == 0
    (note,) = messages_of(result)
    assert note.startswith(
        "Note: 1 of 14 images cannot be read and was left out, so no duplicate of it was searched for: broken.png ("
    )
    assert "files: 14 found, 13 read, 1 left out: 1 cannot be decoded (broken.png)." in result.stderr


def test_list_of_files(photos: Path) -> None:
    result = run("duplicates", *sorted(map(str, photos.glob("copies/1*"))), *CPU)
    assert result.stdout.splitlines()[-1].startswith("1 group of duplicates; 1 image (")
    check_error(run("duplicates", photos / "0.png", photos), 3, "Expected image files only, but", "is a folder")


def test_wrong_use(photos: Path) -> None:
    for words, code, message in (
        (["photos", "--threshold", "0"], 2, "threshold must be a number > 0 and <= 1, got 0"),
        (["photos", "--backbone", "nothing"], 2, "backbone"),
        (["photos", "--backbone", "timm:resnet18", "--against", "photos"], 2, "--backbone is for a search within one dataset"),
        (["photos", "--device", "nowhere"], 2, "Device 'nowhere' cannot be used here"),
        (["photos", "--max-pixels", "0"], 2, "max_pixels"),
        (["photos", "--split", "train["], 2, "train["),
        (["photos", "--image-column", "x"], 2, "is for tables of images"),
        (["nowhere/else/here"], 3, "does not exist"),
        (["photos", "--against", "./nowhere"], 3, "does not exist"),
    ):
        check_error(run("duplicates", *words), code, message)


def test_interrupt_leaves_nothing(photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curv_issues.auditing.duplicate_search.group_table", interrupt)
    result = run("duplicates", "photos", *CPU, "--output", "out")
    assert (result.exit_code, result.stdout) == (130, "")
    assert messages_of(result) == ["Interrupted; nothing was written."]
    assert sorted(os.listdir(here)) == ["photos"]


def test_help_and_wrong_options_import_nothing_slow(here: Path) -> None:
    script = """
import sys
from typer.testing import CliRunner
from curv_issues.cli.app import app
lines = (["duplicates", "--help"], ["duplicates", "x", "--threshold", "2"], ["duplicates", "x", "--format", "y"])
print([CliRunner().invoke(app, line).exit_code for line in lines],
      [name for name in ("torch", "datasets", "cleanlab", "pandas", "sklearn") if name in sys.modules])
"""
    done = subprocess.run(
        ["python3", "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=here,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[0, 2, 2] []"
