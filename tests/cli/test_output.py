from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from curv_issues import AuditResult
from curv_issues.cli.shared import folder_name
from tests.cli.running import (
    TINY,
    audit,
    check_error,
    environment,
    messages_of,
    run,
    scores_of,
    strict_json,
    summary_of,
    tiny_parquet,
)
from tests.data.images import write_image_folder
from tests.made_up import WRITTEN
from tests.processes import finish, start

QUARTER = ("--cut-off", "25%", "--score", "cumulative_loss")  # a single score has no ties


def test_json_is_the_summary_with_the_findings(pets: Path) -> None:
    result = audit(pets, "--format", "json", *QUARTER)
    assert result.exit_code == 0
    found = strict_json(result.stdout)
    folder = Path("curv-issues-pets-train")
    findings = pd.read_parquet(folder / "findings.parquet")
    assert found["schema_version"] == 3
    assert found["complete"] is True
    assert [f["row"] for f in found["findings"]] == findings["row"].tolist()
    assert [f["suspicion"] for f in found["findings"]] == findings["suspicion"].tolist()
    assert {key: value for key, value in found.items() if key not in ("findings", "conflicts")} == summary_of(folder)
    conflicts = pd.read_parquet(folder / "conflicts.parquet")
    assert [member["row"] for member in found["conflicts"]] == conflicts["row"].tolist()
    assert found["num_findings"] == {"label_issue": 6, "duplicate_conflict": len(findings) - 6}
    assert set(found["seconds"]) == {"load", "train", "score", "estimate", "compare", "find", "write"}
    assert result.stderr.splitlines()[-1] == f"Results: {folder}"


def test_csv_has_the_columns_and_rows_of_the_findings(pets: Path) -> None:
    result = audit(pets, "--format", "csv", *QUARTER)
    header, *rows = csv.reader(io.StringIO(result.stdout))
    findings = pd.read_parquet("curv-issues-pets-train/findings.parquet")
    assert header == list(findings.columns)
    assert [int(row[0]) for row in rows] == findings["row"].tolist()


def test_markdown(pets: Path) -> None:
    header, _, *lines = audit(pets, "--format", "md", *QUARTER).stdout.strip().splitlines()
    lines, header = lines[:6], header.replace("\\", "")
    assert header == "| row | given | suggested | suspicion | p_wrong | verdict |"
    findings = pd.read_parquet("curv-issues-pets-train/findings.parquet")
    assert [int(line.split("|")[1]) for line in lines] == findings["row"].tolist()


def test_table_lists_the_findings_and_the_output_folder(pets: Path) -> None:
    result = audit(pets, *QUARTER)
    table, _, last = result.stdout.rstrip("\n").rpartition("\n")
    assert "suspicion" in table
    assert "labels are wrong" not in table  # as the classes are not learned
    assert last == "Results: curv-issues-pets-train"
    findings = pd.read_parquet("curv-issues-pets-train/findings.parquet")
    assert [int(line.split()[0]) for line in table.splitlines()[3:9]] == findings["row"].tolist()
    few, line = messages_of(result)
    assert few.startswith("Note: Only 24 samples")
    assert line.startswith(f"{pets} train: 24 samples, 2 classes, 6 label_issue findings, in ")


@pytest.mark.parametrize("format", ["table", "json", "csv", "md"])
def test_no_colour_codes_when_piped(pets: Path, format: str) -> None:
    result = audit(pets, "--format", format, *QUARTER)
    assert "\x1b" not in result.stdout + result.stderr
    assert result.stdout


@pytest.mark.parametrize("format", ["table", "json", "csv", "md"])
def test_quiet_leaves_stderr_empty(tmp_path: Path, format: str) -> None:
    data = write_image_folder(tmp_path / "data", {"cat": 8, "dog": 8, "lynx": 1})  # one sample: there would be a note
    result = audit(data, "--quiet", "--format", format)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert ("Results: " in result.stdout) == (format == "table")


