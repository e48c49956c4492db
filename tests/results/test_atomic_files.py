from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from curv_issues.results import atomic_files
from curv_issues.results.atomic_files import partial_file, write_files
from tests.made_up import make_result


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_written_and_replaced(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": b"1", "b": b"2"})
    write_files(tmp_path, {"b": b"3"})
    assert content(tmp_path) == {"a": b"1", "b": b"3"}


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_error_leaves_the_files_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, step: str) -> None:
    write_files(tmp_path, {"a": b"1", "b": b"2"})
    real, calls = getattr(os, step), []

    def fails(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(*arguments)

    monkeypatch.setattr(atomic_files.os, step, fails)
    with pytest.raises(OSError, match="No space left"):
        write_files(tmp_path, {"a": b"3", "b": b"4"})
    replaced_before = step == "replace" and failing == 2
    assert content(tmp_path) == {"a": b"3" if replaced_before else b"1", "b": b"2"}


def test_leftovers_of_a_killed_process_are_removed_by_the_next_writer(tmp_path: Path) -> None:
    folder = make_result().save(tmp_path / "out")
    before = sorted(path.name for path in folder.iterdir())
    partial_file(folder, "findings.png").write_bytes(b"half")
    make_result().save(folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == before
