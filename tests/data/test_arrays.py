from __future__ import annotations

import numpy as np
import pytest

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import hash_pixels
from curv_issues.errors import DatasetError

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


def test_float_images_are_refused_with_advice():
    with pytest.raises(DatasetError) as caught:
        from_arrays(GREY / 255, [0, 1, 0, 1])
    assert str(caught.value) == (
        "Expected images of type uint8 (0 to 255), but got float64; "
        "for values in [0, 1] pass (images * 255).round().astype(numpy.uint8)."
    )


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6, 2), (4, 5, 6, 4), (4, 0, 6), (4, 5, 6, 3, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DatasetError, match=r"^Expected images of shape \(n, h, w\), \(n, h, w, 1\) or \(n, h, w, 3\), but "):
        from_arrays(np.zeros(shape, dtype=np.uint8), [0, 1, 0, 1])


def test_lists_are_refused():
    with pytest.raises(DatasetError, match=r"^Expected the images as a numpy array, but got a list\.$"):
        from_arrays(GREY.tolist(), [0, 1, 0, 1])


def test_lengths_must_match():
    with pytest.raises(DatasetError, match=r"^Expected one label per image, but got 4 images and 3 labels\.$"):
        from_arrays(GREY, [0, 1, 0])


@pytest.mark.parametrize(("labels", "names"), [([0, None, 1, 1], None), ([0, -1, 1, 1], ["a", "b"])])
def test_missing_labels_are_refused(labels, names):
    with pytest.raises(DatasetError, match=r"^1 of 4 samples have no label \(the first is row 1\); expected one label per image"):
        from_arrays(GREY, labels, class_names=names)
