from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from curv_issues.data import decoding, pixel_storage
from curv_issues.data.base import hash_pixels
from curv_issues.data.decoding import EncodedImage, choose_resolution, choose_workers, decode_all, sample_sizes
from curv_issues.data.value_range import ValueRanges
from curv_issues.errors import AuditError
from tests.data.images import colour_image, encode, png_of_16_bits, pngs


class Stored:
    """Images in a list; counts the reads."""

    def __init__(self, contents: Sequence[bytes | EncodedImage]) -> None:
        self.images = [item if isinstance(item, EncodedImage) else EncodedImage(item) for item in contents]
        self.num_read = 0

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: range) -> Iterator[EncodedImage]:
        for index in indices:
            self.num_read += 1
            yield self.images[index]


def test_pixels_sizes_and_both_hashes():
    originals = [colour_image(value, height=8 + value, width=8) for value in range(3)]
    contents = [encode(image) for image in originals]
    decoded = decode_all(Stored(contents), resolution=8)
    assert decoded.images.shape == (3, 8, 8, 3)
    assert decoded.images.dtype == np.uint8
    assert np.array_equal(decoded.images[0], np.asarray(originals[0]))  # already 8 x 8: unchanged
    assert decoded.sizes.tolist() == [[8, 8], [9, 8], [10, 8]]
    assert decoded.sizes.dtype == np.int32
    assert decoded.image_sha256.tolist() == [hash_pixels(np.asarray(image)) for image in originals]
    assert decoded.file_sha256.tolist() == [hashlib.sha256(content).hexdigest() for content in contents]
    assert decoded.paths.tolist() == [None] * 3
    assert decoded.unreadable == {}


def test_order_is_kept_with_many_workers():
    contents = pngs(301)
    decoded = decode_all(Stored(contents), resolution=6, workers=7)
    for index in range(301):
        assert np.array_equal(decoded.images[index], np.asarray(colour_image(index)))
    one = decode_all(Stored(contents), resolution=6, workers=1)
    assert np.array_equal(one.images, decoded.images)
    assert one.image_sha256.tolist() == decoded.image_sha256.tolist()


@pytest.mark.parametrize("size", [(64, 64), (200, 17), (1, 1), (1, 300), (5, 3)])
def test_resizing_is_antialiased_and_squashes(size):
    # A fine checkerboard: without antialiasing some pixels would stay black or white.
    height, width = size
    board = (np.indices(size).sum(axis=0) % 2 * 255).astype(np.uint8)
    decoded = decode_all(Stored([encode(Image.fromarray(board)), encode(colour_image(0))]), resolution=16)
    assert decoded.images.shape == (2, 16, 16, 3)
    assert decoded.sizes[0].tolist() == [height, width]
    if size == (64, 64):
        assert np.abs(decoded.images[0].astype(int) - 127).max() <= 2


def test_resizing_keeps_positions():
    image = np.zeros((40, 90, 3), dtype=np.uint8)
    image[:20, :45, 0] = 255
    pixels = decode_all(Stored([encode(Image.fromarray(image))]), resolution=10).images[0]
    assert (pixels[:4, :4] == [255, 0, 0]).all()
    assert (pixels[6:] == 0).all()
    assert (pixels[:, 6:] == 0).all()


def test_only_grey_images_have_one_channel():
    greys = [encode(Image.new(mode, (9, 9), colour)) for mode, colour in (("L", 7), ("RGB", (8, 8, 8)), ("RGBA", (9, 9, 9, 255)))]
    decoded = decode_all(Stored(greys), resolution=9)
    assert decoded.images.shape == (3, 9, 9, 1)
    assert decoded.images[:, 0, 0, 0].tolist() == [7, 8, 9]
    # The hash is of RGB pixels at native size, whatever is kept.
    assert decoded.image_sha256[0] == hash_pixels(np.full((9, 9, 3), 7, dtype=np.uint8))
    mixed = decode_all(Stored([*greys, encode(Image.new("RGB", (9, 9), (8, 8, 9)))]), resolution=9)
    assert mixed.images.shape == (4, 9, 9, 3)


def test_unreadable_images_are_collected_not_raised():
    good = pngs(40)
    contents: list[bytes | EncodedImage] = list(good)
    contents[3] = b""
    contents[17] = good[17][:50]
    contents[39] = EncodedImage(b"", "cat/39.png", "the file does not exist")
    decoded = decode_all(Stored(contents), resolution=6)
    assert list(decoded.unreadable) == [3, 17, 39]
    assert decoded.unreadable[3] == "it is empty (0 bytes)"
    assert decoded.unreadable[39] == "the file does not exist"
    assert decoded.paths[39] == "cat/39.png"
    for index in (3, 17, 39):
        assert not decoded.images[index].any()
        assert decoded.image_sha256[index] == ""
        assert decoded.sizes[index].tolist() == [0, 0]
    assert decoded.file_sha256[3] == decoded.file_sha256[39] == ""
    assert decoded.file_sha256[17] == hashlib.sha256(good[17][:50]).hexdigest()
    assert np.array_equal(decoded.images[38], np.asarray(colour_image(38)))


