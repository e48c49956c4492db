from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from curv_issues import audit, load_images
from curv_issues.data.image_loading import UNLABELLED, load_opened_images, open_images, splits_named
from curv_issues.data.source_options import ImageOptions, SourceOptions
from curv_issues.data.value_range import ValueRanges
from curv_issues.errors import DatasetError, UsageError
from tests.data.folders import image, left_out, write, write_csv
from tests.data.images import colour_image, encode, png_of_16_bits, pngs, write_parquet


def of(*values: int) -> list[str]:
    """Hashes of the images that `write` and `pngs` number."""
    return load_images([colour_image(value) for value in values]).image_sha256.tolist()


class TestFolders:
    def test_a_flat_folder(self, tmp_path: Path) -> None:
        data = load_images(write(tmp_path, "b.png", "a.png", "c.png"))
        assert data.paths.tolist() == ["a.png", "b.png", "c.png"]
        assert data.image_sha256.tolist() == of(1, 0, 2)
        assert (data.rows.tolist(), data.labels.tolist(), data.class_names) == ([0, 1, 2], [0, 0, 0], (UNLABELLED,))
        assert data.splits.tolist() == [None] * 3
        assert data.num_bytes.tolist() == [len(image(value)) for value in (1, 0, 2)]
        assert data.source.split is None
        assert data.source.opened_with == {"dataset": [str(tmp_path)], "options": {}}
        assert np.array_equal(np.asarray(data.image(1)), np.asarray(colour_image(0)))

    def test_every_image_at_any_depth_is_read(self, tmp_path: Path) -> None:
        """Folders that an audit would refuse or leave out: masks, ids, one class, files beside class folders."""
        paths = ["a.png", "cat/1.png", "cat/1_mask.png", "masks/1.png", "p1/x/y/z.png", "p2/only.png", "train_images/1.png"]
        write_csv(write(tmp_path, *paths) / "metadata.csv", ("file_name", "label"), ("a.png", "cat"))
        data = load_images(tmp_path)
        assert sorted(data.paths.tolist()) == paths
        assert left_out(data) == {"table of labels": ["metadata.csv"]}
        assert data.source.notes == ()

    def test_all_splits_are_read_and_images_outside_of_them(self, tmp_path: Path) -> None:
        write(tmp_path, "train/cat/1.png", "test/2.png", "extra/3.png", "test/dog/4.png", "top.png")
        write(tmp_path, "train/cat/5.png")
        data = load_images(tmp_path)
        by_split = {str(split): sorted(data.paths[data.splits == split]) for split in dict.fromkeys(data.splits)}
        assert by_split["train"] == ["train/cat/1.png", "train/cat/5.png"]
        assert by_split["test"] == ["test/2.png", "test/dog/4.png"]
        assert by_split["other"] == ["extra/3.png", "top.png"]
        assert data.source.split == "train+test+other"
        assert load_images(tmp_path, split="test").paths.tolist() == ["test/2.png", "test/dog/4.png"]
        assert load_images(tmp_path, split="other[:1]").rows.tolist() == [0]
        assert left_out(load_images(tmp_path, split="train"))["in another split (other)"] == ["extra/3.png", "top.png"]

    def test_names_without_an_extension_count_by_their_content(self, tmp_path: Path) -> None:
        data = load_images(write(tmp_path, "one", "notes.txt"))
        assert len(data) == 2
        write(tmp_path, "plain.txt", content=b"words")
        assert left_out(load_images(tmp_path)) == {"not an image (.txt)": ["plain.txt"]}

    def test_unreadable_images_are_left_out_with_a_note(self, tmp_path: Path) -> None:
        write(write(tmp_path, "1.png", "2.png"), "0.png", "3.png", content=image(7)[:60])
        data = load_images(tmp_path)
        assert (data.paths.tolist(), data.rows.tolist()) == (["1.png", "2.png"], [1, 2])
        assert [entry["row"] for entry in data.source.unreadable] == [0, 3]
        assert [entry["path"] for entry in data.source.unreadable] == ["0.png", "3.png"]
        (note,) = data.source.notes
        assert note.startswith(
            "2 of 4 images cannot be read and were left out, so no duplicates of them were searched for: 0.png ("
        )
        assert ", 3.png (" in note
        assert left_out(data) == {"cannot be decoded": ["0.png", "3.png"]}
        assert data.num_bytes.tolist() == [len(image(0)), len(image(1))]
        assert np.array_equal(np.asarray(data.image(1)), np.asarray(colour_image(1)))

    def test_one_unreadable_image(self, tmp_path: Path) -> None:
        write(write(tmp_path, "1.png"), "0.png", content=b"\x89PNG\r\n\x1a\n")
        (note,) = load_images(tmp_path).source.notes
        assert note.startswith("1 of 2 images cannot be read and was left out, so no duplicate of it was searched for: 0.png (")

    def test_no_readable_image(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"^No image of .* can be read \(1 in all\); in row 0 \(0.png\): "):
            load_images(write(tmp_path, "0.png", content=b"\x89PNG\r\n\x1a\n"))

    def test_no_image(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("words")
        with pytest.raises(DatasetError, match=r"only other files: \.txt; expected parquet files, or image files\.$"):
            load_images(tmp_path)

    def test_more_images_than_rows_of_tables(self, tmp_path: Path) -> None:
        write_parquet(write(tmp_path, "1.png", "2.png", "3.png") / "two.parquet", ["a", "b"])
        data = load_images(tmp_path)
        assert data.paths.tolist() == ["1.png", "2.png", "3.png"]
        assert left_out(data) == {"table of images beside image files": ["two.parquet"]}
        write_parquet(tmp_path / "two.parquet", ["a", "b", "a", "b"])
        assert len(load_images(tmp_path)) == 4


class TestTables:
    def test_a_column_of_images_is_enough(self, tmp_path: Path) -> None:
        path = tmp_path / "images.parquet"
        pq.write_table(pa.table({"photo": pa.array(pngs(3)), "id": pa.array(["x", "y", "z"])}), path)
        data = load_images(path)
        assert (data.image_sha256.tolist(), data.paths.tolist()) == (of(0, 1, 2), [None] * 3)
        assert data.source.image_column == "photo"
        assert data.source.split is None or data.source.split == "train"

    def test_a_labelled_table_is_read_without_its_labels(self, tmp_path: Path) -> None:
        data = load_images(write_parquet(tmp_path / "a.parquet", ["cat", None, "cat", ["list"][0]]))
        assert (len(data), data.num_classes) == (4, 1)

    def test_column_is_chosen(self, tmp_path: Path) -> None:
        path = tmp_path / "two.parquet"
        pq.write_table(pa.table({"left": pa.array(pngs(2)), "right": pa.array(pngs(4)[2:])}), path)
        with pytest.raises(DatasetError, match="Several columns may hold the images: left, right; choose one with"):
            load_images(path)
        assert load_images(path, image_column="right").image_sha256.tolist() == of(2, 3)

    def test_all_splits_of_a_folder_of_tables(self, tmp_path: Path) -> None:
        for split, values in {"train": [0, 1], "test": [2]}.items():
            contents = [encode(colour_image(value)) for value in values]
            write_parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet", ["a"] * len(values), images=contents)
        data = load_images(tmp_path)
        assert (data.image_sha256.tolist(), data.splits.tolist()) == (of(0, 1, 2), ["train", "train", "test"])
        assert load_images(tmp_path, split="test").image_sha256.tolist() == of(2)
        with pytest.raises(DatasetError, match="has no split 'validation'; its splits are train, test"):
            load_images(tmp_path, split="validation")

    def test_a_part_without_the_column(self, tmp_path: Path) -> None:
        for split, column in (("train", "image"), ("test", "picture")):
            pq.write_table(pa.table({column: pa.array(pngs(2))}), tmp_path / f"{split}.parquet")
        with pytest.raises(DatasetError, match=r"test.parquet has no column 'image', which train.parquet has; its"):
            load_images(tmp_path)

    def test_tar_files_without_labels(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "train.tar", "w") as tar:
            for number, content in enumerate(pngs(3)):
                member = tarfile.TarInfo(f"{number}.png")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        data = load_images(tmp_path)
        assert (data.image_sha256.tolist(), data.splits.tolist()) == (of(0, 1, 2), ["train"] * 3)

    def test_datasets_in_memory(self) -> None:
        features = datasets.Features({"photo": datasets.Image()})
        rows = datasets.Dataset.from_dict({"photo": [colour_image(value) for value in range(3)]}, features=features)
        assert load_images(rows).image_sha256.tolist() == of(0, 1, 2)
        both = load_images(datasets.DatasetDict({"a": rows, "b": rows.select([1])}))
        assert (both.image_sha256.tolist(), both.splits.tolist()) == (of(0, 1, 2, 1), ["a", "a", "a", "b"])


class TestLists:
    def test_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(write(tmp_path, "b.png", "sub/a.png", "c"))
        data = load_images(["sub/a.png", Path("b.png"), "c"])
        assert (data.paths.tolist(), data.image_sha256.tolist()) == (["sub/a.png", "b.png", "c"], of(1, 0, 2))
        assert load_images("b.png").paths.tolist() == ["b.png"]
        assert load_images(Path("c")).paths.tolist() == ["c"]

    def test_home_is_expanded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, "a.png", "b.png")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert len(load_images(["~/a.png", "~/b.png"])) == len(load_images("~")) == 2
        assert len(load_images("~/a.png")) == 1

    def test_a_missing_file_is_left_out(self, tmp_path: Path) -> None:
        data = load_images([write(tmp_path, "a.png") / "a.png", tmp_path / "gone.png"])
        assert len(data) == 1
        assert "gone.png (the file does not exist)" in data.source.notes[0]

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b/c.png")
        (tmp_path / "notes.txt").write_text("words")
        with pytest.raises(DatasetError, match=r"^Expected image files only, but .*notes.txt is not an image; leave it out"):
            load_images([tmp_path / "a.png", tmp_path / "notes.txt"])
        with pytest.raises(DatasetError, match=r"image files only, but .*b is a folder; leave it out, or pass one folder\.$"):
            load_images([tmp_path / "a.png", tmp_path / "b"])

    def test_images_in_memory(self) -> None:
        images = [colour_image(value) for value in range(3)]
        assert load_images(images).paths.tolist() == [None] * 3
        array = np.stack([np.asarray(each) for each in images])
        assert load_images(array).image_sha256.tolist() == of(0, 1, 2)
        assert load_images(torch.from_numpy(array)).image_sha256.tolist() == of(0, 1, 2)

    @pytest.mark.parametrize("option", ["config_name", "revision", "image_column"])
    def test_options_of_datasets_do_not_apply(self, option: str) -> None:
        flag = f"--{option.replace('_', '-')}"
        with pytest.raises(
            UsageError, match=rf"^{flag} \({option}\) is for datasets on disk or the Hub; this is a list of images\.$"
        ):
            load_images([colour_image(0)], **{option: "x"})

    def test_objects_that_hold_labels_too(self) -> None:
        frame = pd.DataFrame({"image": [colour_image(0)]})
        with pytest.raises(DatasetError, match=r"but got a DataFrame; pass the list of its images: list\(frame\[COLUMN\]\)\.$"):
            load_images(frame)
        with pytest.raises(DatasetError, match=r"but got a TensorDataset; pass a list of its images\.$"):
            load_images(torch.utils.data.TensorDataset(torch.zeros(2)))

    @pytest.mark.parametrize("dataset", [[], (), 3, None])
    def test_nothing(self, dataset: object) -> None:
        with pytest.raises(DatasetError, match="Expected a Hub id, a path"):
            load_images(dataset)

    def test_a_missing_folder(self) -> None:
        with pytest.raises(DatasetError, match="does not exist"):
            load_images("./nowhere")


