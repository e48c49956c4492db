"""The command `apply`: output, notes, exit codes."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from curv_issues.data.loading import load_data
from tests.applying.audited import audited, decide, named, save_decisions
from tests.cli.running import check_error, command, environment, run, strict_json
from tests.data.images import write_image_folder, write_parquet

ROWS = list("ababab")


@pytest.fixture
def result(here: Path) -> Any:
    """A saved result in ./result of ./rows.parquet, with two decisions that fit and one that does not."""
    write_parquet(here / "rows.parquet", ROWS)
    found = audited(str(here / "rows.parquet"))
    found.save(here / "result")
    strange = decide(found, 3, "relabel", "a", image_sha256="0" * 64)
    save_decisions(
        here / "result" / "decisions.json", [decide(found, 0, "relabel", "b"), decide(found, 1, "remove"), strange], found
    )
    return found


NOT_APPLIED = "Not applied: row 3 (train), 'b' to 'a': no sample has this content any more.\n"


def test_changes_are_printed_and_written(result: Any, here: Path) -> None:
    done = run("apply", "result", "--output", "new")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["row", "split", "given", "label", "reason"]
    assert [line.split() for line in lines[2:4]] == [
        ["0", "train", "a", "b", "decision"],
        ["1", "train", "b", "(removed)", "decision"],
    ]
    assert lines[4:] == ["1 label changed, 1 sample removed, 1 decision not applied.", f"New dataset: {here / 'new'}"]
    assert done.stderr == NOT_APPLIED
    assert named(load_data("new/rows.parquet")) == list("babab")


def test_quiet_prints_no_progress_but_what_was_not_applied(result: Any) -> None:
    done = run("apply", "result", "--output", "new", "--quiet", "--format", "json")
    assert done.stderr == NOT_APPLIED
    found = strict_json(done.stdout)
    assert [change["row"] for change in found["changes"]] == [0, 1]
    assert [change["reason"] for change in found["not_applied"]] == ["no sample has this content any more"]


def test_a_dry_run_writes_nothing(result: Any, here: Path) -> None:
    before = sorted(here.rglob("*"))
    done = run("apply", "result", "--dry-run", "--format", "csv")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1] == '0,"train","","a","b","relabel","decision"'
    assert done.stderr.splitlines()[1:] == [
        "1 label changed, 1 sample removed, 1 decision not applied.",
        "Nothing was written (dry run).",
    ]
    assert sorted(here.rglob("*")) == before
    table = run("apply", "result", "--dry-run", "--output", "new")
    assert table.stdout.splitlines()[-1] == "Nothing was written (dry run)."
    assert sorted(here.rglob("*")) == before


def test_only_the_changes(result: Any, here: Path) -> None:
    (here / "rows.parquet").unlink()
    done = run("apply", "result", "--format", "changes", "--output", "list")
    assert done.exit_code == 0
    assert sorted(path.name for path in (here / "list").iterdir()) == ["applied.json", "changes.csv"]
    assert (here / "list" / "changes.csv").read_text().splitlines()[2] == '1,"train","","b","","remove","decision"'


def test_options_reach_the_verb(here: Path) -> None:
    pets = write_image_folder(here / "pets", {"cat": 4, "dog": 4})
    found = audited(str(pets))
    found.save(here / "result")
    own = save_decisions(here / "mine.json", [decide(found, 0, "relabel", "owl")], found)
    pets.rename(here / "moved")
    common = ("apply", "result", "--decisions", own.name, "--dataset", "moved")
    check_error(run(*common, "--output", "new"), 2, "row 0 to 'owl', which is not a class", "--new-classes")
    done = run(*common, "--output", "new", "--new-classes", "--auto", "0.5", "--link", "symbolic", "--drop-conflicts", "keep-one")
    assert done.exit_code == 0, done.stderr
    assert (here / "new" / "owl" / "0.png").is_symlink()
    assert json.loads((here / "new" / "applied.json").read_text())["rules"] == {
        "auto": 0.5,
        "drop_conflicts": "keep-one",
        "drop_duplicates": None,
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("gone", "--output", "new"), 2, ["gone"]),
        (("result",), 2, ["--output NEW", "--dry-run"]),
        (("result", "--output", "result/new"), 2, ["inside the results folder"]),
        (("result", "--output", "new", "--format", "xml"), 2, ["format", "xml"]),
        (("result", "--output", "new", "--auto", "1.5"), 2, ["--auto", "1.5"]),
        (("result", "--output", "new", "--drop-conflicts", "all"), 2, ["--drop-conflicts", "keep-one"]),
        (("result", "--output", "new", "--link", "hard"), 2, ["--link", "table files"]),
        (("result", "--output", "new", "--decisions", "gone.json"), 2, ["gone.json does not exist"]),
        (("result", "--output", "new", "--dataset", "gone.parquet"), 3, ["gone.parquet does not exist"]),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], code: int, words: list[str], result: Any, here: Path) -> None:
    check_error(run("apply", *arguments), code, *words)
    assert not (here / "new").exists()


def test_decisions_of_another_dataset(result: Any, here: Path) -> None:
    decisions = [decide(result, row, "remove", image_sha256=f"{row:064x}") for row in range(3)]
    save_decisions(here / "other.json", decisions, result)
    check_error(
        run("apply", "result", "--decisions", "other.json", "--output", "new"), 2, "None of the 3 decisions fits", "--decisions"
    )


def test_the_help_imports_nothing_slow(here: Path) -> None:
    import subprocess
    import sys

    script = """
import sys
from typer.testing import CliRunner
from curv_issues.cli.app import app
codes = [CliRunner().invoke(app, line).exit_code for line in (["apply", "--help"], ["apply", "x"], ["apply", "x", "--format", "y"])]
print(codes, [name for name in ("torch", "datasets", "cleanlab", "pandas", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), cwd=here, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 2, 2] []"


def test_names_from_others_are_printed_visibly(here: Path) -> None:
    names = ["\x1b[31mred", "<script>alert(1)</script>"]
    write_parquet(here / "rows.parquet", names * 3)
    found = audited(str(here / "rows.parquet"))
    found.save(here / "result")
    save_decisions(here / "result" / "decisions.json", [decide(found, 0, "relabel", names[1])], found)
    done = command("apply", "result", "--output", "new", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[31mred" in done.stdout


def test_ctrl_c_says_that_nothing_was_written(result: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.applying.table_files.rewrite_table", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    done = run("apply", "result", "--output", "new")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (130, "Interrupted; nothing was written.")
    assert sorted(path.name for path in here.iterdir()) == ["result", "rows.parquet"]
