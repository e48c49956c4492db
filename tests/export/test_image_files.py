"""Names of image files in an export, and references to the files of a dataset."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curv_issues.auditing.summary import describe_dataset
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from curv_issues.export.image_files import absolute_path, encoded_images, relative_path, safe_stem, write_images
from curv_issues.export.samples import Sample, list_samples
from curv_issues.results.result import AuditResult
from tests.data.images import colour_image, encode
from tests.export.audited import audited, write_photos, write_table

SAFE = re.compile(r"\d{4}(-[A-Za-z0-9_-]*[A-Za-z0-9_])?")
HOSTILE = (
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\x\\..\\y.png",
    'a"><img onerror=1>.png',
    "=cmd|' /C'!A0.png",
    "nul\0.png",
    "-rf.jpg",
    "a" * 10_000,
)


def sample(row: int = 7, path: str | None = None) -> Sample:
    return Sample(row, None, path, "cat", None, (), 0.5, None, None, None, 1, 1, "", "")


@given(path=st.none() | st.sampled_from(HOSTILE) | st.text(max_size=60))
def test_names_are_safe_whatever_the_path(path: str | None) -> None:
    stem = safe_stem(sample(path=path), 1234)
    assert SAFE.fullmatch(stem), stem
    assert stem.startswith("0007")
    assert len(stem) < 60


def test_names_are_readable_unique_and_sorted_like_rows() -> None:
    names = [safe_stem(sample(row, "cat/photo 1.jpg"), 1234) for row in (9, 10, 1234)]
    assert names == sorted(names) == ["0009-photo-1", "0010-photo-1", "1234-photo-1"]
    assert safe_stem(sample(9, "日本.png"), 1234) == "0009"


def written(tmp_path: Path, path: str | None, content: bytes) -> str:
    names = write_images(iter([(sample(path=path), content)]), tmp_path / "out", 7)
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_bytes() == content
    assert names == {7: file.name}
    return file.suffix


@pytest.mark.parametrize(
    ("path", "file_format", "expected"),
    [
        ("a.JPEG", "JPEG", ".jpeg"),
        ("a.png", "JPEG", ".jpg"),
        ("a.JPG", "MPO", ".jpg"),
        (None, "JPEG", ".jpg"),
        (None, "PNG", ".png"),
        ("image", "WEBP", ".webp"),
        ("a.exe", "TIFF", ".tif"),
        (None, "MPO", ".jpg"),
        ("archive.tar.gz", "GIF", ".gif"),
    ],
)
def test_extensions(tmp_path: Path, path: str | None, file_format: str, expected: str) -> None:
    more: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (6, 6))]} if file_format == "MPO" else {}
    assert written(tmp_path, path, encode(colour_image(0), file_format, **more)) == expected


def test_names_are_the_same_in_every_export(result: AuditResult, tmp_path: Path) -> None:
    names = []
    for all_samples in (False, True):
        samples = list_samples(result, all_samples=all_samples)
        names.append(write_images(encoded_images(samples, result.summary["dataset"]), tmp_path / str(all_samples), 8))
    assert names[0].items() < names[1].items()
    assert names[0][7] == "7-image-7.png"


def test_steps_are_reported(result: AuditResult) -> None:
    steps: list[tuple[int, int]] = []
    samples = list_samples(result)
    list(encoded_images(samples, result.summary["dataset"], on_step=lambda done, total: steps.append((done, total))))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_errors_say_what_to_do(own_result: AuditResult, tmp_path: Path) -> None:
    (tmp_path / "own").rename(tmp_path / "moved")
    words = r"^File or folder .*photos does not exist\. If the dataset was moved, .*--dataset .*--no-images"
    with pytest.raises(DatasetError, match=words):
        list(encoded_images(list_samples(own_result), own_result.summary["dataset"]))


@pytest.mark.parametrize(
    "path", [None, "", "/home/me/a.png", "../a.png", "a/../../b.png", "C:/a.png", "..\\a.png", "zip://a.png::b.zip"]
)
def test_paths_outside_the_dataset_are_no_reference(path: str | None) -> None:
    with pytest.raises(DatasetError, match=r"^Row 7 has no image file below the dataset folder, .*; export with images, or to csv"):
        relative_path(sample(path=path))
    assert relative_path(sample(path="cat/1 a.png")) == "cat/1 a.png"


@pytest.mark.parametrize("path", ["cat/a\\b.png", "caf\\udce9.png"])
def test_paths_with_a_backslash_are_no_reference(path: str) -> None:
    with pytest.raises(DatasetError, match=r"^The path of row 7 has a backslash or bytes that are not UTF-8 \(.*\), so an export"):
        relative_path(sample(path=path))


def test_absolute_paths_are_those_of_unchanged_files(result: AuditResult, photos: Path) -> None:
    dataset = result.summary["dataset"]
    first, *_ = list_samples(result)
    path = absolute_path(first, dataset)
    assert Path(path).read_bytes() == (photos / str(first.path)).read_bytes()
    assert absolute_path(first, {}, [str(photos)]) == path
    for wrong, described in (
        (replace(first, file_sha256="0" * 64), dataset),
        (replace(first, path="cat/none.png"), dataset),
        (replace(first, path=None), dataset),
        (first, {}),
        (first, {"opened_with": {"dataset": [7]}}),
    ):
        with pytest.raises(DatasetError, match=r"^Row 7 has no image file of its own on this machine with the"):
            absolute_path(wrong, described)


def test_files_beside_a_table(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    (first, *_) = list_samples(audited(load_data(tmp_path / "photos")))
    described = {"opened_with": {"dataset": [str(write_table(tmp_path / "photos" / "table.parquet"))]}}
    assert absolute_path(first, described) == str(tmp_path / "photos" / str(first.path))


def test_embedded_images_keep_their_bytes(tmp_path: Path) -> None:
    data = load_data(write_table(tmp_path / "table.parquet"))
    found = list(encoded_images(list_samples(audited(data), all_samples=True), describe_dataset(data)))
    assert [content for _, content in found] == [encode(colour_image(i)) for i in range(9)]
    assert [entry.row for entry, _ in found] == list(range(9))
