from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from curv_issues.data import decoding
from curv_issues.data.base import hash_pixels
from curv_issues.data.decoding import EncodedPicture, choose_resolution, decode_all, sample_sizes
from curv_issues.errors import AuditError
from tests.data.pictures import colour_picture, encode, pngs


class Stored:
    """Pictures in a list; counts what was read."""

    def __init__(self, contents: Sequence[bytes | EncodedPicture]) -> None:
        self.pictures = [item if isinstance(item, EncodedPicture) else EncodedPicture(item) for item in contents]
        self.num_read = 0

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, indices: range) -> Iterator[EncodedPicture]:
        for index in indices:
            self.num_read += 1
            yield self.pictures[index]


def test_pixels_sizes_and_both_hashes():
    originals = [colour_picture(value, height=8 + value, width=8) for value in range(3)]
    contents = [encode(picture) for picture in originals]
    decoded = decode_all(Stored(contents), resolution=8)
    assert decoded.images.shape == (3, 8, 8, 3)
    assert decoded.images.dtype == np.uint8
    assert np.array_equal(decoded.images[0], np.asarray(originals[0]))  # Already 8 x 8: as it is.
    assert decoded.sizes.tolist() == [[8, 8], [9, 8], [10, 8]]
    assert decoded.sizes.dtype == np.int32
    assert decoded.image_sha256.tolist() == [hash_pixels(np.asarray(picture)) for picture in originals]
    assert decoded.file_sha256.tolist() == [hashlib.sha256(content).hexdigest() for content in contents]
    assert decoded.paths.tolist() == [None] * 3
    assert decoded.unreadable == {}


def test_each_picture_is_in_its_place_with_many_workers():
    contents = pngs(301)
    decoded = decode_all(Stored(contents), resolution=6, workers=7)
    for index in range(301):
        assert np.array_equal(decoded.images[index], np.asarray(colour_picture(index)))
    one = decode_all(Stored(contents), resolution=6, workers=1)
    assert np.array_equal(one.images, decoded.images)
    assert one.image_sha256.tolist() == decoded.image_sha256.tolist()


@pytest.mark.parametrize("size", [(64, 64), (200, 17), (1, 1), (1, 300), (5, 3)])
def test_resizing_is_antialiased_and_squashes(size):
    # A fine checkerboard: without antialiasing some pixels would stay black or white.
    height, width = size
    board = (np.indices(size).sum(axis=0) % 2 * 255).astype(np.uint8)
    decoded = decode_all(Stored([encode(Image.fromarray(board)), encode(colour_picture(0))]), resolution=16)
    assert decoded.images.shape == (2, 16, 16, 3)
    assert decoded.sizes[0].tolist() == [height, width]
    if size == (64, 64):
        assert np.abs(decoded.images[0].astype(int) - 127).max() <= 2


def test_resizing_keeps_places():
    picture = np.zeros((40, 90, 3), dtype=np.uint8)
    picture[:20, :45, 0] = 255
    pixels = decode_all(Stored([encode(Image.fromarray(picture))]), resolution=10).images[0]
    assert (pixels[:4, :4] == [255, 0, 0]).all()
    assert (pixels[6:] == 0).all()
    assert (pixels[:, 6:] == 0).all()


def test_only_grey_pictures_have_one_channel():
    greys = [encode(Image.new(mode, (9, 9), colour)) for mode, colour in (("L", 7), ("RGB", (8, 8, 8)), ("RGBA", (9, 9, 9, 255)))]
    decoded = decode_all(Stored(greys), resolution=9)
    assert decoded.images.shape == (3, 9, 9, 1)
    assert decoded.images[:, 0, 0, 0].tolist() == [7, 8, 9]
    # The hash is of RGB pixels at native size, whatever is kept.
    assert decoded.image_sha256[0] == hash_pixels(np.full((9, 9, 3), 7, dtype=np.uint8))
    mixed = decode_all(Stored([*greys, encode(Image.new("RGB", (9, 9), (8, 8, 9)))]), resolution=9)
    assert mixed.images.shape == (4, 9, 9, 3)


def test_unreadable_pictures_are_collected_not_raised():
    good = pngs(40)
    contents: list[bytes | EncodedPicture] = list(good)
    contents[3] = b""
    contents[17] = good[17][:50]
    contents[39] = EncodedPicture(b"", "cat/39.png", "the file does not exist")
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
    assert np.array_equal(decoded.images[38], np.asarray(colour_picture(38)))


def test_paths_are_handed_on():
    contents = [EncodedPicture(content, f"{index}.png") for index, content in enumerate(pngs(3))]
    assert decode_all(Stored(contents), resolution=8).paths.tolist() == ["0.png", "1.png", "2.png"]


def test_no_pictures():
    decoded = decode_all(Stored([]), resolution=8)
    assert decoded.images.shape == (0, 8, 8, 3)
    assert decoded.unreadable == {}


def test_progress_counts_up_to_all_in_the_calling_thread():
    seen: list[tuple[int, int, str]] = []
    decode_all(
        Stored(pngs(100)),
        resolution=6,
        progress=lambda done, total: seen.append((done, total, threading.current_thread().name)),
    )
    assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})
    assert seen[-1][:2] == (100, 100)
    assert {(total, thread) for _, total, thread in seen} == {(100, threading.current_thread().name)}


def test_ctrl_c_stops_the_pass():
    pictures = Stored(pngs(20) * 200)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_all(pictures, resolution=6, workers=2, progress=interrupt)
    assert pictures.num_read < 2000  # Of 4,000: what was not begun is never read.
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_errors_of_a_reader_are_not_swallowed():
    class Broken(Stored):
        def read(self, indices: range) -> Iterator[EncodedPicture]:
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        decode_all(Broken(pngs(2)), resolution=6)


@pytest.mark.parametrize("grey", [False, True])
def test_large_sets_lie_in_a_nameless_file(monkeypatch, tmp_path, grey):
    monkeypatch.setattr(decoding, "_MEMORY_LIMIT", 100)
    monkeypatch.setattr(decoding.tempfile, "tempdir", str(tmp_path))
    contents = [encode(Image.new("L", (6, 6), value)) for value in range(50)] if grey else pngs(50)
    decoded = decode_all(Stored(contents), resolution=6)
    assert isinstance(decoded.images, np.memmap)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    in_memory = decode_all(Stored(contents), resolution=6).images
    assert not isinstance(in_memory, np.memmap)
    assert np.array_equal(decoded.images, in_memory)
    assert decoded.images.shape == (50, 6, 6, 1 if grey else 3)


def test_no_space_for_a_large_set(monkeypatch, tmp_path):
    def refuse(file: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoding, "_MEMORY_LIMIT", 100)
    monkeypatch.setattr(decoding.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(decoding.os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(AuditError) as caught:
        decode_all(Stored(pngs(2)), resolution=6)
    assert str(caught.value) == (
        f"The decoded pictures need 0.0 GB in {tmp_path}, which cannot hold them (No space left on device); "
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
def test_resolution_follows_the_median_of_the_shorter_side(sizes, expected):
    assert choose_resolution(sizes) == expected


def test_sizes_are_sampled_evenly_and_unreadable_pictures_left_out():
    contents = [encode(Image.new("L", (1 + index, 2))) for index in range(50)]
    contents[10] = b"nothing"
    assert sample_sizes(Stored(contents)) == [(2, 1 + index) for index in range(50) if index != 10]
    many = Stored(contents * 20)
    assert len(sample_sizes(many)) <= 256
    assert many.num_read == 250
    assert sample_sizes(Stored([])) == []
