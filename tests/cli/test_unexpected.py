"""Unhandled errors: one line, exit code 4, and the traceback in a file or on stderr."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path

import pytest

import curv_issues.auditing.audit
import curv_issues.cli.shared
from curv_issues.cli.app import main
from tests.cli.running import command


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(curv_issues.cli.shared, "_debug", False)
    return folder


def run_main(error: BaseException, pets: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int | str | None:
    """Return the exit code of `curv-issues audit` if the audit raises an error."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(curv_issues.auditing.audit, "load_and_audit", fail)
    monkeypatch.setattr("sys.argv", ["curv-issues", "audit", str(pets), "-q", *options])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


def recursion_error() -> RecursionError:
    def endless() -> None:
        endless()

    with pytest.raises(RecursionError) as caught:
        endless()
    return caught.value


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two\nlines \x1b[31m"), r"Unexpected ValueError: two lines \x1b[31m."),
        (KeyError(), "Unexpected KeyError."),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "Unexpected RuntimeError: a pipe or connection to another process broke ("),
        (recursion_error(), "Unexpected RecursionError: maximum recursion depth exceeded"),
        (MemoryError("Unable to allocate 9 TiB"), "Out of memory. Use fewer samples (--max-samples), smaller batches"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "Out of memory. Use fewer samples (--max-samples)"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some/file"),
            "No space left on the disk for some/file. Free some space, or set --output or TMPDIR",
        ),
    ],
)
def test_one_line_with_the_traceback_file(
    error: BaseException,
    text: str,
    pets: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_main(error, pets, monkeypatch) == 4
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"Error: {text}")
    named = re.search(r" The traceback is in (.*)\.$", line)
    assert named is not None
    (file,) = temporary.iterdir()
    assert named[1] == str(file)
    assert "Traceback (most recent call last):" in file.read_text()
    assert str(pets) in file.read_text()  # the arguments


def test_debug_prints_the_traceback(
    pets: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(ValueError("no \x1b[31m"), pets, monkeypatch, "--debug") == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == r"ValueError: no \x1b[31m"
    assert list(temporary.iterdir()) == []


def test_traceback_that_cannot_be_saved(
    pets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert run_main(ValueError("no"), pets, monkeypatch) == 4
    assert capsys.readouterr().err == "Error: Unexpected ValueError: no. Use --debug to print the traceback.\n"


def test_ctrl_c_is_reported_as_interruption(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(KeyboardInterrupt(), pets, monkeypatch) == 130


def test_usage_errors_escape_arguments(here: Path) -> None:
    done = command("--debug", "audit", "--x\x1b[31m\u202e", cwd=here)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == r"Error: No such option: --x\x1b[31m\u202e"
    done = command("sc\x1b[31m", "--debug", cwd=here)
    assert done.stderr.splitlines()[-1].startswith(r"Error: No such command 'sc\x1b[31m'")
