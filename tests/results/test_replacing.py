"""A result is replaced in one step: a killed or interrupted process leaves the old or the new result."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pytest

from curv_issues.errors import AuditError, UsageError
from curv_issues.results import folder as folder_module
from curv_issues.results import replacing
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FILES
from tests.made_up import WRITTEN, make_result
from tests.processes import finish, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

MOVES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}
OLD, NEW = make_result(names=("old", "older")), make_result(names=("new", "newer"), contact_sheet=None)


def nothing(_: Path) -> None:
    pass


def notes(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")


def result(folder: Path) -> None:
    OLD.save(folder)


def result_and_notes(folder: Path) -> None:
    OLD.save(folder)
    (folder / "notes.txt").write_text("mine")


BEFORE = [
    nothing,
    pytest.param(notes, marks=pytest.mark.slow),
    pytest.param(result, marks=pytest.mark.slow),
    result_and_notes,
]


def loaded(folder: Path) -> str:
    """Return the first class of the result in a folder, or the error of loading it."""
    try:
        return AuditResult.load(folder).class_names[0]
    except UsageError as error:
        return str(error).replace(str(folder), "DIR")


def is_intact(folder: Path, prepare: Callable[[Path], None]) -> bool:
    """Return whether the folder holds a complete old or new result and the user's notes."""
    allowed = {
        nothing: {"new", "Folder DIR does not exist; expected the output folder of an audit."},
        notes: {"new", "DIR is not a result folder: it has no summary.json."},
    }.get(prepare, {"old", "new"})
    has_notes = (folder / "notes.txt").exists()
    return loaded(folder) in allowed and has_notes == (prepare in (notes, result_and_notes))


def seen_by_other_tools(folder: Path) -> tuple[str, str, bool]:
    """Return the results that the scores and the findings are of, and whether there is a contact sheet."""
    scores, findings = (pd.read_parquet(folder / name) for name in ("scores.parquet", "findings.parquet"))
    first = scores["given"][0]
    return first, "old" if "old" in set(findings["given"]) else "new", (folder / "findings.png").exists()


def try_each_step(tmp_path: Path, prepare: Callable[[Path], None], signals: Callable[[int], list[tuple[int, int]]]) -> int:
    """Save with signals at the first step, at the second, ... until a save ends before any; return the number of trials."""
    for step in count(1):
        folder = tmp_path / str(step) / "out"
        folder.parent.mkdir()
        prepare(folder)
        status = finish(start(lambda: NEW.save(folder, overwrite=True), signals(step), steps=MOVES))  # noqa: B023
        assert is_intact(folder, prepare), (step, loaded(folder))
        assert prepare is not result or seen_by_other_tools(folder) in (("old", "old", True), ("new", "new", False)), step
        NEW.save(folder, overwrite=True)  # the next run is not refused
        assert is_intact(folder, prepare)
        assert {path.name for path in folder.iterdir()} - {"notes.txt"} == set(WRITTEN) - {"findings.png"}, step
        assert [path.name for path in folder.parent.iterdir()] == ["out"], step
        if status == 0:
            return step
    raise AssertionError