def grey_png(values, dtype=np.uint16) -> bytes:
    return encode(Image.fromarray(np.array(values, dtype=dtype)))


def test_16_bit_images_with_small_values_remain_distinct():
    contents = [grey_png(np.full((8, 8), value)) for value in range(200)]
    decoded = decode_all(Stored(contents), resolution=8, workers=3)
    assert decoded.images[:, 0, 0, 0].tolist() == list(range(200))
    assert len(set(decoded.image_sha256)) == 200
    assert decoded.value_ranges == ValueRanges(integers=(0, 255))
    assert decoded.num_deep == 200


@pytest.mark.parametrize("brightest_at", [0, 57, 99])
def test_all_images_share_one_range(brightest_at):
    values = np.repeat(np.arange(100)[:, None, None], 8, axis=1).repeat(8, axis=2) * 10
    values[brightest_at] = 4000
    stored = Stored([grey_png(value) for value in values])
    decoded = decode_all(stored, resolution=8, workers=2)
    expected = np.rint(values / 4095 * 255)
    assert np.array_equal(decoded.images[..., 0], expected)
    assert decoded.value_ranges == ValueRanges(integers=(0, 4095))
    assert stored.num_read <= 200  # each image is read at most twice
    assert decoded.unreadable == {}


def test_hashes_do_not_depend_on_the_range():
    contents = [grey_png([[value] * 4] * 4) for value in (1000, 1001)]
    narrow, wide = (decode_all(Stored(contents), resolution=4, value_range=(0, high)) for high in (1023, 65535))
    assert narrow.image_sha256.tolist() == wide.image_sha256.tolist()
    assert len(set(wide.image_sha256)) == 2
    assert wide.images[0, 0, 0, 0] == wide.images[1, 0, 0, 0] == 4


def test_range_does_not_change_8_bit_images():
    plain, floats = encode(Image.new("L", (4, 4), 200)), Image.fromarray(np.full((4, 4), 0.5, np.float32))
    decoded = decode_all(Stored([plain, grey_png([[2047] * 4] * 4), encode(floats, "TIFF")]), resolution=4)
    assert decoded.images[:, 0, 0, 0].tolist() == [200, round(2047 / 4095 * 255), 128]
    assert decoded.value_ranges == ValueRanges((0, 4095), (0, 1))
    assert decoded.num_deep == 2
    assert "2 images have more than 8 bits per channel: values from 0 to 4095 (12 bits) and 0 to 1 (floats)" in decoded.value_note
    assert decode_all(Stored([plain]), resolution=4).value_note is None


def test_colour_that_only_shows_in_the_dataset_range():
    nearly_grey = np.full((1, 1, 3), 1000, np.uint16) + np.array([0, 0, 20], np.uint16)
    contents = [png_of_16_bits(np.array([[[0, 0, 65535]]], np.uint16), 2), png_of_16_bits(nearly_grey, 2)]
    decoded = decode_all(Stored(contents), resolution=1, value_range=(900, 1100))
    assert decoded.images.shape == (2, 1, 1, 3)
    alone = decode_all(Stored(contents[1:]), resolution=1)
    assert alone.images.shape == (1, 1, 1, 3)


def test_file_that_changes_between_two_reads():
    class Changing(Stored):
        def read(self, indices: range) -> Iterator[EncodedImage]:
            for encoded in super().read(indices):
                yield EncodedImage(b"") if self.num_read > 2 else encoded

    decoded = decode_all(Changing([grey_png([[7, 7], [7, 7]]), grey_png([[999, 999], [999, 999]])]), resolution=2, workers=1)
    assert decoded.unreadable == {0: "it is empty (0 bytes)"}
    assert not decoded.images[0].any()
    assert decoded.image_sha256[0] == ""
    assert decoded.sizes.tolist() == [[0, 0], [2, 2]]
    assert decoded.num_deep == 1


def test_images_with_too_many_pixels_are_unreadable():
    contents = [encode(Image.new("L", size)) for size in ((10, 10), (11, 10))]
    decoded = decode_all(Stored(contents), resolution=8, max_pixels=100)
    assert decoded.unreadable == {1: "it has 11 x 10 pixels; the limit is 100 (--max-pixels, max_pixels)"}


