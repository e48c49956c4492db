from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from curv_issues.duplicates import descriptor
from curv_issues.duplicates.descriptor import COLOUR, LIGHT, describe, luminance
from curv_issues.inputs.images import as_pixels, to_inputs
from tests.duplicates.images import brighter, canvases, cut, paler, textured
from tests.small import CPU


def described(images: np.ndarray) -> tuple[Tensor, Tensor]:
    return describe(as_pixels(np.ascontiguousarray(images)), torch.arange(len(images)), device=CPU)


def reference_descriptor(image: np.ndarray) -> np.ndarray:
    """Slow descriptor of one colour image, whose side is divisible by 6 and 3: one cell at a time."""
    red, green, blue = np.moveaxis(image.astype(float) / 255, 2, 0)
    light = 0.299 * red + 0.587 * green + 0.114 * blue

    def cells(values: np.ndarray, count: int) -> np.ndarray:
        size = len(values) // count
        return np.array(
            [values[i * size : (i + 1) * size, j * size : (j + 1) * size].mean() for i in range(count) for j in range(count)]
        )

    shape = cells(light, LIGHT) - cells(light, LIGHT).mean()
    colour = np.concatenate([cells(red - light, COLOUR), cells(blue - light, COLOUR)]) / light.std() / COLOUR * 0.7
    whole = np.concatenate([shape / np.linalg.norm(shape), colour])
    return whole / np.linalg.norm(whole)


def test_matches_the_reference() -> None:
    images = textured(5, side=30)
    np.testing.assert_allclose(described(images)[0], [reference_descriptor(image) for image in images], atol=0.005)


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_have_unit_length_and_one_value_per_cell(channels: int) -> None:
    for rows in described(textured(6, channels=channels)):
        assert (rows.shape, rows.dtype) == ((6, LIGHT**2 + 2 * COLOUR**2), torch.float32)
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(6))


@pytest.mark.parametrize("channels", [1, 3])
def test_second_output_describes_the_mirror_images(channels: int) -> None:
    images = textured(6, channels=channels)
    plain, mirrored = described(images)
    torch.testing.assert_close(mirrored, described(images[:, :, ::-1])[0])
    torch.testing.assert_close(plain, described(images[:, :, ::-1])[1])
    assert (plain * mirrored).sum(1).max() < 0.9  # they do differ


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_does_not_matter(channels: int) -> None:
    images = textured(6, channels=channels)
    torch.testing.assert_close(described(brighter(images))[0], described(images)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_hardly_matters(channels: int) -> None:
    images = textured(6, channels=channels)
    similar = (described(paler(images))[0] * described(images)[0]).sum(1)
    assert similar.min() > 0.999


def test_shift_by_a_pixel_hardly_matters() -> None:
    canvas = canvases(12)
    plain, _ = described(cut(canvas))
    moved, _ = described(cut(canvas, 1, -1))
    products = plain @ moved.T
    assert products.diag().min() > 0.9
    assert products.fill_diagonal_(-1).max() < products.new_tensor(0.9)


def test_grey_images_with_one_and_three_channels_are_equal() -> None:
    grey = textured(6, channels=1)
    rows, _ = described(grey)
    torch.testing.assert_close(described(grey.repeat(3, axis=3))[0], rows, atol=1e-5, rtol=0)
    assert rows[:, LIGHT**2 :].abs().max() == 0


def test_colour_matters() -> None:
    images = textured(6)
    swapped = images[..., ::-1]
    parts = described(images)[0][:, LIGHT**2 :], described(swapped)[0][:, LIGHT**2 :]
    assert parts[0].norm(dim=1).min() > 0.01
    assert not torch.allclose(*parts, atol=0.01)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90), (7,)])
def test_image_of_one_colour_has_a_zero_descriptor(colour: tuple[int, ...]) -> None:
    images = np.concatenate([np.full((1, 32, 32, len(colour)), colour, np.uint8), textured(1, channels=len(colour))])
    for rows in described(images):
        assert rows[0].abs().max() == 0
        assert rows[1].norm().item() == pytest.approx(1)


@pytest.mark.filterwarnings("error")
def test_single_pixels_and_no_images() -> None:
    for images in (np.full((2, 1, 1, 3), 90, np.uint8), textured(3)[:0]):
        for rows in described(images):
            assert torch.equal(rows, torch.zeros(len(images), LIGHT**2 + 2 * COLOUR**2))


@pytest.mark.parametrize("threads", [1, 3])
def test_index_selects_images_for_any_batches_and_threads(
    threads: int, set_threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, index = as_pixels(textured(9)), torch.tensor([8, 0, 3, 3, 5])
    whole = describe(images, torch.arange(9), device=CPU)
    monkeypatch.setattr(descriptor, "BATCH", 2)
    set_threads(threads)
    for rows, expected in zip(describe(images, index, device=CPU), whole, strict=True):
        torch.testing.assert_close(rows, expected[index])


def test_luminance_weights_the_channels_and_keeps_grey() -> None:
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=torch.uint8)[None, :, None]
    light = luminance(to_inputs(colours, CPU))
    assert light.shape == (1, 1, 4, 1)
    np.testing.assert_allclose(light.flatten(), [0.299, 0.587, 0.114, 1.0], rtol=1e-6)
    grey = to_inputs(as_pixels(textured(1, channels=1)), CPU)
    assert torch.equal(luminance(grey), grey)
