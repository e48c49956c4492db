from __future__ import annotations

import contextlib
import struct
import sys
import zlib
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from curv_issues.data import image
from curv_issues.data.image import UnreadableImageError, decode_image, decode_values, read_size
from curv_issues.data.value_range import ValueRanges
from tests.data.images import colour_image, encode, png_of_16_bits

COLOUR = colour_image(1, height=4, width=7)


def decode(image: Image.Image, file_format: str = "PNG", **options) -> np.ndarray:
    decoded = decode_image(encode(image, file_format, **options))
    assert decoded.mode == "RGB"
    return np.asarray(decoded)


def grey(values, dtype=np.uint8) -> Image.Image:
    return Image.fromarray(np.array(values, dtype=dtype))


def as_grey(pixels: np.ndarray) -> list[list[int]]:
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0].tolist()


@pytest.mark.parametrize(
    ("file_format", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("PPM", {})]
)
def test_colour_is_kept_exactly(file_format, options):
    assert np.array_equal(decode(COLOUR, file_format, **options), np.asarray(COLOUR))


def test_grey():
    assert as_grey(decode(grey([[0, 100, 255]]))) == [[0, 100, 255]]


def test_one_bit():
    assert as_grey(decode(grey([[0, 255]]).convert("1"))) == [[0, 255]]


def test_one_pixel():
    assert decode(Image.new("RGB", (1, 1), (1, 2, 3))).tolist() == [[[1, 2, 3]]]


def test_rgba_is_composed_on_white():
    pixels = np.array([[[200, 0, 100, 255], [200, 0, 100, 0], [200, 0, 100, 51]]], dtype=np.uint8)
    # One fifth of the colour on four fifths of white.
    assert decode(Image.fromarray(pixels)).tolist() == [[[200, 0, 100], [255, 255, 255], [244, 204, 224]]]


def test_grey_with_alpha_is_composed_on_white():
    pixels = np.array([[[10, 255], [10, 0]]], dtype=np.uint8)
    assert as_grey(decode(Image.fromarray(pixels, "LA"))) == [[10, 255]]


def test_palette():
    image = grey([[0, 1]]).convert("P")
    image.putpalette([9, 8, 7, 200, 100, 50])
    assert decode(image).tolist() == [[[9, 8, 7], [200, 100, 50]]]


def test_palette_with_transparency_is_composed_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([9, 8, 7, 200, 100, 50])
    image.putdata([0, 1])
    assert decode(image, transparency=1).tolist() == [[[9, 8, 7], [255, 255, 255]]]


def test_a_transparent_colour_becomes_white():
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8))
    assert decode(image, transparency=(4, 5, 6)).tolist() == [[[1, 2, 3], [255, 255, 255]]]


def test_cmyk():
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    pixels[..., 0] = 255  # cyan
    assert decode(Image.fromarray(pixels, "CMYK"), "TIFF")[0, 0].tolist() == [0, 255, 255]
    red, green, blue = decode(Image.fromarray(pixels, "CMYK"), "JPEG", quality=100)[0, 0].tolist()
    assert red < 5
    assert min(green, blue) > 250


@pytest.mark.parametrize(("file_format", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B")])
def test_16_bit_grey_is_divided_by_257(file_format, mode):
    values = np.array([[0, 257, 128 * 257, 65535, 300]], dtype=">u2" if mode.endswith("B") else "<u2")
    image = Image.frombytes(mode, (5, 1), values.tobytes())
    assert as_grey(decode(image, file_format)) == [[0, 1, 128, 255, 1]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([[0, 7, 255]], [[0, 7, 255]]), ([[0, 257, 65535]], [[0, 1, 255]]), ([[-100, 0, 155, 100_000]], [[0, 0, 1, 255]])],
)
def test_32_bit_grey_is_read_by_its_range(values, expected):
    assert as_grey(decode(grey(values, np.int32), "TIFF")) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5, 1.0]], [[0, 128, 255]]),
        ([[0.0, 7.4, 255.0]], [[0, 7, 255]]),
        ([[-1.0, 0.0, 1.0]], [[0, 128, 255]]),
        ([[np.nan, 1.0, np.inf, -np.inf]], [[0, 255, 255, 0]]),
    ],
)
def test_float_grey_is_read_by_its_range(values, expected):
    assert as_grey(decode(grey(values, np.float32), "TIFF")) == expected


