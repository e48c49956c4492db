from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from curv_issues.inputs.images import SPEC_VALUES, ImageInputs, Views, as_pixels, draw_views, split_evenly, to_inputs
from tests import reference
from tests.small import CPU, make_data, spec_of


def augmented(shown: torch.Tensor, index: torch.Tensor, *, shift: int, flip: bool, generator: torch.Generator) -> torch.Tensor:
    return draw_views(len(index), *shown.shape[1:3], shift=shift, flip=flip, generator=generator).of(shown, index)


def some_pixels(n: int = 6, height: int = 5, width: int = 7, channels: int = 3) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8))


@given(n=st.integers(1, 2000), batch_size=st.integers(2, 600))
@example(n=3, batch_size=2)
@example(n=257, batch_size=256)
@example(n=1, batch_size=16)
def test_split_evenly_covers_all_without_single_samples(n: int, batch_size: int) -> None:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    batches = split_evenly(order, batch_size)
    sizes = [len(batch) for batch in batches]
    assert torch.equal(torch.cat(batches), order)
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3)
    assert max(sizes) <= batch_size or (batch_size == 2 and n % 2)
    assert min(sizes) >= min(n, 2)
    assert len(batches) <= -(-n // batch_size)


@pytest.mark.parametrize("channels", [1, 3])
def test_to_inputs_is_in_range_and_channels_last(channels: int) -> None:
    ramp = torch.arange(256, dtype=torch.uint8).reshape(4, 8, 8, 1)
    pixels = torch.cat([ramp, 255 - ramp, ramp // 2][:channels], dim=3)
    inputs = to_inputs(pixels, CPU)
    assert inputs.shape == (4, channels, 8, 8)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert (inputs.min().item(), inputs.max().item()) == (0.0, 1.0)
    for b, c, h, w in np.ndindex(4, channels, 8, 8):
        assert inputs[b, c, h, w].item() == np.float32(pixels[b, h, w, c].item()) / np.float32(255)
    assert pixels.dtype == torch.uint8  # untouched


def test_no_shift_and_no_flip_only_selects_images() -> None:
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    index = torch.tensor([4, 0, 4])
    assert torch.equal(augmented(some_pixels(), index, shift=0, flip=False, generator=generator), some_pixels()[index])
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize(("shift", "flip"), [(2, True), (0, True), (3, False), (9, True)])
def test_augmented_images_match_the_reference(shift: int, flip: bool) -> None:
    index = torch.tensor([5, 1, 1, 0, 3, 2, 4, 0])
    got = augmented(some_pixels(), index, shift=shift, flip=flip, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    mirrored = (torch.rand(8, generator=generator) < 0.5).tolist() if flip else [False] * 8
    moves = torch.randint(-shift, shift + 1, (2, 8, 1), generator=generator).squeeze(2).tolist() if shift else [[0] * 8] * 2
    for b, source in enumerate(index.tolist()):
        columns = -moves[1][b] if mirrored[b] else moves[1][b]  # the shift of a mirrored image is mirrored too
        expected = reference.shifted(some_pixels()[source].numpy(), rows=moves[0][b], columns=columns, mirror=mirrored[b])
        np.testing.assert_array_equal(got[b].numpy(), expected)


def test_shifts_and_flips_are_uniform() -> None:
    ramp = torch.arange(9, dtype=torch.uint8).repeat(9, 1)[None, :, :, None]
    got = augmented(ramp, torch.zeros(4000, dtype=torch.long), shift=2, flip=True, generator=torch.Generator().manual_seed(0))
    rows = got[:, 4, :, 0].int()
    mirrored = rows[:, 0] > rows[:, 8]
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.03)
    middle = torch.bincount(rows[:, 4].long(), minlength=9)
    assert middle[:2].sum() == middle[7:].sum() == 0
    np.testing.assert_allclose(middle[2:7] / 4000, 0.2, atol=0.03)


def test_as_pixels_shares_the_memory() -> None:
    images = some_pixels().numpy()
    shared = as_pixels(images)
    images[0, 0, 0, 0] ^= 255
    assert shared[0, 0, 0, 0].item() == images[0, 0, 0, 0]


def test_as_pixels_reads_a_read_only_memory_map_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", some_pixels().numpy())
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shared = as_pixels(images)
    assert shared.data_ptr() == images.ctypes.data
    assert torch.equal(shared, some_pixels())
    picked = augmented(shared, torch.tensor([2, 5]), shift=0, flip=False, generator=torch.Generator())
    assert torch.equal(picked, some_pixels()[[2, 5]])


def test_as_pixels_accepts_mirrored_views() -> None:
    images = some_pixels().numpy()[..., ::-1]
    np.testing.assert_array_equal(as_pixels(images).numpy(), images)


@pytest.mark.parametrize(("shift", "flip"), [(0, False), (2, True), (9, True)])
def test_gradients_of_views_are_mapped_back_to_the_images(shift: int, flip: bool) -> None:
    """Compare with automatic differentiation through the indexing."""
    clean = torch.rand(6, 5, 7, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weights = torch.rand(6, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    views = draw_views(6, 5, 7, shift=shift, flip=flip, generator=torch.Generator().manual_seed(2))
    seen = views.of(clean, torch.arange(6)).permute(0, 3, 1, 2)
    (expected,) = torch.autograd.grad((seen * weights).sum(), clean)
    torch.testing.assert_close(views.gradient_of_images(weights), expected.permute(0, 3, 1, 2))


def test_repeated_pixels_sum_gradients_and_hidden_pixels_get_none() -> None:
    views = Views(rows=torch.tensor([[0, 0, 1]]), columns=torch.tensor([[2, 1]]))  # one down; mirrored and cut
    with pytest.raises(RuntimeError):  # views are as large as their images
        views.gradient_of_images(torch.ones(1, 1, 3, 2))
    views = Views(rows=torch.tensor([[0, 0, 1]]), columns=torch.tensor([[2, 1, 0]]))
    moved = views.gradient_of_images(torch.arange(9.0).reshape(1, 1, 3, 3))
    assert moved.tolist() == [[[[7.0, 5.0, 3.0], [8.0, 7.0, 6.0], [0.0, 0.0, 0.0]]]]


def test_spec_is_mean_and_deviation_by_channel() -> None:
    data = make_data(40, 5, side=8, channels=3)
    spec = spec_of(data)
    assert (spec.num_classes, spec.channels, spec.resolution) == (5, 3, 8)
    np.testing.assert_allclose(spec.mean, (data.images / 255).mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(spec.std, (data.images / 255).std((0, 1, 2)), rtol=1e-4)
    assert all(type(value) is float for value in (*spec.mean, *spec.std))


def test_spec_of_images_of_one_colour() -> None:
    spec = ImageInputs(np.full((50, 8, 8, 1), 255, dtype=np.uint8)).spec(3)
    assert spec.mean == (1.0,)
    assert spec.std == (1e-3,)  # the smallest divisor


def test_spec_of_large_datasets_uses_a_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.inputs.images.SPEC_VALUES", 10 * 64)
    images = make_data(50).images.copy()
    images[np.arange(50) % 5 != 0] = 0  # only every fifth of 50 images is used
    np.testing.assert_allclose(ImageInputs(images).spec(3).mean, (images[::5] / 255).mean(), rtol=1e-5)
    assert SPEC_VALUES >= 9_000 * 32 * 32 * 3
