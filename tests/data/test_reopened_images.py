"""Images of an audited dataset are read again only if they have not changed."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curv_issues.auditing.summary import describe_dataset
from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.data.reopened_images import read_unchanged
from curv_issues.errors import CurvIssuesError, DatasetError, UsageError
from tests.conftest import Hub
from tests.data.folders import write
from tests.data.images import colour_image, encode, png_of_16_bits, write_parquet


def read(data: LabeledData, rows: list[int] | None = None, *, place: Any = (), **changed: Any) -> list[bytes]:
    index = np.arange(len(data)) if rows is None else np.searchsorted(data.rows, rows)
    dataset = {**describe_dataset(data), **changed}
    found = read_unchanged(dataset, data.rows[index].tolist(), data.image_sha256[index], data.file_sha256[index], place=place)
    return [encoded.content for encoded in found]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write(tmp_path / "photos", "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")


def refuses(error: type[CurvIssuesError], words: str, *arguments: Any, **options: Any) -> None:
    with pytest.raises(error, match=words):
        read(*arguments, **options)


def test_files_of_a_folder(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    data = load_data("photos", split="train[1:]")
    monkeypatch.chdir("/")
    files = [(photos / path).read_bytes() for path in data.paths]
    assert read(data) == files
    assert read(data, [0, 2]) == [files[0], files[2]]
    assert read(data, []) == []


def test_images_in_a_table(tmp_path: Path) -> None:
    images = [encode(colour_image(i)) for i in range(40)]
    table = write_parquet(tmp_path / "a.parquet", [i % 2 for i in range(40)], images=images)
    data = load_data(table, max_samples=36)  # more than a chunk, and not all rows
    assert read(data) == [images[row] for row in data.rows]


def test_images_of_more_than_8_bits(tmp_path: Path) -> None:
    values = np.arange(36, dtype=np.uint16).reshape(6, 6, 1) * 1000
    folder = write(tmp_path / "deep", "a/1.png", "b/1.png", content=png_of_16_bits(values, 0))
    data = load_data(folder)
    (folder / "a/1.png").write_bytes((folder / "a/1.png").read_bytes() + b"\0")  # other bytes, same pixels
    assert len(read(data)) == 2


def test_equal_pixels_in_another_file_are_the_same_image(photos: Path) -> None:
    data = load_data(photos)
    Image.open(photos / "cat/2.png").save(photos / "cat/2.png", optimize=True, pnginfo=None, compress_level=0)
    assert hashlib.sha256((photos / "cat/2.png").read_bytes()).hexdigest() != data.file_sha256[1]
    assert len(read(data)) == 4


def test_changed_images_are_refused(photos: Path) -> None:
    data = load_data(photos)
    start = r"^The image in row 1 \(cat/2\.png\) of .*photos is not the one that was audited: "
    (photos / "cat/2.png").write_bytes(encode(colour_image(99)))
    refuses(DatasetError, start + r"its content has changed\.$", data)
    (photos / "cat/2.png").write_bytes(b"text")
    refuses(DatasetError, start + r"its format is not a known image format\.$", data)
    assert len(read(data, [0, 2, 3])) == 3  # only the images that are asked for are read


def test_moved_rows_are_noticed(photos: Path) -> None:
    data = load_data(photos)
    (photos / "cat/1.png").unlink()
    refuses(DatasetError, r"row 0 \(cat/2\.png\) .* its content has changed", data, [0])
    refuses(DatasetError, r"has changed since the audit: it has 3 rows now, and the result has row 3\.$", data)


def test_another_place(photos: Path) -> None:
    data = load_data(photos)
    files = read(data)
    moved = photos.rename(photos.with_name("moved"))
    refuses(DatasetError, "does not exist", data)
    assert read(data, place=(str(moved),)) == files
    assert read(data, place=(str(moved),), opened_with=None) == files
    assert read(data, place=(str(moved),), revision="abc") == files  # a local copy has no revision


def test_a_table_of_labels_moves_with_its_folder(photos: Path) -> None:
    (photos / "labels.csv").write_text("file,label\ncat/1.png,a\ncat/2.png,b\ndog/1.png,a\n")
    data = load_data(photos, labels=str(photos / "labels.csv"))
    files = read(data)
    assert read(data, place=(str(photos.rename(photos.with_name("moved"))),)) == files


def test_a_dataset_of_the_hub_is_opened_at_its_revision(hub: Hub, tmp_path: Path) -> None:
    folders = [write_parquet(tmp_path / str(i) / "a.parquet", [0, 1], images=images_of(i)).parent for i in (0, 10)]
    hub.add_dataset("org/pets", folders[0])
    script = """
import hashlib, sys
from curv_issues.auditing.summary import describe_dataset
from curv_issues.data.loading import load_data
from curv_issues.data.reopened_images import read_unchanged
data = load_data("org/pets", revision="main")
print("loaded", flush=True)
input()
found = read_unchanged(describe_dataset(data), data.rows.tolist(), data.image_sha256, data.file_sha256)
print([hashlib.sha256(encoded.content).hexdigest() for encoded in found])
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], env=hub.environment(), stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        hub.add_dataset("org/pets", folders[1])  # main moves on
        found, _ = process.communicate("\n", timeout=100)
    assert found == f"{[hashlib.sha256(content).hexdigest() for content in images_of(0)]}\n"


def images_of(first: int) -> list[bytes]:
    return [encode(colour_image(first + i)) for i in range(2)]


def test_a_loaded_dataset(photos: Path) -> None:
    data = load_data(photos)
    found = read(data, [1, 3], place=data, opened_with=None)
    assert [Image.open(io.BytesIO(content)).format for content in found] == ["PNG"] * 2
    pixels = [np.asarray(Image.open(photos / path)) for path in data.paths[[1, 3]]]
    assert [np.asarray(Image.open(io.BytesIO(content))).tolist() for content in found] == [image.tolist() for image in pixels]
    for other in (data.take(np.array([0, 2])), load_data(photos, split="train[1:]")):
        refuses(DatasetError, r"^The image in row 1 of .*photos is not the one that was audited\.$", data, [1], place=other)


def test_what_cannot_be_opened_again(photos: Path) -> None:
    data = load_data(photos)
    record = describe_dataset(data)["opened_with"]
    refuses(DatasetError, "was an object in memory", data, opened_with=None)
    refuses(DatasetError, "has no images: expected the image column of the audit, None", data, image_column=None)
    refuses(DatasetError, "has no images: expected the image column of the audit, 'picture'", data, image_column="picture")
    for wrong in ("photos", {"dataset": "photos", "options": {}}, {"dataset": [1], "options": {}}, {"dataset": ["a"]}):
        refuses(UsageError, "does not record how its dataset was opened", data, opened_with=wrong)
    refuses(UsageError, "max_samples", data, opened_with={**record, "options": {"max_samples": "many"}})
    with pytest.raises(DatasetError, match="has changed since"):
        list(read_unchanged(describe_dataset(data), [-1], ["x"], ["x"]))
