"""The folder of an export: all files appear or none, and nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from curv_issues.errors import AuditError, UsageError
from curv_issues.export.staging import MARKER, check_export_folder, staged_export


def write(output: Path, *names: str, overwrite: bool = False, text: str = "new") -> None:
    with staged_export(output, overwrite=overwrite, format="csv") as folder:
        assert list(folder.iterdir()) == []
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def fail_within(output: Path, raised: BaseException) -> None:
    with staged_export(output, overwrite=True, format="csv") as folder:
        (folder / "y.json").write_text("new")
        raise raised


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


def test_a_new_folder(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", "x.json", "images/1.png")
    assert tree(tmp_path) == {"a/b/x.json": "new", "a/b/images/1.png": "new"}
    assert json.loads((tmp_path / "a" / "b" / MARKER).read_text())["files"] == ["images/1.png", "x.json"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b").stat().st_mode == (tmp_path / "a").stat().st_mode


def test_an_empty_folder_and_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("."), "x.json", "images/1.png")
    assert tree(tmp_path) == {"x.json": "new", "images/1.png": "new"}
    assert {path.name for path in tmp_path.iterdir()} == {"x.json", "images", MARKER}


def test_an_older_export_is_replaced_only_if_asked(tmp_path: Path) -> None:
    write(tmp_path / "out", "x.json", "images/1.png", text="old")
    with pytest.raises(UsageError, match=r"already contains an export; choose another folder, or replace it with --overwrite"):
        write(tmp_path / "out", "y.json")
    write(tmp_path / "out", "y.json", "images/2.png", overwrite=True)
    assert tree(tmp_path / "out") == {"y.json": "new", "images/2.png": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["notes.txt", "images/mine.png"])
def test_files_of_the_user_are_never_replaced(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out", "x.json", "images/1.png")
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(UsageError, match=rf"contains {name}, which is not a file of the export; nothing was overwritten"):
        write(tmp_path / "out", "y.json", overwrite=True)
    assert tree(tmp_path / "out") == {"x.json": "new", "images/1.png": "new", name: "mine"}


def test_links_are_files_of_the_user(tmp_path: Path) -> None:
    write(tmp_path / "out", "x.json")
    (tmp_path / "mine").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(UsageError, match="contains link,"):
        write(tmp_path / "out", "y.json", overwrite=True)


WRONG = ("", "[]", "{}", '{"curv_issues_export": 2, "files": []}', '{"curv_issues_export": 1, "files": [1]}')


@pytest.mark.parametrize("marker", [None, *WRONG])
def test_other_folders_are_refused(tmp_path: Path, marker: str | None) -> None:
    (tmp_path / "x.txt").write_text("mine")
    if marker is not None:
        (tmp_path / MARKER).write_text(marker)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"is not empty and has no export of curv-issues; choose another folder\.$"):
            write(tmp_path, "y.json", overwrite=overwrite)
    assert tree(tmp_path) == {"x.txt": "mine"}


def test_a_file_a_dataset_and_a_read_only_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        check_export_folder(tmp_path / "file", overwrite=False)
    (tmp_path / "photos").mkdir()
    with pytest.raises(UsageError, match="is inside the dataset"):
        check_export_folder(tmp_path / "photos" / "out", overwrite=False, sources=[str(tmp_path / "photos")])
    check_export_folder(tmp_path / "new" / "out", overwrite=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("raised", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt(), UsageError("wrong.")])
@pytest.mark.parametrize("before", ["nothing", "empty", "older"])
def test_a_failure_leaves_everything_as_it_was(tmp_path: Path, before: str, raised: BaseException) -> None:
    output = tmp_path / "a" / "out"
    if before == "older":
        write(output, "x.json", text="old")
    elif before == "empty":
        output.mkdir(parents=True)
    expected = sorted(map(str, tmp_path.rglob("*")))
    kind = AuditError if isinstance(raised, OSError) else type(raised)
    with pytest.raises(kind) as caught:
        fail_within(output, raised)
    if kind is AuditError:
        assert str(caught.value) == f"The export could not be written to {output} (No space left on device); nothing was written."
    assert sorted(map(str, tmp_path.rglob("*"))) == expected


def test_a_failure_while_files_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "x.json", "z.json", text="old")
    rename, calls = os.rename, []

    def failing(source: Any, target: Any) -> None:
        calls.append(source)
        if len(calls) == 5:
            raise OSError(errno.EIO, "broken")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(AuditError, match="nothing was written"):
        write(tmp_path, "x.json", "y.json", overwrite=True)
    assert tree(tmp_path) == {"x.json": "old", "z.json": "old"}
    assert (tmp_path / MARKER).is_file()
    monkeypatch.undo()
    write(tmp_path, "x.json", "y.json", overwrite=True)
    assert tree(tmp_path) == {"x.json": "new", "y.json": "new"}
