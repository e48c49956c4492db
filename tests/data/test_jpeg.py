from __future__ import annotations

import io
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from curv_issues.data import image, jpeg
from curv_issues.data.image import UnreadableImageError, decode_values
from curv_issues.data.jpeg import decode_jpeg
from tests.data.images import encode

SIZES = ((64, 48), (17, 33), (7, 5), (1, 40))
STORED = ({}, {"progressive": True}, {"restart_marker_blocks": 2})
KINDS = [
    *product(("RGB", "L"), SIZES, (0, 1, 2), STORED),
    *product(("RGB", "L"), ((33, 17),), (0, 2), ({"quality": 5}, {"quality": 100})),
    ("RGB", (33, 17), 0, {"keep_rgb": True}),
]


def photo(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    coarse = np.random.default_rng(size[0]).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def fast(encoded: bytes) -> np.ndarray | None:
    return decode_jpeg(encoded, Image.open(io.BytesIO(encoded)))


def with_pillow(encoded: bytes) -> np.ndarray | str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(image, "decode_jpeg", lambda encoded, image: None)
        return pixels_or_reason(encoded)


def pixels_or_reason(encoded: bytes) -> np.ndarray | str:
    try:
        return decode_values(encoded)
    except UnreadableImageError as error:
        return str(error)


@pytest.mark.parametrize(("mode", "size", "subsampling", "options"), KINDS)
def test_pixels_equal_those_of_pillow(mode, size, subsampling, options):
    encoded = encode(photo(size, mode), "JPEG", subsampling=subsampling, **options)
    pixels = fast(encoded)
    assert pixels is not None
    assert np.array_equal(pixels, with_pillow(encoded))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_images_equal_those_of_pillow(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    encoded = encode(photo((40, 30)), "JPEG", exif=exif)
    assert fast(encoded) is not None
    assert np.array_equal(decode_values(encoded), with_pillow(encoded))


def test_other_files_are_left_to_pillow():
    whole = encode(photo((64, 48)), "JPEG")
    for encoded in (encode(photo((64, 48), "CMYK"), "JPEG"), whole[: len(whole) * 2 // 3], encode(photo((64, 48)))):
        assert fast(encoded) is None
    several = encode(photo((64, 48)), "MPO", save_all=True, append_images=[photo((32, 24))])
    assert np.array_equal(fast(several), with_pillow(several))


def test_fast_decoder_needs_the_same_library_as_pillow(monkeypatch):
    monkeypatch.setattr(jpeg, "_same_library", lambda: False)
    assert fast(encode(photo((8, 8)), "JPEG")) is None


@given(st.data())
def test_damaged_files_give_the_same_result_as_pillow(data):
    options = data.draw(st.sampled_from([{}, {"progressive": True}, {"subsampling": 0}]))
    content = bytearray(encode(photo((60, 50), data.draw(st.sampled_from(["RGB", "L"]))), "JPEG", **options))
    for place in data.draw(st.lists(st.integers(2, len(content) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    encoded = bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    one, other = pixels_or_reason(encoded), with_pillow(encoded)
    assert one == other if isinstance(one, str) else np.array_equal(one, other)