def test_notes_go_to_stderr_without_markup(tmp_path: Path) -> None:
    data = write_image_folder(tmp_path / "data", {"cat": 8, "dog": 8, ":cat: [bold]x\x1b[31m": 1})
    result = audit(data, "--format", "json")
    notes = [line for line in result.stderr.splitlines() if line.startswith("Note: ") and "one sample" in line]
    assert len(notes) == 1
    assert ":cat: [bold]x\\x1b[31m" in notes[0]
    strict_json(result.stdout)


def test_default_folder_is_named_after_dataset_and_split(tmp_path: Path, here: Path) -> None:
    data = write_image_folder(tmp_path / "my photos", {"cat": 8, "dog": 8}, split="test")
    audit(data, "--split", "test[:80%]")
    assert [path.name for path in here.iterdir()] == ["curv-issues-my-photos-test-to80pct"]
    names = {path.name for path in (here / "curv-issues-my-photos-test-to80pct").iterdir()}
    assert names == {*WRITTEN, "thumbnails.parquet", "report.html"} - {"probe.npz"}


def test_table_says_that_there_are_more_findings(tmp_path: Path) -> None:
    data = tiny_parquet(tmp_path / "many.parquet", n=60, names=("a", "b"))
    flagged = ("--cut-off", "50%", "--score", "cumulative_loss")
    more = "The first 20 of 30 findings; all of them are in out/findings.parquet."
    assert more in audit(data, *flagged, "--output", "out").stdout.splitlines()
    assert more in audit(data, *flagged, "--output", "out", "--overwrite", "--format", "md").stderr.splitlines()
    shown = audit(data, *flagged, "--output", "out", "--overwrite", "--format", "csv")
    assert more not in shown.stdout + shown.stderr  # csv has all of them


def test_output_option_sets_the_folder(pets: Path, here: Path) -> None:
    result = audit(pets, "--output", "deep/er/out")
    assert result.stdout.splitlines()[-1] == "Results: deep/er/out"
    assert [path.name for path in here.iterdir()] == ["deep"]
    assert len(AuditResult.load("deep/er/out")) == 24


def test_existing_result_is_kept_unless_overwritten(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit(pets, "--output", "out").exit_code == 0
    before = (Path("out") / "scores.parquet").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("curv_issues.auditing.audit.load_and_audit", lambda *_, **__: pytest.fail("started too early"))
        check_error(audit(pets, "--output", "out", "--seed", "1"), 2, "out already contains a result", "--overwrite")
    assert (Path("out") / "scores.parquet").read_bytes() == before
    assert audit(pets, "--output", "out", "--seed", "1", "--overwrite").exit_code == 0
    assert summary_of(Path("out"))["seed"] == 1
    assert (Path("out") / "scores.parquet").read_bytes() != before


def test_unusable_output_folders_are_refused(pets: Path, here: Path, tmp_path: Path) -> None:
    (here / "file").write_text("mine")
    check_error(audit(pets, "--output", "file"), 2, "The output file is a file; expected a folder")
    check_error(audit(pets, "--output", "file/below"), 2, "file/below")
    check_error(run("demo", "--output", "file"), 2, "The output file is a file; expected a folder")
    data = write_image_folder(tmp_path / "data", {"cat": 4, "dog": 4})
    check_error(audit(data, "--output", data / "result"), 2, "is inside the dataset", "--output")
    assert (here / "file").read_text() == "mine"
    assert [path.name for path in here.iterdir()] == ["file"]
    assert not (data / "result").exists()


def test_home_folder_is_expanded_once(pets: Path, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert audit(pets, "--output=~/out").stdout.splitlines()[-1] == f"Results: {tmp_path / 'home' / 'out'}"
    assert len(AuditResult.load("~/out")) == 24
    assert list(here.iterdir()) == []
    check_error(run("bench", tmp_path / "home", "--output", "~/out/bench"), 2, "is inside the dataset")


def test_output_name_that_is_not_utf8(pets: Path, here: Path) -> None:
    assert audit(pets, "--output", os.fsdecode(b"caf\xe9"), "--format", "json", "--quiet").exit_code == 0
    assert [os.fsencode(path.name) for path in here.iterdir()] == [b"caf\xe9"]
    assert len(AuditResult.load(os.fsdecode(b"caf\xe9"))) == 24


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("x" * 256, "File name too long"),
        ("x/" * 2500, "File name too long"),
        ("loop", "Too many levels of symbolic links"),
        ("loop/out", "Too many levels of symbolic links"),
        ("/dev/null", "is a file"),
    ],
)
def test_impossible_output_paths_are_refused_before_training(
    pets: Path, here: Path, monkeypatch: pytest.MonkeyPatch, output: str, words: str
) -> None:
    monkeypatch.setattr("curv_issues.auditing.audit.load_and_audit", lambda *_, **__: pytest.fail("started too early"))
    (here / "loop").symlink_to(here / "loop")
    for command in (("audit", pets), ("demo",)):
        check_error(run(*command, "--output", output), 2, words)
    assert [path.name for path in here.iterdir()] == ["loop"]


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder cannot be removed on Windows")
@pytest.mark.parametrize("output", [("--output", "out"), ("--output", "/nowhere/out"), ()])
def test_deleted_current_folder(pets: Path, here: Path, output: tuple[str, ...]) -> None:
    here.rmdir()
    try:
        check_error(audit(pets, *output), 2, "The current folder cannot be used")
    finally:
        here.mkdir()


