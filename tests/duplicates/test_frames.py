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
from tests.duplicates.pictures import textured
from tests.small import CPU

PICTURES = textured(24)


def framed(picture: np.ndarray, width: int, colour: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """The picture, shrunk, in a frame."""
    side = picture.shape[0] - 2 * width
    inside = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    shrunk = functional.interpolate(inside, size=(side, side), mode="bilinear", antialias=True)
    found = np.empty_like(picture)
    found[:] = colour
    found[width : width + side, width : width + side] = shrunk[0].permute(1, 2, 0).round().byte().numpy()
    return found


def inputs_of(*pictures: np.ndarray) -> torch.Tensor:
    return to_inputs(torch.from_numpy(np.stack(pictures)), CPU)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90)])
@pytest.mark.parametrize("width", [0, 1, 3, 8])
def test_width(width: int, colour: tuple[int, int, int]) -> None:
    picture = framed(PICTURES[0], width, colour) if width else PICTURES[0]
    assert frame_widths(inputs_of(picture, PICTURES[1])).tolist() == [[width, width], [0, 0]]


def between_bars(picture: np.ndarray, width: int) -> np.ndarray:
    """The picture, flattened, between black bars above and below."""
    side = picture.shape[0] - 2 * width
    inputs = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    flattened = functional.interpolate(inputs, size=(side, picture.shape[1]), mode="bilinear", antialias=True)
    found = np.zeros_like(picture)
    found[width : width + side] = flattened[0].permute(1, 2, 0).round().byte().numpy()
    return found


def test_a_frame_must_be_of_one_colour() -> None:
    picture = framed(PICTURES[0], 5)
    broken = picture.copy()
    broken[2, 17] = 90
    noisy = np.clip(picture + np.random.default_rng(0).integers(0, 4, picture.shape), 0, 255).astype(np.uint8)
    assert frame_widths(inputs_of(picture, broken, noisy)).tolist() == [[5, 5], [2, 2], [5, 5]]


@pytest.mark.parametrize(("level", "width"), [(4, 5), (5, 2)])
def test_a_frame_may_differ_from_its_corner_by_four_levels_of_255(level: int, width: int) -> None:
    picture = framed(PICTURES[0], 5)
    picture[2, 17] = level
    assert frame_widths(inputs_of(picture)).tolist() == [[width, width]]


def test_bars_on_two_sides() -> None:
    bars = between_bars(PICTURES[0], 6)
    beside = bars.transpose(1, 0, 2).copy()
    one_side = PICTURES[0].copy()
    one_side[:6] = 0
    unequal = bars.copy()
    unequal[:3] = 90
    assert frame_widths(inputs_of(bars, beside, one_side, unequal)).tolist() == [[6, 0], [0, 6], [0, 0], [0, 0]]


def test_a_frame_is_as_wide_as_on_its_narrowest_side() -> None:
    picture = framed(PICTURES[0], 3)
    picture[:, :7] = picture[:, -7:] = 0
    assert frame_widths(inputs_of(picture)).tolist() == [[3, 3]]


def test_nothing_wider_than_a_quarter_is_cut_and_plain_pictures_stay() -> None:
    wide = framed(PICTURES[0], 11)
    plain = np.full_like(PICTURES[0], 77)
    assert frame_widths(inputs_of(wide, plain)).tolist() == [[8, 8], [0, 0]]
    assert torch.equal(without_frames(inputs_of(plain)), inputs_of(plain))


def test_pictures_without_a_frame_are_left_alone() -> None:
    inputs = inputs_of(PICTURES[0], framed(PICTURES[1], 8), PICTURES[2])
    before = inputs.clone()
    found = without_frames(inputs)
    assert torch.equal(found[[0, 2]], inputs[[0, 2]])
    assert torch.equal(inputs, before)
    inside = functional.interpolate(inputs[1:2, :, 8:24, 8:24], size=(32, 32), mode="bilinear")
    assert torch.equal(found[1:2], inside)


def test_grey_and_no_pictures() -> None:
    grey = to_inputs(torch.from_numpy(framed(PICTURES[0], 4)[..., :1].copy()[None]), CPU)
    assert frame_widths(grey).tolist() == [[4, 4]]
    assert without_frames(grey[:0]).shape == (0, 1, 32, 32)


@pytest.mark.parametrize("put", [framed, between_bars])
def test_pictures_in_like_frames_are_no_duplicates_and_framed_copies_are(put: Callable[[np.ndarray, int], np.ndarray]) -> None:
    frames = np.stack([put(picture, 8) for picture in PICTURES[:12]])
    data = from_arrays(np.concatenate([PICTURES[12:], frames, PICTURES[:2]]), np.arange(26) % 3)
    same = compare_within(data, threshold=0.85, device="cpu").same()
    assert set(zip(same.first.tolist(), same.second.tolist(), same.test, strict=True)) == {(12, 24, NEAR), (13, 25, NEAR)}
