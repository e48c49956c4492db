from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import hash_pixels
from curv_issues.data.image import decode_image
from curv_issues.errors import DatasetError
from tests.data.images import encode

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 5, 6), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)


def test_grey_images():
    data = from_arrays(GREY, [3, 1, 3, 1], description="mine")
    assert data.images.shape == (4, 32, 32, 1)
    assert data.class_names == ("1", "3")
    assert data.labels.tolist() == [1, 0, 1, 0]
    assert data.rows.tolist() == [0, 1, 2, 3]
    assert data.sizes.tolist() == [[5, 6]] * 4
    assert data.splits.tolist() == data.paths.tolist() == [None] * 4
    assert data.file_sha256.tolist() == [""] * 4
    assert (data.source.source, data.source.num_rows, data.source.split) == ("mine", 4, None)
    assert np.array_equal(np.asarray(data.image(2)), GREY[2])


def test_images_of_the_right_size_are_not_copied():
    square = RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    data = from_arrays(square, [0, 1, 0, 1], resolution=8)
    assert np.shares_memory(data.images, square)


def test_other_sizes_are_squashed_to_the_resolution():
    data = from_arrays(np.full((2, 5, 9, 3), 70, dtype=np.uint8), [0, 1], resolution=16)
    assert data.images.shape == (2, 16, 16, 3)
    assert (data.images == 70).all()


def test_colour_images_and_class_names():
    data = from_arrays(COLOUR, np.array([1, 0, 1, 1]), class_names=["zoo", "ant"])
    assert data.class_names == ("zoo", "ant")
    assert data.labels.tolist() == [1, 0, 1, 1]
    assert data.image_sha256.tolist() == [hash_pixels(image) for image in COLOUR]
    assert np.array_equal(np.asarray(data.image(3)), COLOUR[3])


def test_string_labels():
    assert from_arrays(GREY, ["b", "a", "b", "b"]).class_names == ("a", "b")


def test_grey_image_and_its_rgb_copy_have_the_same_hash():
    colour = np.repeat(GREY[..., np.newaxis], 3, axis=-1)
    assert from_arrays(GREY, [0] * 4).image_sha256.tolist() == from_arrays(colour, [0] * 4).image_sha256.tolist()


def test_fingerprint_depends_on_pixels_and_class_names():
    data = from_arrays(GREY, [0, 1, 0, 1])
    assert data.fingerprint == from_arrays(GREY.copy(), ["0", "1", "0", "1"], description="other").fingerprint
    assert data.fingerprint != from_arrays(GREY, [0, 1, 1, 1]).fingerprint
    assert data.fingerprint != from_arrays(GREY[::-1], [0, 1, 0, 1]).fingerprint


SQUARE = RNG.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
SIX = [0, 1] * 3


@pytest.mark.parametrize(
    ("images", "note"),
    [
        (SQUARE / 255, "The pixels are float64 from 0 to 1, read as 0 (black) to 1 (white)."),
        ((SQUARE / 255).astype(np.float32), "The pixels are float32 from 0 to 1, read as 0 (black) to 1 (white)."),
        (SQUARE.astype(np.float32), "The pixels are float32 from 0 to 255, read as 0 (black) to 255 (white)."),
        (SQUARE.astype(np.int64), "The pixels are int64 from 0 to 255, read as 0 (black) to 255 (white)."),
        (torch.from_numpy(SQUARE).permute(0, 3, 1, 2) / 255, "The pixels are float32 from 0 to 1, read as 0 (black) to 1 (white)."),
        (torch.from_numpy(SQUARE), None),
        (SQUARE.transpose(0, 3, 1, 2), None),
    ],
)
def test_other_numbers_and_layouts_are_read_as_the_same_pixels(images, note):
    expected = from_arrays(SQUARE, SIX, resolution=8)
    data = from_arrays(images, torch.tensor(SIX), resolution=8)
    assert np.array_equal(data.images, SQUARE)
    assert data.image_sha256.tolist() == expected.image_sha256.tolist()
    assert np.array_equal(np.asarray(data.image(2)), SQUARE[2])
    assert data.source.notes == ((note,) if note else ())


def test_grey_images_with_channels_first():
    data = from_arrays(SQUARE[:, np.newaxis, :, :, 0], SIX, resolution=8)
    assert np.array_equal(data.images, SQUARE[..., :1])