@pytest.mark.parametrize("prepare", BEFORE)
def test_kill_at_any_step(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    assert try_each_step(tmp_path, prepare, lambda step: [(step, signal.SIGKILL)]) > 5


@pytest.mark.parametrize("prepare", BEFORE)
def test_ctrl_c_twice_at_any_step(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    assert try_each_step(tmp_path, prepare, lambda step: [(step, signal.SIGINT), (step + 2, signal.SIGINT)]) > 5


class TestFileByFile:
    """Replacement file by file, if the folder itself must be kept."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        result_and_notes(tmp_path / "out")
        return tmp_path / "out"

    @pytest.fixture
    def broken_at(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, BaseException], None]:
        """Make the move of the file with this number fail."""

        def break_at(number: int, error: BaseException) -> None:
            moves, replace = [], os.replace

            def failing(source: Path, target: Path) -> None:
                moves.append(source)
                if len(moves) == number:
                    raise error
                replace(source, target)

            monkeypatch.setattr(replacing.os, "replace", failing)

        return break_at

    @pytest.mark.parametrize("number", range(1, len(WRITTEN)))
    def test_failed_move_is_finished_by_the_next_run(
        self, folder: Path, broken_at: Callable[[int, BaseException], None], number: int
    ) -> None:
        broken_at(number, OSError(5, "Input/output error"))
        with pytest.raises(AuditError) as error:
            NEW.save(folder, overwrite=True)
        assert str(error.value) == (
            f"The new result in {folder} is complete, but not all of its files could be moved into place (Input/output error); the "
            "next audit with this folder tries again."
        )
        assert loaded(folder) == "new"
        with pytest.raises(UsageError, match="already contains a result"):
            NEW.save(folder)
        assert {path.name for path in folder.iterdir()} == {*WRITTEN, "notes.txt"} - {"findings.png"}
        assert loaded(folder) == "new"

    def test_ctrl_c_during_the_move_waits_for_its_end(self, folder: Path, broken_at: Callable[[int, BaseException], None]) -> None:
        broken_at(4, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            NEW.save(folder, overwrite=True)
        assert {path.name for path in folder.iterdir()} == {*WRITTEN, "notes.txt"} - {"findings.png"}

    @pytest.mark.parametrize("reason", ["current directory", "no exchange"])
    def test_folder_keeps_its_inode(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
        folder = OLD.save(tmp_path / "out")
        inode = folder.stat().st_ino
        if reason == "current directory":
            monkeypatch.chdir(folder)
        else:
            monkeypatch.setattr(replacing, "_exchange", lambda *_: False)
        NEW.save("." if reason == "current directory" else folder, overwrite=True)
        assert folder.stat().st_ino == inode
        assert loaded(folder) == "new"
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_link_to_the_folder_is_kept(tmp_path: Path) -> None:
    OLD.save(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    NEW.save(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert loaded(tmp_path / "real") == "new"


def test_permissions_of_the_folder_are_kept(tmp_path: Path) -> None:
    folder = OLD.save(tmp_path / "out")
    folder.chmod(0o750)
    NEW.save(folder, overwrite=True)
    assert folder.stat().st_mode & 0o777 == 0o750


def test_a_file_added_at_the_last_moment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = OLD.save(tmp_path / "out")
    exchange = replacing._exchange

    def meanwhile(first: Path, second: Path) -> bool:
        (folder / "notes.txt").write_text("mine")
        return exchange(first, second)

    monkeypatch.setattr(replacing, "_exchange", meanwhile)
    NEW.save(folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"
    assert loaded(folder) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("prepare", [result, result_and_notes])
def test_reader_gets_one_of_the_results_during_writing(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    folder = tmp_path / "out"
    prepare(folder)

    def write_forever() -> None:
        while True:
            NEW.save(folder, overwrite=True)
            OLD.save(folder, overwrite=True)

    writer = start(write_forever)
    try:
        found = {loaded(folder) for _ in range(30)}
    finally:
        os.kill(writer, signal.SIGKILL)
        finish(writer)
    assert found <= {"old", "new", "The result in DIR is being replaced; try again."}
    assert found & {"old", "new"}


def test_reader_retries_if_files_are_moved_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, new = OLD.save(tmp_path / "out"), NEW.save(tmp_path / "new")
    (new / "findings.png.absent").touch()
    new.rename(folder / replacing.READY)
    open_regular, calls = folder_module.open_regular, []

    def meanwhile(path: Path) -> BinaryIO:
        if not calls:
            replacing.finish_move(folder, folder_module.KNOWN_FILES)
        calls.append(path)
        return open_regular(path)

    monkeypatch.setattr(folder_module, "open_regular", meanwhile)
    assert loaded(folder) == "new"
    assert not calls[0].exists()


def test_reader_reports_repeated_replacement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = OLD.save(tmp_path / "out")
    numbers = count()
    monkeypatch.setattr("curv_issues.results.folder._result_state", lambda _: next(numbers))
    monkeypatch.setattr("curv_issues.results.folder._OPEN_PAUSE", 0)
    assert loaded(folder) == "The result in DIR is being replaced; try again."


def test_leftovers_of_a_killed_run_are_removed_by_the_next_run(tmp_path: Path) -> None:
    finish(start(lambda: NEW.save(tmp_path / "killed"), [(12, signal.SIGKILL)]))
    assert [path.name for path in tmp_path.iterdir()] == [".curv-issues-killed"]
    NEW.save(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_summary_is_the_last_file() -> None:
    assert FILES[-1] == "summary.json"  # it appears last if files are moved one by one
