from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from PIL import Image

from curv_issues.data import image_types
from curv_issues.data.image import decode_values
from curv_issues.data.image_types import FORMATS, IMAGE_ENDINGS, look_at_file
from tests.data.images import colour_image, encode

HEIC = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf" + b"\0" * 40
NEF = b"II*\0\x08\0\0\0" + b"\0" * 56


@pytest.fixture(params=[False, True])
def heif(request, monkeypatch) -> bool:
    monkeypatch.setattr(image_types, "can_read_heif", lambda: request.param)
    return request.param


def is_image(path: str | Path) -> bool:
    return look_at_file(path)[0]


def unsupported(path: str | Path) -> str | None:
    return look_at_file(path)[1]


def write(folder: Path, content: bytes, name: str = "file") -> Path:
    place = folder / name
    place.write_bytes(content)
    return place


def test_extensions_are_lower_case_and_formats_known_to_pillow():
    Image.init()
    assert {".jpg", ".png", ".avif", ".tif", ".jp2"} <= IMAGE_ENDINGS
    assert not {".pdf", ".eps", ".wmf", ".mpg", ".h5", ".psd", ".svg", ".nef"} & IMAGE_ENDINGS
    assert all(ending.startswith(".") and ending == ending.lower() for ending in IMAGE_ENDINGS)
    assert set(FORMATS) - {"MPO"} <= set(Image.OPEN)  # MPO is opened as JPEG


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_images_are_recognised_by_their_first_bytes(tmp_path, file_format):
    place = write(tmp_path, encode(colour_image(1), file_format), "image.txt")
    assert is_image(place)
    assert unsupported(place) is None
    link = tmp_path / "link"
    link.symlink_to(place)
    assert is_image(link)


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [*(("RGB", name) for name in ("PPM", "QOI", "DDS", "SGI")), ("L", "PPM"), ("1", "PPM"), ("F", "PPM"), ("L", "SGI")],
)
def test_rarer_formats_are_recognised_without_extension(tmp_path, mode, file_format):
    content = encode(colour_image(1).convert(mode), file_format)
    assert is_image(write(tmp_path, content, "image"))
    assert look_at_file(tmp_path / "image") == (True, None)
    assert decode_values(content).shape[:2] == (6, 6)


@pytest.mark.parametrize("magic", [b"P1", b"P2", b"P5", b"P6"])
@pytest.mark.parametrize(
    "rest", [b"\n2 2\n255\n", b"\r\n2\n2\n255\n", b"\n# by a camera\n# of mine\n2 2\n255\n", b"\n#" + b"x" * 200]
)
def test_netpbm_headers(tmp_path, magic, rest):
    assert is_image(write(tmp_path, magic + rest, "image"))


@pytest.mark.parametrize("size", [12, 40, 124])
def test_every_kind_of_bmp_header(tmp_path, size):
    sides = struct.pack("<HH", 2, 2) if size == 12 else struct.pack("<ii", 2, 2)
    header = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + size) + struct.pack("<I", size) + sides + struct.pack("<HH", 1, 24)
    assert is_image(write(tmp_path, header + b"\0" * 110))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"BM", b"BMW is a maker of cars, and this is only a text about them, of more than 64 letters"),
        *(
            b"P1 of the plan",
            b"P1\nof the plan\n2 2\n",
            b"icon",
            b"\0" * 200,
            b"P5 2 2 255 abcd",
            b"hello, world",
            b"\xff\xd8",
            b"RIFF\0\0\0\0WAVE",
        ),
        *(b"\0\0\0\x18ftypisom\0\0\0\0mp42avc1", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0"),
    ],
)
def test_text_and_other_files_are_not_images(tmp_path, content):
    place = write(tmp_path, content, "file.dat")
    assert not is_image(place)
    assert unsupported(place) is None


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path / "pipe", tmp_path, tmp_path / "broken", tmp_path / "missing", "a\0b", "/dev/zero"):
        assert not is_image(place)
        assert unsupported(place) is None


def test_heic_is_an_image_if_it_can_be_read(tmp_path, heif):
    place = write(tmp_path, HEIC)
    assert is_image(place) is heif
    for what in (place, "a.HEIC", ".heif"):
        reason = unsupported(what)
        assert reason is None if heif else "curv-issues[heic]" in reason


@pytest.mark.parametrize("ending", [".cr2", ".NEF", ".arw", ".dng", ".orf", ".rw2"])
def test_camera_raw_is_not_read_as_its_thumbnail(tmp_path, ending):
    place = write(tmp_path, NEF, f"photo{ending}")
    assert not is_image(place)
    assert "camera raw" in unsupported(place)
    assert "camera raw" in unsupported(ending)


@pytest.mark.parametrize(
    ("content", "names", "expected"),
    [
        (b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 50, ["a.cr2"], "camera raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", ["a.cr3"], "camera raw"),
        (b"\xff\x0a\xfa\x1f", ["a.jxl", ".JXL"], "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", [], "JPEG XL"),
        (b"8BPS\0\x01", ["a.psd", "a.psb"], "Photoshop"),
        (b"icns\0\0\0\0", ["a.icns"], "ICNS is not supported; convert to PNG"),
        (b"Image type: RGB image\r\n", ["a.im"], "IM is not supported"),
        (b"P7\nWIDTH 2\nHEIGHT 2\n", ["a.pam"], "PAM is not supported"),
        (b"\0" * 128 + b"DICM" + b"\0" * 9, ["a.dcm", "a.DICOM"], "DICOM is not supported"),
        (b"\x76\x2f\x31\x01", ["a.exr"], "OpenEXR is not supported"),
        (b"#?RADIANCE\n", [], "Radiance HDR is not supported"),
        (b"\n<svg xmlns='http://www.w3.org/2000/svg'>", ["a.svg", "a.svgz"], "SVG"),
    ],
)
def test_unsupported_image_formats_have_a_reason(tmp_path, content, names, expected):
    place = write(tmp_path, content)
    assert not is_image(place)
    for what in (place, *names):
        assert unsupported(what).startswith(expected)


@pytest.mark.parametrize("name", ["a.jpg", ".png", "notes.txt", "README", ".hidden", ""])
def test_other_names_have_no_reason(name):
    assert unsupported(name) is None