def test_second_audit_into_the_same_folder_is_refused(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start(lambda: audit(pets, "--epochs", "10000", "--output", "out"))
    try:
        deadline = time.monotonic() + 60
        while not Path(".curv-issues-out", "lock").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        monkeypatch.setattr("curv_issues.auditing.audit.load_and_audit", lambda *_, **__: pytest.fail("started too early"))
        check_error(audit(pets, "--output", "out", "--overwrite"), 2, "Another run is writing to the output folder")
    finally:
        os.kill(first, signal.SIGKILL)
        finish(first)


def test_file_of_another_program_is_not_overwritten(pets: Path, here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "summary.json").write_text("{}")
    check_error(audit(pets, "--output", "out", "--overwrite"), 2, "summary.json", "no result of curv-issues")
    assert (here / "out" / "summary.json").read_text() == "{}"


def test_limited_encoding_and_closed_pipe(here: Path, tmp_path: Path) -> None:
    """Real processes: an encoding without some characters of the names, and a reader that closes at once."""
    data = tiny_parquet(tmp_path / "data.parquet", names=("größe", "猫"))
    line = [sys.executable, "-m", "curv_issues", "audit", str(data), *TINY, *QUARTER]
    done = subprocess.run(
        [*line, "--output", "a"],
        cwd=here,
        env=environment({"PYTHONIOENCODING": "latin-1"}),
        capture_output=True,
        encoding="latin-1",
    )
    assert done.returncode == 0, done.stderr
    assert "größe" in done.stdout
    assert "\\u732b" in done.stdout
    assert set(scores_of(here / "a")["given"]) == {"größe", "猫"}

    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*line, "--output", "b"], cwd=here, env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    assert summary_of(here / "b")["complete"] is True


@pytest.mark.parametrize(
    ("dataset", "split", "name"),
    [
        (["org/pets"], None, "curv-issues-org-pets-train"),
        (["org/pets"], "train[:10%]", "curv-issues-org-pets-train-to10pct"),
        (["org/pets"], "train[10:]", "curv-issues-org-pets-train-10to"),
        (["part-0.parquet", "part-1.parquet", "x"], "train+test", "curv-issues-part-0.parquet-and-2-more-train+test"),
        (["/"], None, "curv-issues-train"),
    ],
)
def test_folder_names_of_different_audits_differ(dataset: list[str], split: str | None, name: str) -> None:
    assert folder_name(dataset, split) == name


def test_folder_names_are_never_too_long() -> None:
    names = [folder_name(["\N{GREEK SMALL LETTER ALPHA}" * 3_000 + end], None) for end in "ab"]
    assert len(set(names)) == 2
    assert all(len(name.encode()) < 240 for name in names)