def test_number_of_pixels_decoded_at_once_is_limited(monkeypatch):
    now, most = [], []

    def decode(encoded: bytes, *, max_pixels, reserve) -> np.ndarray:
        side = len(encoded)
        reserve(side * side)
        now.append(side * side)
        most.append((sum(now), len(now)))
        time.sleep(0.001)  # lets the other threads run
        now.remove(side * side)
        return np.zeros((side, side, 3), np.uint8)

    monkeypatch.setattr(decoding, "decode_values", decode)
    monkeypatch.setattr(decoding, "default_max_pixels", lambda: 100)
    sides = [7, 7, 20, 1, 10, 5] * 100  # 20 x 20 exceeds the limit: decoded alone
    decode_all(Stored([b"x" * side for side in sides]), resolution=1, workers=6)
    assert len(most) == len(sides)
    assert all(pixels <= 100 or count == 1 for pixels, count in most)
    assert max(count for _, count in most) > 1


def test_pillow_warnings_are_suppressed(recwarn):
    contents = [encode(colour_image(1), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")]
    assert decode_all(Stored(contents), resolution=8).unreadable == {}
    assert not list(recwarn)


def test_paths_are_passed_on():
    contents = [EncodedImage(content, f"{index}.png") for index, content in enumerate(pngs(3))]
    assert decode_all(Stored(contents), resolution=8).paths.tolist() == ["0.png", "1.png", "2.png"]


def test_no_images():
    decoded = decode_all(Stored([]), resolution=8)
    assert decoded.images.shape == (0, 8, 8, 3)
    assert decoded.unreadable == {}


def test_progress_is_reported_in_the_calling_thread():
    seen: list[tuple[int, int, str]] = []
    decode_all(
        Stored(pngs(100)),
        resolution=6,
        progress=lambda done, total: seen.append((done, total, threading.current_thread().name)),
    )
    assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})
    assert seen[-1][:2] == (100, 100)
    assert {(total, thread) for _, total, thread in seen} == {(100, threading.current_thread().name)}


def test_ctrl_c_stops_decoding():
    images = Stored(pngs(20) * 200)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_all(images, resolution=6, workers=2, progress=interrupt)
    assert images.num_read < 2000  # of 4,000: images not begun are never read
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_reader_errors_are_raised():
    class Broken(Stored):
        def read(self, indices: range) -> Iterator[EncodedImage]:
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        decode_all(Broken(pngs(2)), resolution=6)


@pytest.mark.parametrize("grey", [False, True])
def test_large_datasets_are_stored_in_an_unnamed_file(monkeypatch, tmp_path, grey):
    monkeypatch.setattr(pixel_storage, "_MEMORY_LIMIT", 100)
    monkeypatch.setattr(pixel_storage.tempfile, "tempdir", str(tmp_path))
    contents = [encode(Image.new("L", (6, 6), value)) for value in range(50)] if grey else pngs(50)
    decoded = decode_all(Stored(contents), resolution=6)
    assert isinstance(decoded.images, np.memmap)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    in_memory = decode_all(Stored(contents), resolution=6).images
    assert not isinstance(in_memory, np.memmap)
    assert np.array_equal(decoded.images, in_memory)
    assert decoded.images.shape == (50, 6, 6, 1 if grey else 3)


def test_no_disk_space_for_a_large_dataset(monkeypatch, tmp_path):
    def refuse(file: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixel_storage, "_MEMORY_LIMIT", 100)
    monkeypatch.setattr(pixel_storage.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(pixel_storage.os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(AuditError) as caught:
        decode_all(Stored(pngs(2)), resolution=6)
    assert str(caught.value) == (
        f"The data need 0.0 GB in {tmp_path}, which has too little space (No space left on device); "
        "free space there, set TMPDIR to another folder, or use --max-samples."
    )


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 3, 32),
        ([(40, 500)] * 3, 32),
        ([(500, 41)] * 3, 48),
        ([(32, 32), (32, 32), (600, 400)], 32),
        ([(32, 32), (300, 300), (600, 400)], 48),
        ([], 32),
    ],
)
def test_resolution_follows_the_median_shorter_side(sizes, expected):
    assert choose_resolution(sizes) == expected


def test_sizes_are_sampled_evenly_from_readable_images():
    contents = [encode(Image.new("L", (1 + index, 2))) for index in range(50)]
    contents[10] = b"nothing"
    assert sample_sizes(Stored(contents)) == [(2, 1 + index) for index in range(50) if index != 10]
    many = Stored(contents * 20)
    assert len(sample_sizes(many)) <= 256
    assert many.num_read == 250
    assert sample_sizes(Stored([])) == []


def test_thumbnails_are_decoded_by_one_thread():
    assert choose_workers([(32, 32)] * 3) == choose_workers([(96, 96), (90, 100), (2000, 3000)]) == 1
    assert choose_workers([(97, 97)]) is choose_workers([(32, 32), (500, 400), (500, 400)]) is choose_workers([]) is None
