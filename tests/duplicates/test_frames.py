from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from curv_issues.data.arrays import from_arrays
from curv_issues.duplicates.base import NEAR
from curv_issues.duplicates.frames import frame_widths, without_frames
from curv_issues.duplicates.search import compare_within
from curv_issues.inputs.images import to_inputs
from tests.duplicates.images import textured
from tests.small import CPU

IMAGES = textured(24)


def framed(image: np.ndarray, width: int, colour: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """Shrink an image and put it in a frame."""
    side = image.shape[0] - 2 * width
    inside = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    shrunk = functional.interpolate(inside, size=(side, side), mode="bilinear", antialias=True)
    found = np.empty_like(image)
    found[:] = colour
    found[width : width + side, width : width + side] = shrunk[0].permute(1, 2, 0).round().byte().numpy()
    return found


def inputs_of(*images: np.ndarray) -> torch.Tensor:
    return to_inputs(torch.from_numpy(np.stack(images)), CPU)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90)])
@pytest.mark.parametrize("width", [0, 1, 3, 8])
def test_frame_width(width: int, colour: tuple[int, int, int]) -> None:
    image = framed(IMAGES[0], width, colour) if width else IMAGES[0]
    assert frame_widths(inputs_of(image, IMAGES[1])).tolist() == [[width, width], [0, 0]]


def between_bars(image: np.ndarray, width: int) -> np.ndarray:
    """Flatten an image between black bars above and below."""
    side = image.shape[0] - 2 * width
    inputs = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    flattened = functional.interpolate(inputs, size=(side, image.shape[1]), mode="bilinear", antialias=True)
    found = np.zeros_like(image)
    found[width : width + side] = flattened[0].permute(1, 2, 0).round().byte().numpy()
    return found


def test_a_frame_must_be_of_one_colour() -> None:
    image = framed(IMAGES[0], 5)
    broken = image.copy()
    broken[2, 17] = 90
    noisy = np.clip(image + np.random.default_rng(0).integers(0, 4, image.shape), 0, 255).astype(np.uint8)
    assert frame_widths(inputs_of(image, broken, noisy)).tolist() == [[5, 5], [2, 2], [5, 5]]


@pytest.mark.parametrize(("level", "width"), [(4, 5), (5, 2)])
def test_a_frame_may_differ_from_its_corner_by_four_levels_of_255(level: int, width: int) -> None:
    image = framed(IMAGES[0], 5)
    image[2, 17] = level
    assert frame_widths(inputs_of(image)).tolist() == [[width, width]]


def test_bars_on_two_sides() -> None:
    bars = between_bars(IMAGES[0], 6)
    beside = bars.transpose(1, 0, 2).copy()
    one_side = IMAGES[0].copy()
    one_side[:6] = 0
    unequal = bars.copy()
    unequal[:3] = 90
    assert frame_widths(inputs_of(bars, beside, one_side, unequal)).tolist() == [[6, 0], [0, 6], [0, 0], [0, 0]]


def test_a_frame_is_as_wide_as_on_its_narrowest_side() -> None:
    image = framed(IMAGES[0], 3)
    image[:, :7] = image[:, -7:] = 0
    assert frame_widths(inputs_of(image)).tolist() == [[3, 3]]


def test_at_most_a_quarter_is_cut_and_plain_images_are_kept() -> None:
    wide = framed(IMAGES[0], 11)
    plain = np.full_like(IMAGES[0], 77)
    assert frame_widths(inputs_of(wide, plain)).tolist() == [[8, 8], [0, 0]]
    assert torch.equal(without_frames(inputs_of(plain)), inputs_of(plain))


def test_images_without_a_frame_are_unchanged() -> None:
    inputs = inputs_of(IMAGES[0], framed(IMAGES[1], 8), IMAGES[2])
    before = inputs.clone()
    found = without_frames(inputs)
    assert torch.equal(found[[0, 2]], inputs[[0, 2]])
    assert torch.equal(inputs, before)
    inside = functional.interpolate(inputs[1:2, :, 8:24, 8:24], size=(32, 32), mode="bilinear")
    assert torch.equal(found[1:2], inside)


def test_grey_and_no_images() -> None:
    grey = to_inputs(torch.from_numpy(framed(IMAGES[0], 4)[..., :1].copy()[None]), CPU)
    assert frame_widths(grey).tolist() == [[4, 4]]
    assert without_frames(grey[:0]).shape == (0, 1, 32, 32)


@pytest.mark.parametrize("put", [framed, between_bars])
def test_equal_frames_are_not_duplicates_but_framed_copies_are(put: Callable[[np.ndarray, int], np.ndarray]) -> None:
    frames = np.stack([put(image, 8) for image in IMAGES[:12]])
    data = from_arrays(np.concatenate([IMAGES[12:], frames, IMAGES[:2]]), np.arange(26) % 3)
    same = compare_within(data, threshold=0.85, device="cpu").same()
    assert set(zip(same.first.tolist(), same.second.tolist(), same.test, strict=True)) == {(12, 24, NEAR), (13, 25, NEAR)}
