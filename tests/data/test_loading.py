from __future__ import annotations

import io
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import ExifTags, Image

from curv_issues.data import reading
from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import hash_pixels
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.data.images import colour_image, encode, pngs, write_image_folder, write_parquet


def pixels_of(value: int) -> np.ndarray:
    return np.asarray(colour_image(value))


def check_rows(data, values) -> None:
    """Check that the samples are the images made from these values."""
    assert data.image_sha256.tolist() == [hash_pixels(pixels_of(value)) for value in values]
    for index, value in enumerate(values):
        assert np.array_equal(np.asarray(data.image(index)), pixels_of(value))


def test_parquet(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [5, 3, 5, 4])
    data = load_data(path, resolution=8)
    assert data.images.shape == (4, 8, 8, 3)
    assert data.labels.tolist() == [2, 0, 2, 1]
    assert data.labels.dtype == np.int64
    assert data.class_names == ("3", "4", "5")
    assert data.rows.tolist() == [0, 1, 2, 3]
    assert data.splits.tolist() == ["train"] * 4
    assert data.paths.tolist() == [None] * 4
    assert data.sizes.tolist() == [[6, 6]] * 4
    check_rows(data, range(4))
    source = data.source
    assert (source.source, source.split, source.revision, source.num_rows) == (str(path), "train", None, 4)
    assert (source.image_column, source.label_column) == ("image", "label")
    assert (source.unreadable, source.num_unlabelled) == ((), 0)


def test_image_folder(tmp_path):
    folder = write_image_folder(tmp_path / "pets", {"dog": 2, "cat": 1}, split="train")
    write_image_folder(folder, {"dog": 1, "cat": 1}, split="test")
    data = load_data(folder, split="test+train")
    assert data.class_names == ("cat", "dog")
    assert data.splits.tolist() == ["test", "test", "train", "train", "train"]
    expected = ["test/cat/0.png", "test/dog/0.png", "train/cat/0.png", "train/dog/0.png", "train/dog/1.png"]
    assert data.paths.tolist() == expected
    assert all((Path(data.source.source) / path).is_file() for path in data.paths)
    assert [data.class_names[label] for label in data.labels] == [path.split("/")[1] for path in expected]
    assert data.source.split == "test+train"
    check_rows(data, [1, 0, 2, 0, 1])


def test_class_names_that_are_not_ascii(tmp_path):
    assert load_data(write_image_folder(tmp_path / "Tiere", {"Käfer": 2, "猫": 2})).class_names == ("Käfer", "猫")


def test_saved_and_in_memory_datasets_give_the_same_data(tmp_path):
    features = datasets.Features({"img": datasets.Image(), "y": datasets.ClassLabel(names=["zoo", "ant"])})
    columns = {"img": [colour_image(value) for value in range(4)], "y": [0, 1, 1, 0]}
    dataset = datasets.Dataset.from_dict(columns, features=features)
    dataset.save_to_disk(tmp_path / "saved")
    by_name = datasets.DatasetDict({"train": dataset})
    first = load_data(dataset)
    for data in (first, load_data(tmp_path / "saved"), load_data(by_name)):
        assert data.class_names == ("zoo", "ant")
        assert data.labels.tolist() == [0, 1, 1, 0]
        assert data.fingerprint == first.fingerprint
        check_rows(data, range(4))
    assert (first.source.source, first.source.split, first.splits.tolist()) == ("Dataset", None, [None] * 4)
    assert load_data(by_name).splits.tolist() == ["train"] * 4
    part = load_data(dataset, split="train[1:3]")
    assert (part.source.split, part.splits.tolist(), part.rows.tolist()) == ("train[1:3]", [None, None], [0, 1])
    check_rows(part, [1, 2])


def test_a_column_of_encoded_images():
    data = load_data(datasets.Dataset.from_dict({"png": pngs(3), "y": ["a", "b", "a"]}))
    assert data.class_names == ("a", "b")
    check_rows(data, range(3))


def test_rows_match_those_of_load_dataset(tmp_path):
    write_parquet(tmp_path / "train.parquet", list(range(10)) * 2)
    write_parquet(tmp_path / "test.parquet", list(range(5)), images=pngs(25)[20:])
    expression = "train[50%:]+test[-2:]+train[:3]"
    expected = datasets.load_dataset(str(tmp_path), split=expression)
    data = load_data(tmp_path, split=expression)
    assert data.rows.tolist() == list(range(15)) == list(range(len(expected)))
    for index, row in enumerate(data.rows.tolist()):
        stored = expected[row]
        assert data.class_names[data.labels[index]] == str(stored["label"])
        assert data.image_sha256[index] == hash_pixels(np.asarray(Image.open(io.BytesIO(stored["image"]["bytes"]))))


