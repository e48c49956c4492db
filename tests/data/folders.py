"""Image folders and tables of labels on disk, and what is read from them."""

from __future__ import annotations

import csv
from pathlib import Path

from curv_issues.data.base import LabeledData
from tests.data.images import colour_image, encode

PETS = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")

_ENCODED = {}


def image(value: int, file_format: str = "PNG") -> bytes:
    if (value, file_format) not in _ENCODED:
        _ENCODED[value, file_format] = encode(colour_image(value), file_format)
    return _ENCODED[value, file_format]


def write(root: Path, *paths: str, content: bytes | None = None) -> Path:
    """Write one file per path: different images, or the same content in all."""
    for value, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(image(value) if content is None else content)
    return root


def write_csv(path: Path, *rows: tuple[str, ...], separator: str = ",", encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def given_classes(data: LabeledData) -> dict[str, str]:
    return {path: data.class_names[label] for path, label in zip(data.paths, data.labels, strict=True)}


def left_out(data: LabeledData) -> dict[str, list[str]]:
    assert data.source.files is not None
    return data.source.files.by_reason()