@pytest.mark.parametrize("scale", [1, 255])
def test_transparent_pixels_are_white_as_in_files(scale):
    alpha = RNG.integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    images = np.concatenate([SQUARE, alpha], axis=3)
    data = from_arrays(images if scale == 1 else images.transpose(0, 3, 1, 2) / 255, SIX, resolution=8)
    for image, found in zip(images, data.images, strict=True):
        assert np.array_equal(np.asarray(decode_image(encode(Image.fromarray(image)))), found)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.where(SQUARE > 250, np.nan, SQUARE / 255), "but got float64 from nan to nan"),
        (np.where(np.arange(6)[:, None, None, None] == 5, np.nan, SQUARE / 255), "but got float64 from nan to nan"),
        (SQUARE / 127.5 - 1, "but got float64 from -1 to 1"),
        (SQUARE / 255 * 1.2, "but got float64 from 0 to 1.2"),
        (SQUARE / 16.0, "but got float64 from 0 to 15.9375"),
        (SQUARE.astype(np.uint16) * 16, "but got uint16 from 0 to 4080"),
        (SQUARE // 255 * np.int64(1), "but got int64 from 0 to 1"),
    ],
)
def test_other_ranges_are_refused_with_advice(images, message):
    with pytest.raises(DatasetError) as caught:
        from_arrays(images, SIX)
    start = "Expected pixel values in [0, 1], or in [0, 255] with a maximum above 127.5, "
    assert str(caught.value) == f"{start}{message}; scale them to [0, 1], or pass uint8 values from 0 to 255."


@pytest.mark.parametrize("array", [np.ones((4, 5, 6), dtype=bool), np.full((4, 5, 6), "a"), np.full((4, 5, 6), None)])
def test_arrays_without_numbers_are_refused(array):
    with pytest.raises(DatasetError, match=r"^Expected images as uint8 or other numbers, but got "):
        from_arrays(array, [0, 1, 0, 1])


@pytest.mark.parametrize("shape", [(4, 5, 6, 2), (4, 0, 6), (4, 5, 6, 3, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DatasetError) as caught:
        from_arrays(np.zeros(shape, dtype=np.uint8), [0, 1, 0, 1])
    assert str(caught.value) == (
        f"Expected images of shape (n, h, w), (n, h, w, c) or (n, c, h, w) with c = 1, 3 or 4 channels, but got {shape}."
    )


def test_vectors_are_not_taken_for_images():
    with pytest.raises(
        DatasetError, match=r"^Expected images, but got an array of shape \(4, 30\); reshape it to \(n, h, w\), or use"
    ):
        from_arrays(GREY.reshape(4, -1), [0, 1, 0, 1])


def test_ambiguous_layouts_need_a_choice():
    images = RNG.integers(0, 256, (4, 3, 9, 3), dtype=np.uint8)
    with pytest.raises(DatasetError, match=r"^Images of shape \(4, 3, 9, 3\) may have their channels first or last; use "):
        from_arrays(images, [0, 1, 0, 1])
    assert from_arrays(images, [0, 1, 0, 1], channels_first=False).sizes.tolist() == [[3, 9]] * 4
    assert from_arrays(images, [0, 1, 0, 1], channels_first=True).sizes.tolist() == [[9, 3]] * 4
    with pytest.raises(DatasetError, match=r"^Expected images of shape \(n, c, h, w\) with c = 1, 3 or 4 channels"):
        from_arrays(COLOUR, [0, 1, 0, 1], channels_first=True)


def test_lists_are_refused():
    with pytest.raises(DatasetError, match=r"^Expected the images as a numpy array or torch tensor, but got a list\.$"):
        from_arrays(GREY.tolist(), [0, 1, 0, 1])


def test_lengths_must_match():
    with pytest.raises(DatasetError, match=r"^Expected one label per image, but got 4 images and 3 labels\.$"):
        from_arrays(GREY, [0, 1, 0])


@pytest.mark.parametrize(("labels", "names"), [([0, None, 1, 1], None), ([0, -1, 1, 1], ["a", "b"])])
def test_missing_labels_are_refused(labels, names):
    with pytest.raises(DatasetError, match=r"^1 of 4 samples have no label \(the first is row 1\); expected one label per image"):
        from_arrays(GREY, labels, class_names=names)