def test_row_numbers_count_rows_left_out(tmp_path):
    labels: list[int | None] = [0, 1] * 10
    labels[2] = labels[7] = None
    images: list[bytes | None] = list(pngs(20))
    images[4], images[11] = b"broken", None
    path = write_parquet(tmp_path / "a.parquet", labels, images=images)
    data = load_data(path, skip_unlabelled=True, skip_unreadable=True)
    kept = [row for row in range(20) if row not in (2, 7, 4, 11)]
    assert data.rows.tolist() == kept
    assert data.labels.tolist() == [row % 2 for row in kept]
    check_rows(data, kept)
    assert len(data.images) == len(data.sizes) == len(data.paths) == len(data.splits) == len(data.file_sha256) == 16
    full = load_data(write_parquet(tmp_path / "b.parquet", [0, 1] * 10))
    assert np.array_equal(data.images, full.images[kept])
    assert data.source.num_unlabelled == 2
    assert data.source.num_rows == 20
    assert data.source.unreadable == (
        {"row": 4, "path": None, "reason": "its format is not a known image format"},
        {"row": 11, "path": None, "reason": "it is missing (null)"},
    )


def test_max_samples_is_stratified_and_seeded(tmp_path, monkeypatch):
    labels = [0] * 60 + [1] * 30 + [2] * 10
    path = write_parquet(tmp_path / "a.parquet", labels)
    decoded, real = [], reading.decode_all
    monkeypatch.setattr(reading, "decode_all", lambda images, **options: decoded.append(len(images)) or real(images, **options))
    data = load_data(path, max_samples=20, seed=1)
    assert np.bincount(data.labels).tolist() == [12, 6, 2]
    assert decoded == [20]
    assert data.labels.tolist() == [labels[row] for row in data.rows]
    check_rows(data, data.rows.tolist())
    assert data.rows.tolist() == load_data(path, max_samples=20, seed=1).rows.tolist()
    assert data.rows.tolist() != load_data(path, max_samples=20, seed=2).rows.tolist()
    assert len(load_data(path, max_samples=1000)) == 100
    assert data.source.num_rows == 100


def test_max_samples_selects_labelled_samples_only(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [0, None, 1, None, 0, None])
    data = load_data(path, max_samples=3, skip_unlabelled=True)
    assert data.rows.tolist() == [0, 2, 4]


def test_max_samples_below_two_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"^max_samples must be an integer from 2 to 1000000000, got 0\.$"):
        load_data(write_parquet(tmp_path / "a.parquet", [0, 1]), max_samples=0)


def test_resolution_follows_the_images_or_the_option(tmp_path):
    large = [encode(colour_image(value, height=50, width=60)) for value in range(3)]
    path = write_parquet(tmp_path / "a.parquet", [0, 1, 0], images=large)
    assert load_data(path).images.shape == (3, 48, 48, 3)
    assert load_data(path, resolution=16).images.shape == (3, 16, 16, 3)
    assert load_data(write_parquet(tmp_path / "b.parquet", [0, 1, 0])).images.shape == (3, 32, 32, 3)
    with pytest.raises(UsageError, match=r"^resolution must be an integer >= 8 \(pixels\), got 7\.$"):
        load_data(path, resolution=7)


def test_missing_labels(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ["a", None, "b"])
    with pytest.raises(
        DatasetError, match=r"^1 of 3 samples have no label in column 'label' of .*a\.parquet \(row 1\); .*--skip-unlabelled"
    ):
        load_data(path)


def test_class_label_minus_one_is_a_missing_label():
    features = datasets.Features({"x": datasets.Value("binary"), "y": datasets.ClassLabel(names=["b", "a"])})
    dataset = datasets.Dataset.from_dict({"x": pngs(3), "y": [1, -1, 0]}, features=features)
    with pytest.raises(DatasetError, match=r"^1 of 3 samples have no label in column 'y' \(row 1\); "):
        load_data(dataset)
    data = load_data(dataset, skip_unlabelled=True)
    assert (data.rows.tolist(), data.labels.tolist(), data.source.num_unlabelled) == ([0, 2], [1, 0], 1)


