from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from curv_issues.data.arrays import from_arrays
from curv_issues.data.decoding import decode_all
from curv_issues.data.image_records import RecordImages, read_cell
from curv_issues.data.lossless import is_lossless
from tests.data.images import colour_image, encode
from tests.small import make_arrays

IMAGE = colour_image(3, height=20, width=24)


@pytest.mark.parametrize(
    ("file_format", "options", "lossless"),
    [
        ("PNG", {}, True),
        ("BMP", {}, True),
        ("PPM", {}, True),
        ("SGI", {}, True),
        ("TIFF", {}, True),
        ("TIFF", {"compression": "tiff_lzw"}, True),
        ("TIFF", {"compression": "jpeg"}, False),
        ("WEBP", {"lossless": True}, True),
        ("WEBP", {"lossless": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, True),
        ("WEBP", {"quality": 90}, False),
        ("JPEG", {"quality": 95}, False),
        ("GIF", {}, False),
    ],
)
def test_formats(file_format: str, options: dict[str, object], lossless: bool) -> None:
    encoded = encode(IMAGE, file_format, **options)
    with Image.open(io.BytesIO(encoded)) as image:
        assert image.format == file_format
        assert file_format != "TIFF" or image.info["compression"] == options.get("compression", "raw")
    assert is_lossless(encoded) is lossless


@pytest.mark.parametrize("lossless", [True, False])
def test_animated_webp(lossless: bool) -> None:
    buffer = io.BytesIO()
    frames = [colour_image(value, height=20, width=20) for value in range(3)]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=lossless)
    assert b"ANMF" in buffer.getvalue()
    assert is_lossless(buffer.getvalue()) is lossless


def test_formats_that_pillow_may_not_write() -> None:
    assert is_lossless(b"qoif" + bytes(20))
    assert not is_lossless(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20))  # JPEG 2000


@pytest.mark.parametrize("content", [b"", b"II*\0", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8X\xff\xff\xff\xff", b"\xff\xd8\xff"])
def test_damaged_files_are_not_lossless(content: bytes) -> None:
    assert not is_lossless(content)


def test_decoding_measures_the_files() -> None:
    png, jpeg = encode(IMAGE), encode(IMAGE, "JPEG")
    cells = [png, jpeg, IMAGE, b"", b"BMnothing"]
    decoded = decode_all(RecordImages(lambda row: read_cell(cells[row]), np.arange(5)), resolution=8)
    assert decoded.num_bytes.tolist() == [len(png), len(jpeg), 0, 0, 9]  # an image in memory is in no file
    assert decoded.is_lossless.tolist() == [True, False, False, False, True]
    assert (decoded.num_bytes.dtype, decoded.is_lossless.dtype) == (np.int64, bool)
    assert list(decoded.unreadable) == [3, 4]


def test_arrays_have_no_files() -> None:
    data = from_arrays(*make_arrays(6))
    assert (data.num_bytes.tolist(), data.is_lossless.tolist()) == ([0] * 6, [False] * 6)