def tiff_of_16_bits(values: np.ndarray, order: str) -> bytes:
    """A colour TIFF with 16 bits per channel."""
    height, width, channels = values.shape
    start, tags = 8, 10
    bits = start + 2 + 12 * tags + 4
    pixels = bits + 2 * channels
    short, long = 3, 4
    size = ((256, long, 1, width), (257, long, 1, height), (258, short, channels, bits))
    kind = ((259, long, 1, 1), (262, long, 1, 2))
    place = ((273, long, 1, pixels), (277, long, 1, channels), (278, long, 1, height), (279, long, 1, values.size * 2))
    fields = [*size, *kind, *place, (284, long, 1, 1)]
    entries = b"".join(struct.pack(order + "HHII", *field) for field in fields)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", start, tags)
    return header + entries + struct.pack(order + "I" + channels * "H", 0, *channels * [16]) + values.astype(order + "u2").tobytes()


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_png_with_several_channels_of_16_bits(colour_type, channels):
    values = np.random.default_rng(1).integers(0, 65536, (5, 7, channels)).astype(np.uint16)
    assert np.array_equal(decode_values(png_of_16_bits(values, colour_type)), values)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_with_several_channels_of_16_bits(order):
    values = np.random.default_rng(1).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    assert np.array_equal(decode_values(tiff_of_16_bits(values, order)), values)


def test_16_bit_channels_become_rgb_on_white():
    colour = np.array([[[0, 2048, 4095]]], np.uint16)
    assert np.asarray(decode_image(png_of_16_bits(colour, 2))).tolist() == [[[0, 128, 255]]]
    grey = np.array([[[1000, 65535], [4095, 0], [0, 13107]]], np.uint16)  # opaque, transparent, one fifth
    assert as_grey(np.asarray(decode_image(png_of_16_bits(grey, 4)))) == [[62, 255, 204]]


def test_original_values_do_not_depend_on_the_file_type():
    values = np.array([[0, 300, 65535]])
    files = [encode(grey(values, dtype), "TIFF") for dtype in (np.uint16, np.int32)] + [encode(grey(values, np.uint16))]
    for content in files:
        assert decode_values(content).dtype == np.uint16
        assert decode_values(content)[..., 0].tolist() == values.tolist()


def test_dataset_range_is_used():
    dark = encode(grey([[0, 128, 255]], np.uint16))
    assert as_grey(np.asarray(decode_image(dark))) == [[0, 128, 255]]
    assert as_grey(np.asarray(decode_image(dark, value_ranges=ValueRanges(integers=(0, 1023))))) == [[0, 32, 64]]


