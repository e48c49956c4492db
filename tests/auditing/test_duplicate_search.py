from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from curv_issues.auditing.duplicate_search import DuplicateSearch, SearchOptions, search_duplicates
from curv_issues.data.source_options import ImageOptions
from curv_issues.errors import DatasetError, UsageError
from curv_issues.progress import Progress
from tests.data.images import encode, write_parquet
from tests.duplicates.photos import photo, save, write_photos


def search(dataset: object, against: object = None, *, split: str | None = None, **options: object) -> DuplicateSearch:
    chosen = SearchOptions(**{"device": "cpu", **options})  # type: ignore[arg-type]
    return search_duplicates(dataset, ImageOptions(split=split), chosen, against=against)


def kept_and_removed(found: DuplicateSearch) -> list[tuple[str, list[str]]]:
    groups = found.table.groupby("group")
    return sorted((part["path"][part["keep"]].item(), sorted(part["path"][~part["keep"]])) for _, part in groups)


class TestWithin:
    def test_groups(self, tmp_path: Path) -> None:
        found = search(write_photos(tmp_path))
        assert found.name == "groups"
        assert kept_and_removed(found) == [
            ("0.png", ["copies/0 small.jpg"]),
            ("1.png", ["copies/1-high.jpg", "copies/1-low.jpg"]),
            ("2.png", ["copies/2.png"]),
        ]
        assert kept_and_removed(search(tmp_path, turned=True)) == [*kept_and_removed(found), ("3.png", ["copies/3-turned.jpg"])]
        tests = found.table.set_index("path")["test"]
        assert (tests["copies/2.png"], tests["copies/1-low.jpg"]) == ("identical bytes", "near")
        row = found.table.set_index("path").loc["copies/1-low.jpg"]
        assert (row["height"], row["width"], row["bytes"]) == (64, 64, os.path.getsize(tmp_path / "copies/1-low.jpg"))

    def test_the_least_compressed_of_lossy_copies_is_kept(self, tmp_path: Path) -> None:
        (write_photos(tmp_path) / "1.png").unlink()
        found = search(tmp_path)
        assert ("copies/1-high.jpg", ["copies/1-low.jpg"]) in kept_and_removed(found)

    def test_files_to_remove(self, tmp_path: Path) -> None:
        found = search(write_photos(tmp_path))
        removed = {"copies/0 small.jpg", "copies/1-high.jpg", "copies/1-low.jpg", "copies/2.png"}
        assert set(found.files_to_remove()) == {str(tmp_path / name) for name in removed}
        assert [file is None for file in found.files] == found.table["keep"].tolist()
        summary = found.summary
        assert (summary["num_groups"], summary["num_removable"], summary["num_links"]) == (3, 4, 0)
        assert summary["removable_bytes"] == sum(os.path.getsize(tmp_path / name) for name in removed)
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 13  # nothing was removed

    def test_removing_them_leaves_no_duplicates(self, tmp_path: Path) -> None:
        for file in search(write_photos(tmp_path), turned=True).files_to_remove():
            os.remove(file)
        again = search(tmp_path, turned=True)
        assert len(again.table) == 0
        assert len(again.data) == 8
        assert again.files_to_remove() == []

    def test_links_to_a_kept_file(self, tmp_path: Path) -> None:
        for number in range(6):
            save(tmp_path / "photos", f"{number}.png", photo(number))
        folder = tmp_path / "photos"
        (folder / "0 link.png").symlink_to(folder / "0.png")
        (folder / "z").mkdir()
        save(folder, "z/6.png", photo(6))
        (folder / "a").symlink_to(folder / "z")
        found = search(folder)
        assert kept_and_removed(found) == [("0.png", ["0 link.png"]), ("z/6.png", ["a/6.png"])]
        assert found.files_to_remove() == [str(folder / "0 link.png")]  # a/6.png is z/6.png
        assert found.summary["num_links"] == 1
        assert found.summary["notes"] == [
            "1 of the duplicates are links to a kept file, or lead through one to it. They are not files to remove."
        ]
        for file in found.files_to_remove():
            os.remove(file)
        assert len(search(folder).data) == 8

    def test_a_file_that_is_listed_twice(self, tmp_path: Path) -> None:
        write_photos(tmp_path)
        found = search([tmp_path / "0.png", tmp_path / "4.png", tmp_path / "0.png"])
        assert found.table["row"].tolist() == [0, 2]
        assert found.files_to_remove() == []

    def test_images_without_files(self, tmp_path: Path) -> None:
        contents = [encode(photo(number)) for number in (0, 1, 2, 1)]
        found = search(write_parquet(tmp_path / "a.parquet", ["x"] * 4, images=contents))
        assert found.table["row"].tolist() == [1, 3]
        with pytest.raises(UsageError, match=r"No file can be named for 1 of 1 duplicates in .*a\.parquet: they"):
            found.files_to_remove()

    def test_a_file_that_changes_during_the_search(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_photos(tmp_path)
        from curv_issues.auditing import duplicate_search

        table = duplicate_search.group_table

        def changing(*arguments: object, **options: object) -> object:
            (tmp_path / "2.png").unlink()  # a kept one
            return table(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(duplicate_search, "group_table", changing)
        found = search(tmp_path)
        with pytest.raises(UsageError, match="named for 1 of 4 duplicates in"):
            found.files_to_remove()

    def test_splits_are_searched_together(self, tmp_path: Path) -> None:
        for name, number in {"train/0.png": 0, "train/1.png": 1, "test/1.png": 1, "test/2.png": 2}.items():
            save(tmp_path, name, photo(number))
        assert search(tmp_path).table[["path", "split"]].to_numpy().tolist() == [["test/1.png", "test"], ["train/1.png", "train"]]
        assert len(search(tmp_path, split="train").table) == 0

    def test_threshold(self, tmp_path: Path) -> None:
        found = search(write_photos(tmp_path), threshold=1.0)
        assert kept_and_removed(found) == [("2.png", ["copies/2.png"])]
        assert found.summary["threshold"] == found.summary["options"]["threshold"] == 1.0

    def test_backbone_gives_more_candidates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_photos(tmp_path)
        monkeypatch.setenv("CURV_ISSUES_CACHE", str(tmp_path.parent / "features"))
        seen: list[np.ndarray | None] = []
        from curv_issues.duplicates import search as module

        compare = module.compare_within

        def note(data: object, *, features: np.ndarray | None, **options: object) -> object:
            seen.append(features)
            return compare(data, features=features, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(module, "compare_within", note)
        found = search(tmp_path, backbone=lambda images: images.mean((2, 3)))
        assert kept_and_removed(found) == kept_and_removed(search(tmp_path))
        assert seen[0] is not None
        assert (seen[0].shape, seen[1]) == ((13, 3), None)
        assert found.summary["options"]["backbone"] is not None
        assert found.summary["seconds"]["features"] > 0

    def test_summary(self, tmp_path: Path) -> None:
        (write_photos(tmp_path) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        stages: list[str] = []

        def note(progress: Progress) -> None:
            stages.append(progress.stage)

        found = search_duplicates(str(tmp_path), ImageOptions(), SearchOptions(device="cpu"), progress=note)
        assert (found.summary["kind"], found.summary["schema_version"], found.summary["other"]) == ("duplicates", 1, None)
        dataset = found.summary["dataset"]
        assert (dataset["source"], dataset["n"], dataset["num_rows"]) == (str(tmp_path), 13, 14)
        assert dataset["unreadable"][0]["path"] == "broken.png"
        assert dataset["files"]["left_out"] == {"cannot be decoded": {"count": 1, "examples": ["broken.png"]}}
        assert "broken.png (" in found.summary["notes"][0]
        assert set(stages) == {"load", "compare"}
        assert set(found.summary["seconds"]) == {"load", "features", "compare"}


class TestAgainst:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        """Train: photos 0 to 3 and a copy of 2. Test: photos 4 and 5, a smaller 0, 2, and 3 turned."""
        train, test = tmp_path / "train", tmp_path / "test"
        for number in range(4):
            save(train, f"{number}.png", photo(number))
        save(train, "2 again.jpg", photo(2), quality=90)
        for number in (4, 5, 2):
            save(test, f"{number}.png", photo(number))
        save(test, "zero.jpg", photo(0).resize((40, 40)), quality=95)
        save(test, "three.png", photo(3).rotate(-180))
        return train, test

    def test_another_folder(self, folders: tuple[Path, Path]) -> None:
        train, test = folders
        found = search(train, str(test))
        assert found.name == "copies"
        assert found.table[["path", "other_path"]].sort_values("path").to_numpy().tolist() == [
            ["0.png", "zero.jpg"],
            ["2 again.jpg", "2.png"],
            ["2.png", "2.png"],
        ]
        assert sorted(found.files_to_remove()) == [str(train / name) for name in ("0.png", "2 again.jpg", "2.png")]
        assert found.summary["num_removable"] == 3
        assert found.summary["other"]["n"] == 5
        assert found.data.images is not None
        turned = search(train, test, turned=True).table.set_index("path")
        assert (turned.loc["3.png", "other_path"], turned.loc["3.png", "turned"]) == ("three.png", 180)

    def test_the_other_way_round(self, folders: tuple[Path, Path]) -> None:
        train, test = folders
        assert sorted(search(test, train).files_to_remove()) == [str(test / "2.png"), str(test / "zero.jpg")]

    def test_a_split_of_the_same_dataset(self, folders: tuple[Path, Path]) -> None:
        root = folders[0].parent
        save(root, "validation/9.png", photo(5))
        found = search(root, "test")
        assert found.summary["dataset"]["split"] == "train+validation"
        assert found.summary["other"]["split"] == "test"
        assert sorted(found.table["path"]) == ["train/0.png", "train/2 again.jpg", "train/2.png", "validation/9.png"]
        assert sorted(search(root, "test", split="validation").table["path"]) == ["validation/9.png"]
        assert set(search(root, "test[:2]", split="train").table["other_split"]) == {"test"}
        assert found.summary["notes"] == []

    def test_a_name_that_is_a_split_and_a_folder(self, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folders[0].parent)
        found = search(".", "test")
        assert found.summary["notes"] == ["'test' is read as a split of .; for the file or folder, write ./test."]
        assert found.summary["other"]["source"] == "."
        explicit = search("train", "./test")
        assert explicit.summary["notes"] == []
        assert sorted(explicit.files_to_remove()) == sorted(found.files_to_remove())

    def test_the_searched_split_itself(self, folders: tuple[Path, Path]) -> None:
        root = folders[0].parent
        with pytest.raises(UsageError, match="The split 'train' is the one that is searched; compare it with another one"):
            search(root, "train", split="train")
        with pytest.raises(DatasetError, match="has no images beside train, test"):
            search(root, "train+test")

    def test_files_in_both_are_not_their_own_copies(self, folders: tuple[Path, Path]) -> None:
        """The parent folder against one inside it."""
        train, test = folders
        found = search(train.parent, test)
        assert sorted(found.table["path"]) == ["train/0.png", "train/2 again.jpg", "train/2.png"]
        assert found.summary["notes"] == [
            f"5 files of {train.parent} are in {test} too and were not compared: the folders overlap or are linked."
        ]
        nothing = search(train, train)
        assert (len(nothing.table), nothing.files_to_remove()) == (0, [])
        assert nothing.summary["notes"][0].startswith("5 files of")

    def test_links(self, folders: tuple[Path, Path]) -> None:
        """A link to a file of the other folder is a copy that may go; a file that the other folder links to must stay."""
        train, test = folders
        (train / "link.png").symlink_to(test / "4.png")
        (test / "link.png").symlink_to(train / "1.png")
        (test / "a link.png").symlink_to(test / "4.png")
        found = search(train, test)
        assert "link.png" in found.table["path"].tolist()
        assert str(train / "link.png") in found.files_to_remove()
        assert "1.png" not in found.table["path"].tolist()
        assert found.summary["notes"] == [
            f"1 file of {train} is in {test} too and was not compared: the folders overlap or are linked."
        ]

    def test_notes_on_the_other_dataset(self, folders: tuple[Path, Path]) -> None:
        train, test = folders
        (test / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (note,) = search(train, test).summary["notes"]
        assert note.startswith(f"{test}: 1 of 6 images cannot be read and was left out")

    def test_no_backbone(self, folders: tuple[Path, Path]) -> None:
        with pytest.raises(UsageError, match="--backbone is for a search within one dataset; leave --backbone or --against out"):
            search(*folders, backbone="timm:resnet18")

    def test_missing_other(self, folders: tuple[Path, Path]) -> None:
        with pytest.raises(DatasetError, match="does not exist"):
            search(folders[0], "./nowhere")


def test_saving(tmp_path: Path) -> None:
    import json

    import pandas as pd

    photos, output = write_photos(tmp_path / "photos"), tmp_path / "output"
    (photos / "notes.txt").write_text("words")
    found = search(photos)
    found.save(output)
    assert sorted(path.name for path in output.iterdir()) == ["groups.parquet", "left_out.parquet", "summary.json"]
    pd.testing.assert_frame_equal(pd.read_parquet(output / "groups.parquet"), found.table)
    assert pd.read_parquet(output / "left_out.parquet")["path"].tolist() == ["notes.txt"]
    assert json.loads((output / "summary.json").read_text())["num_removable"] == 4
    search(photos, photos / "copies").save(output)
    assert sorted(path.name for path in output.iterdir()) == ["copies.parquet", "left_out.parquet", "summary.json"]
