"""Masks of images are not samples."""

from __future__ import annotations

import pytest

from curv_issues.data.loading import load_data
from tests.data.folders import given_classes, left_out, write

IMAGES = ("Covid/images/1.png", "Covid/images/2.png", "Normal/images/1.png", "Normal/images/2.png")


@pytest.mark.parametrize(
    "masks",
    [
        ["Covid/masks/1.png", "Normal/Ground truth/1.png"],
        ["Covid/images/1_mask.png", "Normal/images/2_mask_1.jpg"],
        ["Covid/images/1_GT.png", "Covid/thumbs/deep/1.png"],
        ["Covid/trimaps/1.png", "Normal/segmentation/1.png"],
    ],
)
def test_masks_beside_images_are_left_out_with_a_note(tmp_path, masks):
    data = load_data(write(tmp_path, *IMAGES, *masks))
    assert given_classes(data) == {path: path.split("/")[0] for path in IMAGES}
    assert left_out(data) == {"mask beside an image": masks}
    (note,) = data.source.notes
    assert note.startswith("2 files that look like images were left out: mask beside an image")
    assert len(load_data(tmp_path, labels="folders")) == 6


def test_masks_in_a_class_folder_beside_its_images(tmp_path):
    data = load_data(write(tmp_path, "tumor/1.png", "tumor/masks/1.png", "normal/1.png", "normal/2.png"))
    assert left_out(data) == {"mask beside an image": ["tumor/masks/1.png"]}
    (note,) = load_data(write(tmp_path / "x", "tumor/1.png", "tumor/samples/1.png", "normal/1.png", "normal/2.png")).source.notes
    assert note.endswith("the images of all folders in them (samples) are audited together.")


def test_masks_above_the_classes_are_noted(tmp_path):
    write(tmp_path, *(f"{kind}/{name}/{number}.png" for kind in ("images", "masks") for name in ("cat", "dog") for number in "12"))
    data = load_data(tmp_path, class_level=2)
    assert (len(data), data.class_names) == (8, ("cat", "dog"))
    (note,) = data.source.notes
    assert note == "The images in masks are audited like all others; if they are masks, audit a folder without them."


def test_other_images_with_mask_names_are_kept(tmp_path):
    paths = ("cat/masks/1.png", "cat/x/1.png", "dog/2_mask.png", "mask/1.png", "no_mask/1.png", "no_mask/images/gt_2/1.png")
    assert len(load_data(write(tmp_path, *paths))) == 6
