from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from curv_issues.errors import UsageError
from curv_issues.results.folder import claimed_output
from curv_issues.results.lock import locked_output
from tests.made_up import make_result
from tests.processes import finish, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


def holder(folder: Path) -> int:
    """Start a process that holds the folder until it is killed."""
    reader, writer = os.pipe()

    def hold() -> None:
        with claimed_output(folder, overwrite=False):
            os.write(writer, b"!")
            time.sleep(600)

    child = start(hold)
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    return child


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    first = holder(folder)
    expected = f"Another run is writing to the output folder {folder}; wait until it ends, or choose another folder with --output."
    try:
        for attempt in (lambda: claimed_output(folder, overwrite=True).__enter__(), lambda: make_result().save(folder)):
            with pytest.raises(UsageError) as error:
                attempt()
            assert str(error.value) == expected
    finally:
        os.kill(first, signal.SIGKILL)
        finish(first)
    make_result().save(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_one_of_two_simultaneous_saves_fails(tmp_path: Path) -> None:
    at = time.time() + 0.05

    def save() -> None:
        while time.time() < at:
            pass
        make_result().save(tmp_path / "out")

    assert sorted(finish(child) for child in [start(save), start(save)]) == [0, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_only_the_thread_that_holds_a_folder_may_lock_it_again(tmp_path: Path) -> None:
    refused = []

    def other() -> None:
        try:
            make_result().save(tmp_path / "out")
        except UsageError as error:
            refused.append(str(error))

    with claimed_output(tmp_path / "out", overwrite=False):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        make_result().save(tmp_path / "out")
    (message,) = refused
    assert message.startswith("Another run is writing to the output folder")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_lock_files_are_removed(tmp_path: Path) -> None:
    with claimed_output(tmp_path / "a" / "b", overwrite=False):
        assert (tmp_path / "a" / ".curv-issues-b").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_very_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 255)
    make_result().save(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".curv-issues-out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a link"), locked_output(tmp_path / "out"):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_lock_is_inside_the_folder_if_the_parent_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "access", lambda path, *_: Path(path) != tmp_path)
    with locked_output(tmp_path / "out") as work:
        assert work == tmp_path / "out" / ".curv-issues"
    make_result().save(tmp_path / "out")
    make_result().save(tmp_path / "out", overwrite=True)
    assert not any(path.name.startswith(".") for path in (tmp_path / "out").iterdir())
