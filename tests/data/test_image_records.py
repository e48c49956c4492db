from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curv_issues.data.base import hash_pixels
from curv_issues.data.decoding import EncodedImage, decode_all
from curv_issues.data.image_records import encode_image, read_cell
from tests.data.images import colour_image
from tests.data.records import save_image


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "it is missing (null)"),
        (float("nan"), "it is missing (null)"),
        ({"bytes": None, "path": None}, "it is missing (null)"),
        ("https://example.org/1.png", "it is a URL, not a file on this machine"),
        ("missing.png", "the file does not exist"),
        (3, "it is a int, not an image"),
        (
            np.full((2, 2), 2.0),
            "Expected pixels of type uint8, or numbers in [0, 1], but got float64 from 2 to 2; remove a "
            "normalisation, or scale them to [0, 1], or pass uint8 values from 0 to 255",
        ),
        (np.zeros(3), "Expected an image of shape (h, w), (h, w, c) or (c, h, w) with c = 1, 3 or 4 channels, but got (3,)"),
    ],
)
def test_cells_without_an_image(value: Any, problem: str) -> None:
    assert read_cell(value).problem == problem


def test_folders_are_not_image_files(tmp_path: Path) -> None:
    assert read_cell(tmp_path).problem == "it is not a regular file"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_in_memory_images_keep_their_values(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(36, dtype=np.uint16).reshape(6, 6)) if mode == "I;16" else colour_image(0).convert(mode)
    encoded = encode_image(image)
    assert encoded.problem is None
    (tmp_path / "x").write_bytes(encoded.content)
    stored = Image.open(tmp_path / "x")
    assert (
        np.asarray(stored.convert("RGBA") if mode == "LA" else stored)
        == np.asarray(image.convert("RGBA") if mode == "LA" else image)
    ).all()


def test_in_memory_images_are_rotated_upright_and_keep_transparency() -> None:
    image = colour_image(0)
    image.getexif()[0x0112] = 6
    rotated = decode_all(Listed([encode_image(image)]), resolution=6).image_sha256[0]
    assert rotated == hash_pixels(np.asarray(colour_image(0).transpose(Image.Transpose.ROTATE_270)))
    clear = Image.new("P", (6, 6))
    clear.info["transparency"] = 0
    assert decode_all(Listed([encode_image(clear)]), resolution=6).images.min() == 255


class Listed:
    def __init__(self, images: list[EncodedImage]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def read(self, indices: range) -> Any:
        return iter(self._images[indices.start : indices.stop])


def test_opened_image_is_read_from_its_file(tmp_path: Path) -> None:
    path = save_image(tmp_path, 0)
    opened = Image.open(path)
    encoded = encode_image(opened)
    assert (encoded.content, encoded.path, encoded.is_stored) == (Path(path).read_bytes(), path, True)
    assert opened.tile  # no pixels have been loaded
    opened.putpixel((0, 0), (1, 2, 3))
    assert not encode_image(opened).is_stored
    (tmp_path / "broken.png").write_bytes(Path(path).read_bytes()[:60])
    with (tmp_path / "broken.png").open("rb") as file:
        broken = Image.open(file)
        broken.filename = ""
        assert encode_image(broken).problem is not None
