from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value, concatenate_datasets

from curv_issues.data.decoding import EncodedPicture
from curv_issues.data.encoded import ArrowPictures
from tests.data.pictures import pngs

STRUCT = {"bytes": Value("binary"), "path": Value("string")}


_IN_ARCHIVES = [("1.png", "all"), ("2.png", "all"), ("1.png", "none"), ("1.png", "bad")]


def read_all(dataset, *, rows=None, folder=None) -> list[EncodedPicture]:
    rows = np.arange(len(dataset)) if rows is None else np.array(rows)
    pictures = ArrowPictures(dataset, "x", rows=rows, folder=folder)
    assert len(pictures) == len(rows)
    return list(pictures.read(range(len(rows))))


def of_paths(paths) -> Dataset:
    return Dataset.from_dict({"x": [{"bytes": None, "path": str(path)} for path in paths]}, features=Features({"x": STRUCT}))


@pytest.mark.parametrize("feature", [Image(), STRUCT])
def test_embedded_pictures_have_no_path(feature):
    contents = pngs(4)
    stored = [{"bytes": content, "path": f"{number}.png"} for number, content in enumerate(contents)]
    dataset = Dataset.from_dict({"y": range(4), "x": stored}, features=Features({"y": Value("int8"), "x": feature}))
    assert read_all(dataset) == [EncodedPicture(content) for content in contents]
    assert read_all(dataset, rows=[0, 3]) == [EncodedPicture(contents[0]), EncodedPicture(contents[3])]


@pytest.mark.parametrize("kind", ["binary", "large_binary"])
def test_binary_columns(kind):
    contents = pngs(3)
    dataset = Dataset.from_dict({"x": [*contents, None]}, features=Features({"x": Value(kind)}))
    expected = [*map(EncodedPicture, contents), EncodedPicture(b"", None, "it is missing (null)")]
    assert read_all(dataset) == expected


def test_slices_indices_and_concatenation():
    contents = pngs(6)
    dataset = Dataset.from_dict({"x": contents})
    joined = concatenate_datasets([dataset.select(range(2, 5)), dataset.select([0, 5]), dataset])
    expected = [contents[row] for row in (2, 3, 4, 0, 5, 0, 1, 2, 3, 4, 5)]
    assert [picture.content for picture in read_all(joined)] == expected
    pictures = ArrowPictures(joined, "x", rows=np.array([1, 4, 7, 10]))
    assert [picture.content for picture in pictures.read(range(1, 3))] == [expected[4], expected[7]]


def test_null_pictures():
    stored = [{"bytes": None, "path": None}, None]
    dataset = Dataset.from_dict({"x": stored}, features=Features({"x": STRUCT}))
    assert read_all(dataset) == [EncodedPicture(b"", None, "it is missing (null)")] * 2


def test_files_are_named_relative_to_the_folder_they_lie_in(tmp_path):
    (tmp_path / "in" / "cat").mkdir(parents=True)
    inside, outside = tmp_path / "in" / "cat" / "1.png", tmp_path / "out.png"
    inside.write_bytes(b"inside")
    outside.write_bytes(b"outside")
    assert read_all(of_paths([inside, "cat/1.png"]), folder=tmp_path / "in") == [EncodedPicture(b"inside", "cat/1.png")] * 2
    assert read_all(of_paths([inside, outside])) == [
        EncodedPicture(b"inside", str(inside)),
        EncodedPicture(b"outside", str(outside)),
    ]


def test_files_outside_the_folder_are_not_read(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    outside = tmp_path / "out.png"
    outside.write_bytes(b"outside")
    (tmp_path / "in" / "link.png").symlink_to(outside)
    paths = [str(outside), "../out.png", "cat/../../out.png"]
    for picture, path in zip(read_all(of_paths(paths), folder=tmp_path / "in"), paths, strict=True):
        assert picture == EncodedPicture(
            b"", path, "the file is outside the folder of the dataset, from which alone files are read"
        )
    (linked,) = read_all(of_paths(["link.png"]), folder=tmp_path / "in")
    assert linked == EncodedPicture(b"outside", "link.png")  # the user's own link
    os.chown(tmp_path / "in" / "link.png", 12345, 12345, follow_symlinks=False) if os.geteuid() == 0 else None
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    (linked,) = read_all(of_paths(["link.png"]), folder=tmp_path / "in")
    assert linked.content == b""


def test_zero_byte_missing_and_special_files(tmp_path):
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")  # Reading it would wait for ever.
    paths = [tmp_path / "empty.png", tmp_path / "none.png", tmp_path / "pipe.png", tmp_path]
    assert read_all(of_paths(paths), folder=tmp_path) == [
        EncodedPicture(b"", "empty.png"),
        EncodedPicture(b"", "none.png", "the file does not exist"),
        EncodedPicture(b"", "pipe.png", "it is not a regular file"),
        EncodedPicture(b"", ".", "it is not a regular file"),
    ]


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"a")

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.open", refuse)
    (picture,) = read_all(of_paths([tmp_path / "a.png"]), folder=tmp_path)
    assert picture == EncodedPicture(b"", "a.png", "the file cannot be read (Permission denied)")


def test_pictures_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("cat/1.png", b"one")
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    known, *others = (f"zip://cat/{name}::{tmp_path}/{file}.zip" for name, file in _IN_ARCHIVES)
    first, *rest = read_all(of_paths([known, *others]))
    assert first == EncodedPicture(b"one", known)
    for picture, path in zip(rest, others, strict=True):
        assert (picture.content, picture.path) == (b"", path)
        assert picture.problem is not None
        assert picture.problem.startswith("the file cannot be read (")


@pytest.mark.parametrize("path", ["https://127.0.0.1:9/a.png", "hf://datasets/a/b.png", "zip://a.png::https://127.0.0.1:9/a.zip"])
def test_addresses_are_not_asked(path):
    expected = EncodedPicture(b"", path, "it is at an address, not in a file on this machine")
    assert read_all(of_paths([path])) == [expected]