def test_unreadable_files_are_reported_with_row_and_path(tmp_path):
    folder = write_image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    (folder / "dog" / "0.png").write_bytes(b"")
    with pytest.raises(DatasetError) as caught:
        load_data(folder)
    assert str(caught.value) == (
        f"The image in row 2 (dog/0.png) of {folder} cannot be read: it is empty (0 bytes). "
        "Repair or remove the file, or leave out unreadable images with --skip-unreadable (skip_unreadable=True)."
    )
    (folder / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(DatasetError) as caught:
        load_data(folder)
    assert str(caught.value).startswith(
        f"The image in row 1 (cat/1.png) of {folder} cannot be read: its format is not a known image format; "
        "2 of 4 images cannot be read. Repair "
    )
    data = load_data(folder, skip_unreadable=True)
    assert data.paths.tolist() == ["cat/0.png", "dog/1.png"]
    assert [entry["path"] for entry in data.source.unreadable] == ["cat/1.png", "dog/0.png"]
    check_rows(data, [0, 3])
    assert not [note for note in data.source.notes if "of the class" in note]
    (folder / "cat" / "0.png").write_bytes(b"no image")
    assert "No image of the class 'cat' can be read." in load_data(folder, skip_unreadable=True).source.notes


def test_embedded_images_have_no_path_in_messages(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [0, 1], images=[*pngs(1), b"broken"])
    with pytest.raises(DatasetError, match=r"^The image in row 1 \(no path\) of .*a\.parquet cannot be read: its format is not "):
        load_data(path)


def test_no_image_can_be_read(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [0, 1], images=[b"broken", None])
    with pytest.raises(DatasetError) as caught:
        load_data(path, skip_unreadable=True)
    assert str(caught.value) == (
        f"No image of {path} can be read (2 in all); in row 0 (no path): its format is not a known image format."
    )


def test_parquet_with_paths_instead_of_images(tmp_path):
    write_image_folder(tmp_path / "files", {"cat": 2})
    names = ["files/cat/0.png", "files/cat/1.png"]
    path = write_parquet(tmp_path / "a.parquet", [0, 1], images=[None, None], paths=names)
    data = load_data(path)
    assert data.paths.tolist() == names
    check_rows(data, [0, 1])


def test_identical_rows_and_the_fingerprint(tmp_path):
    images = pngs(2)
    data = load_data(write_parquet(tmp_path / "a.parquet", [0, 1, 0], images=[images[0], images[1], images[0]]))
    assert data.image_sha256[0] == data.image_sha256[2] != data.image_sha256[1]
    assert data.file_sha256[0] == data.file_sha256[2]
    folder = tmp_path / "elsewhere"
    for number, name in enumerate(["0", "1", "0"]):
        (folder / f"{number}").mkdir(parents=True)
        (folder / f"{number}" / "x.png").write_bytes(images[int(name)])
    rows = [{"bytes": None, "path": str(folder / f"{number}" / "x.png")} for number in range(3)]
    features = datasets.Features({"x": datasets.Image(), "y": datasets.Value("string")})
    other = load_data(datasets.Dataset.from_dict({"x": rows, "y": ["0", "1", "0"]}, features=features))
    assert other.fingerprint == data.fingerprint


def test_a_thousand_classes(tmp_path):
    file = write_parquet(tmp_path / "a.parquet", list(range(1000)), images=pngs(10) * 100)
    data = load_data(file, label_column="label", resolution=8)
    assert data.num_classes == 1000
    assert data.labels.tolist() == list(range(1000))


def test_images_are_shown_at_native_size_and_upright():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    content = encode(colour_image(0, height=90, width=60), exif=exif)
    data = load_data(datasets.Dataset.from_dict({"x": [content, *pngs(1)], "y": [0, 1]}))
    assert data.image(0).size == (90, 60)
    assert data.sizes.tolist() == [[60, 90], [6, 6]]


def test_one_grey_channel(tmp_path):
    images = [encode(Image.new("L", (32, 32), value)) for value in (5, 9)]
    data = load_data(write_parquet(tmp_path / "a.parquet", [0, 1], images=images))
    assert data.images.shape == (2, 32, 32, 1)
    assert data.images[:, 0, 0, 0].tolist() == [5, 9]


def test_progress(tmp_path):
    seen: list[tuple[int, int]] = []
    load_data(write_parquet(tmp_path / "a.parquet", [0, 1, 0]), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)


LOADED = from_arrays(np.zeros((3, 8, 8), dtype=np.uint8), [0, 1, 0])


def test_labeled_data_is_returned_unchanged():
    assert load_data(LOADED, seed=3, progress=print) is LOADED


@pytest.mark.parametrize(
    "options",
    [
        {"split": "train"},
        {"config_name": "a"},
        {"revision": "a"},
        {"image_column": "a"},
        {"label_column": "a"},
        {"max_samples": 5},
        {"resolution": 8},
        {"skip_unreadable": True},
        {"skip_unlabelled": True},
    ],
)
def test_labeled_data_refuses_loading_options(options):
    with pytest.raises(UsageError, match=r"^Loading options \(split, columns, max_samples, \.\.\.\) do not apply to Labeled"):
        load_data(LOADED, **options)


def test_labels_that_look_like_several_labels_are_noted(tmp_path):
    data = load_data(write_parquet(tmp_path / "a.parquet", ["cat|dog", "cat", "dog", "cat|bird"]))
    assert data.source.notes == (
        "2 classes look like several labels at once ('cat|bird', 'cat|dog'); each combination is treated as a separate class, "
        "because an audit needs one label per image.",
    )
