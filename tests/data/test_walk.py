from __future__ import annotations

import os
from pathlib import Path

import pytest

from curv_issues.data import walk
from curv_issues.data.walk import BROKEN_LINK, FOREIGN_LINK, HIDDEN, NOT_REGULAR, walk_folder
from curv_issues.errors import DatasetError


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def found(root: Path) -> dict[str, str | None]:
    return {file.path: file.refused for file in walk_folder(root).files}


def test_files_are_sorted_and_come_before_subfolders(tmp_path):
    touch(tmp_path, "b/2.png", "b/10.png", "a/x/1.png", "a/y.png", "z.png")
    tree = walk_folder(tmp_path)
    assert [file.path for file in tree.files] == ["z.png", "a/y.png", "a/x/1.png", "b/10.png", "b/2.png"]
    assert set(tree.folders) == {("a",), ("a", "x"), ("b",)}
    assert [file.refused for file in tree.files] == [None] * 5


def test_extensions_are_lower_case(tmp_path):
    touch(tmp_path, "a.b.PNG", "none")
    assert {file.path: file.ending for file in walk_folder(tmp_path).files} == {"a.b.PNG": ".png", "none": ""}


def test_hidden_and_system_files(tmp_path):
    hidden = [".DS_Store", "cat/._1.png", "cat/Thumbs.db", ".git/objects/1.png", "__MACOSX/cat/1.png", "@eaDir/1.png"]
    touch(tmp_path, "cat/1.png", *hidden)
    assert found(tmp_path) == {"cat/1.png": None, **dict.fromkeys(hidden, HIDDEN)}
    assert walk_folder(tmp_path).folders == (("cat",),)


def test_links_are_followed_and_broken_ones_reported(tmp_path):
    root, other = tmp_path / "root", tmp_path / "other"
    touch(other, "1.png", "deep/2.png")
    root.mkdir()
    (root / "file.png").symlink_to(other / "1.png")
    (root / "owl").symlink_to(other, target_is_directory=True)
    (root / "gone.png").symlink_to(other / "gone.png")
    (root / "self").symlink_to("self")
    assert found(root) == {
        "file.png": None,
        "gone.png": BROKEN_LINK,
        "self": BROKEN_LINK,
        "owl/1.png": None,
        "owl/deep/2.png": None,
    }


def test_links_of_another_user_out_of_the_folder_are_refused(tmp_path, monkeypatch):
    root, other = tmp_path / "root", tmp_path / "other"
    touch(other, "1.png")
    touch(root, "cat/1.png")
    (root / "file.png").symlink_to(other / "1.png")
    (root / "owl").symlink_to(other, target_is_directory=True)
    (root / "same.png").symlink_to("cat/1.png")
    if os.geteuid() == 0:
        for name in ("file.png", "owl", "same.png"):
            os.chown(root / name, 4321, 4321, follow_symlinks=False)
    monkeypatch.setattr("os.geteuid", lambda: 1234)
    assert found(root) == {"file.png": FOREIGN_LINK, "owl": FOREIGN_LINK, "same.png": None, "cat/1.png": None}


def test_cycle_of_links_is_refused(tmp_path):
    touch(tmp_path, "cat/1.png")
    (tmp_path / "cat" / "again").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(DatasetError, match=r"the link cat/again leads back to one of its parent folders; remove it\.$"):
        walk_folder(tmp_path)


def test_pipes_and_devices_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to("pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    assert found(tmp_path) == dict.fromkeys(["link.png", "pipe.png", "zero.png"], NOT_REGULAR)


def test_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    touch(tmp_path, "cat/1.png", "dog/1.png", ".trash/1.png")
    real = os.scandir

    def refuse(folder):
        if os.path.basename(folder) in refused:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    refused = {"dog"}
    with pytest.raises(DatasetError, match=r"dog cannot be listed \(Permission denied\); change its permissions, or remove it\.$"):
        walk_folder(tmp_path)
    refused = {".trash"}
    assert found(tmp_path) == {"cat/1.png": None, "dog/1.png": None}


def test_too_deep_folders_are_refused(tmp_path):
    deep = tmp_path
    for _ in range(70):
        deep = deep / "d"
    deep.mkdir(parents=True)
    with pytest.raises(DatasetError, match="more than 64 levels of nested folders"):
        walk_folder(tmp_path)


def test_a_long_walk_is_reported(tmp_path, monkeypatch, caplog):
    touch(tmp_path, *(f"{number}.png" for number in range(1000)))
    monkeypatch.setattr(walk, "_REPORT_EVERY", -1.0)
    with caplog.at_level("INFO", logger="curv_issues"):
        walk_folder(tmp_path)
    assert caplog.messages == [f"Listing {tmp_path}: 1,000 files so far."]
