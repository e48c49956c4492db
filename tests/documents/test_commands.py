"""The shell lines of README.md and docs/ are understood by the commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from curv_issues import errors
from tests.cli.running import run
from tests.documents import (
    ROOT,
    SHELL,
)
from tests.made_up import make_result

COMMANDS = ("audit", "bench", "apply", "duplicates")
LINES = {command: sorted({line for line in SHELL if line.startswith(f"curv-issues {command} ")}) for command in COMMANDS}


@pytest.mark.parametrize("line", LINES["audit"])
def test_lines_of_the_command_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = []

    def note(dataset: Any, *groups: Any, **options: Any) -> None:
        asked.append((dataset, {**options, **{name: value for group in groups for name, value in asdict(group).items()}}))
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.auditing.audit.load_and_audit", note)
    monkeypatch.setattr("curv_issues.gate.check.read_known", lambda *_: None)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    ((dataset, options),) = asked
    assert dataset == words[1] or dataset == [word for word in words if word.endswith(".parquet")]
    for flag in set(re.findall(r"--([a-z-]+)", line)) - {"fail-on", "baseline", "output", "overwrite"}:
        assert options[flag.replace("-", "_")] is not None


@pytest.mark.parametrize("line", LINES["bench"])
def test_lines_of_bench_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def note(dataset: Any, *_: Any, **__: Any) -> None:
        asked.append(dataset)
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.data.loading.load", note)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    assert asked == [words[1]]


@pytest.mark.parametrize("line", LINES["apply"])
def test_lines_of_apply_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Any, dict[str, Any]]] = []

    def note(directory: Any, _: Any, output: Any, **options: Any) -> None:
        asked.append((directory, output, options))
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.applying.apply.apply_decisions", note)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    ((directory, output, options),) = asked
    assert directory == words[1]
    for flag in re.findall(r"--([a-z-]+)", line):
        assert {**options, "output": output}[flag.replace("-", "_")] not in (None, False)


@pytest.mark.parametrize("line", LINES["duplicates"])
def test_lines_of_duplicates_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def note(dataset: Any, *_: Any, **options: Any) -> None:
        asked.append((dataset, options["against"]))
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.auditing.duplicate_search.search_duplicates", note)
    words = shlex.split(line.partition("|")[0], comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    assert asked == [(words[1], words[words.index("--against") + 1] if "--against" in words else None)]


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("python")])
def test_programs_that_are_named_exist(line: str) -> None:
    words = shlex.split(line, comments=True)
    path = words[2].replace(".", "/") + ".py" if words[1] == "-m" else words[1]
    assert (ROOT / path).is_file()


def test_all_kinds_of_lines_are_there() -> None:
    assert len(LINES["audit"]) >= 8
    assert len(LINES["bench"]) >= 4
    others = {line.split()[1] for line in SHELL if line.startswith("curv-issues")}
    assert others == {*LINES, "show", "demo", "diff", "duplicates", "report", "review", "apply", "export", "compare"}


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("curv-issues export ")])
def test_lines_of_export_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*shlex.split(line, comments=True)[1:])
    assert result.exit_code == 2
    assert result.stderr.endswith("does not exist; expected the output folder of an audit.\n")


def test_show_finds_the_folder_that_audit_has_written() -> None:
    from curv_issues.cli.shared import folder_name

    (line,) = (line for line in SHELL if line.startswith("curv-issues show"))
    assert shlex.split(line, comments=True)[2] == folder_name(["./photos"], None)


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("curv-issues compare ")])
def test_lines_of_compare_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line, comments=True)[1:]
    monkeypatch.chdir(tmp_path)
    make_result().save(tmp_path / words[1])
    result = run(*words)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"Error: The file {words[words.index('--with') + 1].partition(':')[0]}")