@pytest.mark.parametrize("mode", ["P", "L", "RGBA", "CMYK", "1"])
def test_large_images_are_converted_in_strips(monkeypatch, mode):
    content = encode(colour_image(2, height=50, width=30).convert(mode), "TIFF")
    whole = decode_values(content)
    monkeypatch.setattr(image, "_STRIP_PIXELS", 200)
    assert np.array_equal(decode_values(content), whole)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(file_format, orientation):
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :16] = 255  # the upper left quarter is white
    to_stored = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),  # a viewer rotates it clockwise
        7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(to_stored[orientation](upright)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = decode(stored, file_format, exif=exif, **({"lossless": True} if file_format == "WEBP" else {}))
    assert pixels.shape == (16, 32, 3)
    assert pixels[4, 8].min() > 250
    assert max(pixels[4, 24].max(), pixels[12, 8].max(), pixels[12, 24].max()) < 5


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_damaged_exif_is_ignored(exif):
    assert decode(COLOUR, "JPEG", exif=exif).shape == (4, 7, 3)


@pytest.mark.parametrize(("file_format", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})])
def test_first_frame_of_an_animation_is_used(file_format, options):
    frames = [Image.new("RGB", (5, 3), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    pixels = decode(frames[0], file_format, save_all=True, append_images=frames[1:], duration=10, **options)
    assert pixels.tolist() == [[[255, 0, 0]] * 5] * 3


def reason(content: bytes) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decode_image(content)
    text = str(caught.value)
    assert "\n" not in text
    assert 0 < len(text) <= 120
    return text


def test_empty_file():
    assert reason(b"") == "it is empty (0 bytes)"


def test_file_that_is_not_an_image():
    assert reason(b"hello, world") == "its format is not a known image format"


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_truncated_files(file_format):
    whole = encode(colour_image(3, height=64, width=64), file_format)
    for fraction in (0.3, 0.6, 0.9):
        reason(whole[: int(len(whole) * fraction)])


def test_reason_of_a_truncated_file():
    whole = encode(colour_image(3, height=64, width=64), "JPEG")
    assert "truncated" in reason(whole[: len(whole) // 2])


def test_decompression_bomb():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    assert reason(bomb) == "it has 100,000 x 100,000 pixels; the limit is 64,000,000 (--max-pixels, max_pixels)"


def test_pixel_limit_is_checked_from_the_header():
    encoded = encode(colour_image(1, height=30, width=40))
    assert decode_values(encoded, max_pixels=1200).shape == (30, 40, 3)
    for content in (encoded, encoded[:100]):
        with pytest.raises(UnreadableImageError, match=r"^it has 40 x 30 pixels; the limit is 1,199 \(--max-pixels"):
            decode_values(content, max_pixels=1199)


def test_pillow_limit_is_ignored_and_unchanged(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    encoded = encode(colour_image(1, height=30, width=40))
    assert decode_image(encoded).size == (40, 30)
    assert read_size(encoded) == (30, 40)
    assert Image.MAX_IMAGE_PIXELS == 10  # other users of Pillow keep it
    reason(b"no image")
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("Decoding of color planes failed"), "Decoding of color planes failed"),
        (MemoryError(), "it does not fit in memory"),
        (KeyError(), "KeyError"),
        (type("AnyError", (Exception,), {})("line\none " + 200 * "x"), "line one " + 108 * "x" + "..."),
    ],
)
def test_any_decoder_error_is_the_reason(monkeypatch, error, expected):
    def fail(self):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    assert reason(encode(COLOUR)) == expected


def test_default_pixel_limit_is_an_eighth_of_the_memory(monkeypatch):
    for memory, expected in ((None, 64_000_000), (64e9, 64_000_000), (2e9, 31_250_000)):
        monkeypatch.setattr(image, "total_memory", lambda memory=memory: memory and int(memory))
        assert image.default_max_pixels.__wrapped__() == expected


@pytest.mark.parametrize("tag", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_thumbnail_of_a_camera_raw_file_is_not_read(tag):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info.update(tag)
    assert "camera raw" in reason(encode(COLOUR, "TIFF", tiffinfo=info))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "it is a Git LFS pointer"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\x89PNG\r\n\x1a\nrest", "its header is corrupt or of an unsupported kind"),
        (b"8BPS\0\1" + b"\0" * 60, "Photoshop"),
    ],
)
def test_files_that_resemble_images(content, expected):
    assert reason(content).startswith(expected)


def test_heic_is_read_with_its_library(monkeypatch):
    class Library(ModuleType):
        @staticmethod
        def register_heif_opener():
            Image.register_open("HEIF", PngImagePlugin.PngImageFile, lambda prefix: prefix.startswith(b"\x89PNG"))

    monkeypatch.setattr(image, "can_read_heif", lambda: True)
    monkeypatch.setitem(sys.modules, "pillow_heif", Library("pillow_heif"))
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    assert "HEIF" in image._formats.__wrapped__()


def test_postscript_is_not_run():
    assert reason(encode(COLOUR, "EPS")) == "its format is not a known image format"


def test_sizes_are_read_from_the_header():
    whole = encode(colour_image(3, height=30, width=40))
    assert read_size(whole) == (30, 40)
    assert read_size(whole[:60]) == (30, 40)
    with pytest.raises(UnreadableImageError):
        read_size(b"")


@given(st.data())
def test_damaged_files_are_images_or_unreadable(data):
    whole = bytearray(encode(COLOUR, data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]))))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=5)):
        whole[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableImageError):
        assert decode_image(bytes(whole)).mode == "RGB"
