from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value, concatenate_datasets

from curv_issues.data.decoding import EncodedImage
from curv_issues.data.encoded import ArrowImages
from tests.data.images import pngs

STRUCT = {"bytes": Value("binary"), "path": Value("string")}


_IN_ARCHIVES = [("1.png", "all"), ("2.png", "all"), ("1.png", "none"), ("1.png", "bad")]


def read_all(dataset, *, rows=None, folder=None) -> list[EncodedImage]:
    rows = np.arange(len(dataset)) if rows is None else np.array(rows)
    images = ArrowImages(dataset, "x", rows=rows, folder=folder)
    assert len(images) == len(rows)
    return list(images.read(range(len(rows))))


def dataset_of_paths(paths) -> Dataset:
    return Dataset.from_dict({"x": [{"bytes": None, "path": str(path)} for path in paths]}, features=Features({"x": STRUCT}))


@pytest.mark.parametrize("feature", [Image(), STRUCT])
def test_embedded_images_have_no_path(feature):
    contents = pngs(4)
    stored = [{"bytes": content, "path": f"{number}.png"} for number, content in enumerate(contents)]
    dataset = Dataset.from_dict({"y": range(4), "x": stored}, features=Features({"y": Value("int8"), "x": feature}))
    assert read_all(dataset) == [EncodedImage(content) for content in contents]
    assert read_all(dataset, rows=[0, 3]) == [EncodedImage(contents[0]), EncodedImage(contents[3])]


@pytest.mark.parametrize("kind", ["binary", "large_binary"])
def test_binary_columns(kind):
    contents = pngs(3)
    dataset = Dataset.from_dict({"x": [*contents, None]}, features=Features({"x": Value(kind)}))
    expected = [*map(EncodedImage, contents), EncodedImage(b"", None, "it is missing (null)")]
    assert read_all(dataset) == expected


def test_slices_indices_and_concatenation():
    contents = pngs(6)
    dataset = Dataset.from_dict({"x": contents})
    joined = concatenate_datasets([dataset.select(range(2, 5)), dataset.select([0, 5]), dataset])
    expected = [contents[row] for row in (2, 3, 4, 0, 5, 0, 1, 2, 3, 4, 5)]
    assert [image.content for image in read_all(joined)] == expected
    images = ArrowImages(joined, "x", rows=np.array([1, 4, 7, 10]))
    assert [image.content for image in images.read(range(1, 3))] == [expected[4], expected[7]]


def test_null_images():
    stored = [{"bytes": None, "path": None}, None]
    dataset = Dataset.from_dict({"x": stored}, features=Features({"x": STRUCT}))
    assert read_all(dataset) == [EncodedImage(b"", None, "it is missing (null)")] * 2


def test_paths_are_relative_to_the_dataset_folder(tmp_path):
    (tmp_path / "in" / "cat").mkdir(parents=True)
    inside, outside = tmp_path / "in" / "cat" / "1.png", tmp_path / "out.png"
    inside.write_bytes(b"inside")
    outside.write_bytes(b"outside")
    assert read_all(dataset_of_paths([inside, "cat/1.png"]), folder=tmp_path / "in") == [EncodedImage(b"inside", "cat/1.png")] * 2
    assert read_all(dataset_of_paths([inside, outside])) == [
        EncodedImage(b"inside", str(inside)),
        EncodedImage(b"outside", str(outside)),
    ]


def test_files_outside_the_folder_are_not_read(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    outside = tmp_path / "out.png"
    outside.write_bytes(b"outside")
    (tmp_path / "in" / "link.png").symlink_to(outside)
    paths = [str(outside), "../out.png", "cat/../../out.png"]
    for image, path in zip(read_all(dataset_of_paths(paths), folder=tmp_path / "in"), paths, strict=True):
        assert image == EncodedImage(b"", path, "the file is outside the dataset folder; only files inside it are read")
    (linked,) = read_all(dataset_of_paths(["link.png"]), folder=tmp_path / "in")
    assert linked == EncodedImage(b"outside", "link.png")  # the user's own link
    os.chown(tmp_path / "in" / "link.png", 12345, 12345, follow_symlinks=False) if os.geteuid() == 0 else None
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    (linked,) = read_all(dataset_of_paths(["link.png"]), folder=tmp_path / "in")
    assert linked.content == b""


def test_empty_missing_and_special_files(tmp_path):
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")  # reading it would wait forever
    paths = [tmp_path / "empty.png", tmp_path / "none.png", tmp_path / "pipe.png", tmp_path]
    assert read_all(dataset_of_paths(paths), folder=tmp_path) == [
        EncodedImage(b"", "empty.png"),
        EncodedImage(b"", "none.png", "the file does not exist"),
        EncodedImage(b"", "pipe.png", "it is not a regular file"),
        EncodedImage(b"", ".", "it is not a regular file"),
    ]


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"a")

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.open", refuse)
    (image,) = read_all(dataset_of_paths([tmp_path / "a.png"]), folder=tmp_path)
    assert image == EncodedImage(b"", "a.png", "the file cannot be read (Permission denied)")


def test_images_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("cat/1.png", b"one")
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    known, *others = (f"zip://cat/{name}::{tmp_path}/{file}.zip" for name, file in _IN_ARCHIVES)
    first, *rest = read_all(dataset_of_paths([known, *others]))
    assert first == EncodedImage(b"one", known)
    for image, path in zip(rest, others, strict=True):
        assert (image.content, image.path) == (b"", path)
        assert image.problem is not None
        assert image.problem.startswith("the file cannot be read (")


@pytest.mark.parametrize("path", ["https://127.0.0.1:9/a.png", "hf://datasets/a/b.png", "zip://a.png::https://127.0.0.1:9/a.zip"])
def test_urls_are_not_downloaded(path):
    expected = EncodedImage(b"", path, "it is a URL, not a file on this machine")
    assert read_all(dataset_of_paths([path])) == [expected]
