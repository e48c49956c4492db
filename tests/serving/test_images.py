"""Images of the served page: stored ones, and others from the dataset if it has not changed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curv_issues.auditing.audit import audit
from curv_issues.report.thumbnails import CARD, SIDES, SMALL, thumbnail
from curv_issues.results.result import AuditResult
from curv_issues.serving.images import ServedImages
from tests.cli.running import tiny_parquet
from tests.data.images import colour_image, encode
from tests.report.pages import many_findings


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(8):
        place = tmp_path / "photos" / ("cat", "dog")[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encode(colour_image(number, height=100, width=200)))
    return tmp_path / "photos"


@pytest.fixture
def result(photos: Path) -> AuditResult:
    return audited(photos, split="train[1:]")


def audited(dataset: Path, **options: Any) -> AuditResult:
    return audit(dataset, **options, epochs=1, resolution=8, device="cpu", images=False, duplicates=False, progress=False)


def size_of(content: bytes | None) -> tuple[int, int]:
    assert content is not None
    return Image.open(io.BytesIO(content)).size


def test_images_that_are_not_stored_come_from_the_dataset(result: AuditResult, photos: Path) -> None:
    assert result.thumbnails is None
    images = ServedImages(result)
    assert images.problem is None
    for row, path in zip(result.scores["row"], result.scores["path"], strict=True):
        assert images.has(row, CARD)
        assert images.get(row, CARD) == thumbnail(Image.open(photos / path), CARD)
    assert size_of(images.get(6, CARD)) == (128, 64)
    assert size_of(images.get(6, SMALL)) == (SIDES[SMALL], SIDES[SMALL] // 2)


def test_stored_images_are_sent_as_they_are() -> None:
    result = many_findings()
    images = ServedImages(result)
    assert result.thumbnails is not None
    row, size, content = result.thumbnails[["row", "size", "image"]].iloc[0]
    assert images.get(row, size) == content


@pytest.mark.parametrize(("row", "size"), [(7, CARD), (-1, CARD), (1, "huge")])
def test_there_are_no_other_images(result: AuditResult, row: int, size: str) -> None:
    images = ServedImages(result)
    assert not images.has(row, size)
    assert images.get(row, size) is None


def test_changed_and_missing_images_are_not_shown(result: AuditResult, photos: Path) -> None:
    images = ServedImages(result)
    paths = result.scores["path"]
    (photos / paths[3]).write_bytes(encode(colour_image(100, height=100, width=200)))
    (photos / paths[4]).unlink()
    assert images.get(3, CARD) is None
    assert images.get(4, CARD) is None
    assert images.get(5, CARD) is not None


def test_a_dataset_that_is_gone_is_named(result: AuditResult, photos: Path) -> None:
    photos.rename(photos.parent / "elsewhere")
    images = ServedImages(result)
    assert images.problem is not None
    assert str(photos) in images.problem
    assert not images.has(1, CARD)


def test_a_table_that_is_gone_while_it_is_served(tmp_path: Path) -> None:
    table = tiny_parquet(tmp_path / "a.parquet")
    images = ServedImages(audited(table))
    assert images.get(0, CARD) is not None
    table.write_bytes(b"")
    images.get(1, CARD)  # read before, or not shown: no error