class TestOptions:
    def test_resolution(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png")
        assert load_images(tmp_path).images.shape == (2, 32, 32, 3)
        assert load_images(tmp_path, resolution=9).images.shape == (2, 9, 9, 3)
        with pytest.raises(UsageError, match=r"resolution must be an integer >= 8 \(pixels\), got 7"):
            load_images(tmp_path, resolution=7)

    def test_max_pixels(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="the limit is 35"):
            load_images(write(tmp_path, "a.png"), max_pixels=35)

    def test_value_range(self, tmp_path: Path) -> None:
        deep = png_of_16_bits(np.full((6, 6, 1), 1000, np.uint16), 0)
        write(tmp_path, "a.png", content=deep)
        assert load_images(tmp_path, value_range="0:2000").images.max() == 128
        opened = open_images(tmp_path, ImageOptions())
        ranges = ValueRanges(integers=(0, 4000))  # of another dataset
        data = load_opened_images(opened, tmp_path, ImageOptions(value_range="0:2000"), value_ranges=ranges)
        assert data.images.max() == 64
        assert data.source.opened_with["options"] == {"value_range": [0.0, 2000.0]}

    def test_image_column_of_a_folder_of_files(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"image_column\) is for tables of images; .* is a folder of image files\.$"):
            load_images(write(tmp_path, "a.png"), image_column="photo")

    def test_they_are_those_of_labelled_datasets(self) -> None:
        options = ImageOptions(split="test", value_range="7", max_pixels=9)
        assert options.as_source_options == SourceOptions(skip_unreadable=True, split="test", value_range="7", max_pixels=9)

    def test_progress(self, tmp_path: Path) -> None:
        calls: list[tuple[int, int]] = []
        load_images(write(tmp_path, "a.png", "b.png"), progress=lambda *step: calls.append(step))
        assert calls[-1] == (2, 2)

    def test_excluded_splits(self, tmp_path: Path) -> None:
        write(tmp_path, "train/1.png", "test/2.png", "val/3.png")
        opened = open_images(tmp_path, ImageOptions())
        data = load_opened_images(opened, tmp_path, ImageOptions(), excluded=("test",))
        assert data.paths.tolist() == ["train/1.png", "val/3.png"]
        assert data.source.split == "train+validation"
        chosen = load_opened_images(opened, tmp_path, ImageOptions(split="test"), excluded=("test",))
        assert chosen.paths.tolist() == ["test/2.png"]
        with pytest.raises(DatasetError, match="has no images beside train, test, validation; expected at least one"):
            load_opened_images(opened, tmp_path, ImageOptions(), excluded=("train", "test", "validation"))

    def test_names_of_splits(self, tmp_path: Path) -> None:
        opened = open_images(write(tmp_path / "a", "train/1.png", "val/3.png"), ImageOptions())
        assert splits_named(opened, "train") == ("train",)
        assert splits_named(opened, "val[:10%]+train") == ("validation", "train")
        assert splits_named(opened, "test") == splits_named(opened, "train+test") == ()
        assert splits_named(open_images(write(tmp_path / "b", "1.png"), ImageOptions()), "train") == ()


def test_audits_refuse_images_without_labels(tmp_path: Path) -> None:
    data = load_images(write(tmp_path, "a.png", "b.png"))
    with pytest.raises(DatasetError, match="have the label 'unlabelled'; an audit needs samples of at least two classes"):
        audit(data)
    with pytest.raises(DatasetError, match="no labels"):
        audit(tmp_path)


def test_pixels_are_those_of_the_labelled_dataset(tmp_path: Path) -> None:
    from curv_issues import load_data

    write(tmp_path, "cat/1.png", "dog/2.png", "cat/3.png")
    labelled, data = load_data(tmp_path), load_images(tmp_path)
    for name in ("images", "image_sha256", "file_sha256", "sizes", "paths", "num_bytes", "is_lossless"):
        np.testing.assert_array_equal(getattr(data, name), getattr(labelled, name))


@pytest.mark.skipif(os.name != "posix", reason="needs names that are not text")
def test_names_that_are_not_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", tmp_path / name)
    assert load_images(tmp_path).paths.tolist() == [name]
