from __future__ import annotations

import os
from pathlib import Path

import datasets
import numpy as np
import pytest

from curv_issues import load_images
from curv_issues.data.image_files import can_be_removed, image_files, lead_through_links
from tests.data.folders import image, write
from tests.data.images import write_parquet


def files_of(dataset: object) -> list[str | None]:
    return image_files(load_images(dataset)).tolist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "photos", "a.png", "sub/b.png")


class TestFiles:
    def test_of_a_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = [str(folder / "a.png"), str(folder / "sub/b.png")]
        assert files_of(folder) == expected
        monkeypatch.chdir(folder.parent)
        assert files_of("photos") == files_of("./photos/") == expected
        monkeypatch.chdir(folder)
        assert files_of(".") == expected

    def test_a_later_change_of_the_working_directory_does_not_matter(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(folder)
        data, listed = load_images("."), load_images(["a.png", "sub/b.png"])
        monkeypatch.chdir(tmp_path)
        assert image_files(data).tolist() == [str(folder / "a.png"), str(folder / "sub/b.png")]
        assert image_files(listed).tolist() == [None, None]  # their paths do not lead there any more

    def test_of_a_list(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        (folder / "c.png").write_bytes(b"broken")
        assert files_of(["sub/b.png", "c.png", folder / "a.png"]) == [str(folder / "sub/b.png"), str(folder / "a.png")]
        assert files_of("a.png") == [str(folder / "a.png")]

    def test_without_unreadable_images(self, folder: Path) -> None:
        write(folder, "aa.png", content=b"broken")
        assert files_of(folder) == [str(folder / "a.png"), str(folder / "sub/b.png")]

    def test_a_file_that_has_changed_does_not_count(self, folder: Path) -> None:
        data = load_images(folder)
        (folder / "a.png").write_bytes(image(0) + b" ")
        assert image_files(data).tolist() == [None, str(folder / "sub/b.png")]
        (folder / "sub/b.png").unlink()
        assert image_files(data).tolist() == [None, None]
        (folder / "sub/b.png").mkdir()
        assert image_files(data).tolist() == [None, None]

    def test_images_in_tables_have_no_files(self, tmp_path: Path) -> None:
        assert files_of(write_parquet(tmp_path / "a.parquet", ["x", "y"])) == [None, None]
        assert files_of(tmp_path) == [None, None]

    def test_files_that_a_table_names(self, folder: Path) -> None:
        table = write_parquet(
            folder / "t.parquet", ["x", "y", "y"], images=[None, None, None], paths=["a.png", "sub/b.png", "a.png"]
        )
        assert files_of(table) == [str(folder / "a.png"), str(folder / "sub/b.png"), str(folder / "a.png")]

    def test_datasets_in_memory_and_of_the_hub_have_no_files(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Their paths may be those of other files here."""
        monkeypatch.chdir(folder)
        features = datasets.Features({"image": datasets.Image()})
        rows = datasets.Dataset.from_dict({"image": ["a.png", "sub/b.png"]}, features=features)
        data = load_images(rows)
        assert data.paths.tolist() == ["a.png", "sub/b.png"]
        assert image_files(data).tolist() == [None, None]
        object.__setattr__(data.source, "opened_with", {"dataset": ["org/name"], "options": {}})
        assert image_files(data).tolist() == [None, None]
        object.__setattr__(data.source, "opened_with", {"dataset": [], "options": {}})
        assert image_files(data).tolist() == [None, None]

    def test_tables_of_different_folders(self, folder: Path, tmp_path: Path) -> None:
        one = write_parquet(folder / "t.parquet", ["x", "y"], images=[None, None], paths=["a.png", "sub/b.png"])
        other = write_parquet(tmp_path / "u.parquet", ["x", "y", "z"])
        assert files_of([one, other]) == [None] * 5


class TestLinks:
    def test_paths_through_links(self, folder: Path) -> None:
        (folder / "link.png").symlink_to(folder / "a.png")
        (folder / "same").symlink_to(folder / "sub")
        os.link(folder / "a.png", folder / "hard.png")
        data = load_images(folder)
        files = image_files(data)
        assert dict(zip(data.paths, lead_through_links(files), strict=True)) == {
            "a.png": False,
            "hard.png": False,
            "link.png": True,
            "same/b.png": True,
            "sub/b.png": False,
        }
        assert lead_through_links(np.array([None], dtype=object)).tolist() == [False]

    def test_a_linked_folder_is_resolved_first(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "again").symlink_to(folder)
        files = image_files(load_images(tmp_path / "again"))
        assert files.tolist() == [str(folder / "a.png"), str(folder / "sub/b.png")]
        assert not lead_through_links(files).any()

    def test_what_may_be_removed(self, folder: Path) -> None:
        a = str(folder / "a.png")
        (folder / "link.png").symlink_to(a)
        (folder / "second.png").symlink_to(folder / "link.png")
        (folder / "same").symlink_to(folder)
        os.link(a, folder / "hard.png")
        link, second, through, hard = (str(folder / name) for name in ("link.png", "second.png", "same/a.png", "hard.png"))
        assert can_be_removed(str(folder / "sub/b.png"), a)
        assert can_be_removed(hard, a)
        assert can_be_removed(a, hard)
        assert can_be_removed(link, a)
        assert can_be_removed(second, through)
        assert not can_be_removed(a, a)
        assert not can_be_removed(a, link)
        assert not can_be_removed(through, a)
        assert not can_be_removed(a, through)
        assert not can_be_removed(link, second)
