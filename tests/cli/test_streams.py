"""A reader that closes the pipe, and streams that are full or closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import TINY, environment, summary_of

LINES = (["scores"], ["--help"], ["audit", "--help"])


def shell(arguments: list[str], redirection: str, here: Path) -> subprocess.CompletedProcess[str]:
    """Run `curv-issues ARGUMENTS REDIRECTION` in a shell."""
    script = f'"$@" {redirection}'
    line = ["bash", "-c", script, "bash", sys.executable, "-m", "curv_issues", *arguments]
    return subprocess.run(line, cwd=here, env=environment(), capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("line", LINES)
def test_closed_pipe_is_not_an_error(line: list[str], here: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    whole = [sys.executable, "-m", "curv_issues", *line]
    done = subprocess.run(whole, cwd=here, env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("redirection", "reason"), [(">/dev/full", "No space left on device"), (">&-", "it is closed"), (">&- <&-", "it is closed")]
)
def test_unwritable_stdout_gives_a_one_line_error(redirection: str, reason: str, here: Path) -> None:
    for line in LINES[:2]:
        done = shell(line, redirection, here)
        error = f"Error: Cannot write to stdout ({reason}). Files that the command saved are complete.\n"
        assert (done.returncode, done.stdout, done.stderr) == (4, "", error)


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_unwritable_stderr_is_ignored(redirection: str, here: Path) -> None:
    done = shell(["scores"], redirection, here)
    assert done.returncode == 0
    assert "input_curvature" in done.stdout
    assert shell(["audit", "no.parquet"], redirection, here).returncode == 3
    assert shell(["audit", "no.parquet"], f"{redirection} >&-", here).returncode == 3


def test_result_is_saved_even_if_stdout_is_full(pets: Path, here: Path) -> None:
    done = shell(["audit", *TINY, str(pets), "--output", "out"], ">/dev/full", here)
    assert done.returncode == 4
    assert "Cannot write to stdout (No space left on device)" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert summary_of(here / "out")["complete"] is True


def test_files_do_not_get_the_number_of_a_closed_stream(here: Path) -> None:
    script = """
import os, sys
from curv_issues.cli.streams import protect_streams
protect_streams()
with open("file", "w") as file:
    os.write(int(sys.argv[1]), b"printed by a library")
    file.write("text")
"""
    for descriptor in (1, 2):
        command = f'"$@" {descriptor} {descriptor}>&-'
        subprocess.run(["bash", "-c", command, "bash", sys.executable, "-c", script], cwd=here, env=environment(), check=True)
        assert (here / "file").read_text() == "text"
