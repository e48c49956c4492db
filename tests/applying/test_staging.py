"""A new dataset appears as a whole, or not at all: kills, Ctrl-C, full disks, folders that cannot be written or read."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from curv_issues.applying import staging
from curv_issues.applying.apply import apply_decisions
from curv_issues.applying.staging import check_new_folder, new_folder
from curv_issues.errors import AuditError, DatasetError, UsageError
from tests.applying.audited import audited, decide, tree_of
from tests.cli.running import environment
from tests.data.images import write_image_folder, write_parquet
from tests.processes import finish, start


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_image_folder(tmp_path / "pets", {"cat": 4, "dog": 4})


@pytest.fixture
def work(pets: Path, tmp_path: Path) -> Any:
    """A function that applies two decisions."""
    result = audited(str(pets))
    decisions = [decide(result, 0, "relabel", "dog"), decide(result, 1, "remove")]
    return lambda **options: apply_decisions(result, decisions, tmp_path / "new", progress=False, **options)


def visible_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_kill_leaves_the_whole_dataset_or_nothing(number: signal.Signals, work: Any, pets: Path, tmp_path: Path) -> None:
    before = tree_of(pets)
    whole: dict[str, bytes] | None = None
    seen = set()
    for step in range(1, 200, 9):
        status = finish(start(work, [(step, number)]))
        assert tree_of(pets) == before
        complete = (tmp_path / "new").exists()
        seen.add(complete)
        if complete:
            found = dict(tree_of(tmp_path / "new"))
            whole = whole or found
            assert {name: found[name] for name in found if name != "applied.json"} == {
                name: whole[name] for name in whole if name != "applied.json"
            }
            for path in sorted((tmp_path / "new").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (tmp_path / "new").rmdir()
        elif number == signal.SIGINT:
            assert sorted(path.name for path in tmp_path.iterdir()) == ["pets"], step
        if status == 0:
            break
    assert seen == {True, False}


def test_what_a_killed_process_has_left_is_removed(work: Any, tmp_path: Path) -> None:
    assert finish(start(work, [(20, signal.SIGKILL)])) == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == [".new.curv-issues-new", "pets"]
    work()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "pets"]


@pytest.mark.parametrize("at", ["copyfile", "write_bytes", "replace"])
def test_a_full_disk_leaves_nothing(at: str, work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

    owner = {"copyfile": "shutil.copyfile", "write_bytes": "pathlib.Path.write_bytes", "replace": "os.replace"}[at]
    monkeypatch.setattr(owner, fail)
    with pytest.raises(
        AuditError, match=r"There is no space for the new dataset .*new \(No space left on device\); nothing was written"
    ):
        work()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets"]


def test_too_little_space_is_reported_before_anything_is_copied(work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(100, 90, 10))
    monkeypatch.setattr("shutil.copyfile", lambda *_: pytest.fail("copied"))
    with pytest.raises(AuditError, match=r"Not enough disk space"):
        work()
    work(link="symbolic")


def test_a_full_disk_in_a_parquet_file(tmp_path: Path) -> None:
    table = write_parquet(tmp_path / "rows.parquet", ["a", "b"] * 500)
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from tests.applying.audited import audited, decide\n"
        "from curv_issues import apply_decisions, AuditError\n"
        "result = audited(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    apply_decisions(result, [decide(result, 0, 'relabel', 'b')], sys.argv[2])\n"
        "except AuditError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(table), str(tmp_path / "new")],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"There is no space for the new dataset {tmp_path / 'new'}"), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet"]


def test_an_image_that_cannot_be_read(work: Any, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    real = shutil.copyfile

    def fail(source: Any, target: Any) -> None:
        if Path(source).name == "3.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))
        real(source, target)

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(DatasetError, match=r"cat/3.png cannot be read \(Permission denied\); nothing was written"):
        work()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Any, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr("os.mkdir", fail)
    message = r"The output folder .*new is not writable \(Permission denied\); nothing was written"
    with pytest.raises(UsageError, match=message), new_folder(tmp_path / "new"):
        pytest.fail("entered")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match=r"is not writable"):
        check_new_folder(tmp_path / "locked" / "new", sources=[], result=None)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with new_folder(tmp_path / "new"):
        failed: list[Exception] = []

        def second() -> None:
            try:
                with new_folder(tmp_path / "new"):
                    pass
            except UsageError as error:
                failed.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert "Another run is writing to the output folder" in str(failed[0])
    assert visible_names(tmp_path) == ["new"]


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def create() -> None:
        with new_folder(tmp_path / "new"):
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "mine").touch()

    with pytest.raises(UsageError, match=r"is not empty"):
        create()
    assert tree_of(tmp_path) == {"new/mine": b""}


def test_parents_that_were_made_are_removed_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "a" / "b" / "new"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_long_name(tmp_path: Path) -> None:
    with new_folder(tmp_path / ("n" * 250)) as staged:
        assert staged.name == "n" * 250
    assert visible_names(tmp_path) == ["n" * 250]
    assert staging.check_new_folder(tmp_path / "other", sources=[], result=None) == tmp_path / "other"
