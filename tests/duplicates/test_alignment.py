from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from curv_issues.duplicates import alignment
from curv_issues.duplicates.alignment import (
    SCALES,
    Details,
    blur,
    coarse_similarity,
    correlation,
    magnification,
    quick_similarity,
    similarity,
)
from curv_issues.inputs.images import as_pixels
from tests.duplicates.images import brighter, canvases, cut, enlarged_crop, paler, recompressed, textured
from tests.small import CPU

SIDE = 32
SHIFT, MAGNIFIED, CROP = SCALES[SIDE]

N = 8
CANVASES = canvases(N)
IMAGES = cut(CANVASES)
CROPS = [(2, 2, 28, 28), (0, 4, 28, 28), (0, 0, 28, 28), (2, 0, 28, 32), (0, 3, 32, 28), (4, 0, 28, 32)]


def details_of(images: np.ndarray) -> Details:
    return Details(as_pixels(np.ascontiguousarray(images)), torch.arange(len(images)), device=CPU)


def similarity_of(one: np.ndarray, other: np.ndarray, *, mirrored: bool = False, quick: bool = False) -> np.ndarray:
    """Similarity of each image to its counterpart."""
    pairs, flips = torch.arange(len(one))[:, None].repeat(1, 2), torch.full((len(one),), mirrored)
    return (quick_similarity if quick else similarity)(details_of(one), details_of(other), pairs, mirrored=flips).numpy()


def reference_similarity(a: Tensor, b: Tensor) -> float:
    """Slow `similarity` of one pair: the best factor for both axes, then the best along, then the best across."""
    side = len(a)
    shift, magnified, _ = SCALES[side]
    factors = [(1.0, 1.0), *((factor, 1.0) for factor in magnified), *((1.0, factor) for factor in magnified)]

    def aligned(along: tuple[float, float], across: tuple[float, float]) -> float:
        one, other = (magnification(along[i], side) @ x @ magnification(across[i], side).T for i, x in enumerate((a, b)))
        inner = one[shift : side - shift, shift : side - shift]
        return float(correlation(inner[None], other[None]))

    both = max(factors, key=lambda pair: aligned(pair, pair))
    along = max(factors, key=lambda pair: aligned(pair, both))
    return max(aligned(along, pair) for pair in factors)


class TestSimilarity:
    @pytest.mark.parametrize("quick", [False, True])
    def test_identical_images_have_similarity_1(self, quick: bool) -> None:
        np.testing.assert_allclose(similarity_of(IMAGES, IMAGES, quick=quick), 1, atol=1e-5)

    def test_brightness_and_contrast_do_not_matter(self) -> None:
        np.testing.assert_allclose(similarity_of(IMAGES, brighter(IMAGES)), 1, atol=1e-5)
        np.testing.assert_allclose(similarity_of(IMAGES, paler(IMAGES)), 1, atol=0.005)  # pixels are rounded to integers

    def test_smooth_background_hardly_matters(self) -> None:
        ramp = np.linspace(0, 50, 32).astype(np.uint8)[:, None]
        assert similarity_of(IMAGES, IMAGES + ramp).min() > 0.97

    def test_mirror_images_match_if_one_is_mirrored(self) -> None:
        flipped = IMAGES[:, :, ::-1]
        np.testing.assert_allclose(similarity_of(IMAGES, flipped, mirrored=True), 1, atol=1e-5)
        np.testing.assert_allclose(similarity_of(flipped, IMAGES, mirrored=True), 1, atol=1e-5)
        assert similarity_of(IMAGES, flipped).max() < 0.5
        assert similarity_of(IMAGES, IMAGES, mirrored=True).max() < 0.5
        assert similarity_of(IMAGES, IMAGES[:, ::-1], mirrored=True).max() < 0.5  # upside down is a different image

    @pytest.mark.parametrize("quick", [False, True])
    @pytest.mark.parametrize(("rows", "columns"), [(1, 0), (0, -1), (-2, 1), (0, 3), (3, -3)])
    def test_shifted_images_match(self, rows: int, columns: int, quick: bool) -> None:
        moved = cut(CANVASES, rows, columns)
        assert similarity_of(IMAGES, moved, quick=quick).min() > 0.97
        assert similarity_of(moved, IMAGES, quick=quick).min() > 0.97

    def test_larger_shifts_are_not_tried(self) -> None:
        assert similarity_of(IMAGES, cut(CANVASES, 4, 4), quick=True).max() < 0.9
        assert SHIFT == 3

    @pytest.mark.parametrize("crop", CROPS)
    def test_crops_match_in_either_order(self, crop: tuple[int, int, int, int]) -> None:
        crops = np.stack([enlarged_crop(image, *crop) for image in IMAGES])
        assert similarity_of(IMAGES, crops).min() > 0.9
        assert similarity_of(crops, IMAGES).min() > 0.9
        assert similarity_of(IMAGES, crops, quick=True).max() < 0.9  # so the scales are needed

    def test_photos_are_compared_in_more_detail(self) -> None:
        """A crop of 90% of each side, shifted to one edge."""
        photos = textured(N, side=160)
        size = (48, 48)
        images = np.stack([np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR)) for photo in photos])
        crops = np.stack(
            [np.asarray(Image.fromarray(photo[3:147, 12:156]).resize(size, Image.Resampling.BILINEAR)) for photo in photos]
        )
        assert similarity_of(images, crops).min() > 0.92
        assert similarity_of(images, crops, quick=True).max() < 0.8

    @pytest.mark.parametrize(("side", "found"), [(26, True), (18, False)])
    def test_crops_of_26_pixels_match_but_smaller_ones_do_not(self, side: int, found: bool) -> None:
        crops = np.stack([enlarged_crop(image, (32 - side) // 2, (32 - side) // 2, side, side) for image in IMAGES])
        assert ((similarity_of(IMAGES, crops) > 0.9) == found).all()

    def test_images_cropped_along_different_axes_match(self) -> None:
        along, across = (np.stack([enlarged_crop(image, *crop) for image in IMAGES]) for crop in ((2, 0, 28, 32), (0, 2, 32, 28)))
        assert similarity_of(along, across).min() > 0.95
        assert similarity_of(across, along).min() > 0.95

    def test_recompressed_images_match(self) -> None:
        assert similarity_of(IMAGES, np.stack([recompressed(image) for image in IMAGES])).min() > 0.95

    def test_different_images_do_not_match(self) -> None:
        pairs = torch.cartesian_prod(torch.arange(N), torch.arange(N))
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        details = details_of(IMAGES)
        values = similarity(details, details, pairs, mirrored=torch.arange(len(pairs)) % 2 == 0)
        assert values.max() < 0.6
        assert values.min() > -0.5

    def test_negative_does_not_match(self) -> None:
        assert similarity_of(IMAGES, 255 - IMAGES).max() < 0.6
        assert similarity_of(IMAGES, 255 - IMAGES, quick=True).max() < 0.6

    @pytest.mark.parametrize("quick", [False, True])
    def test_images_of_one_colour_have_similarity_0(self, quick: bool) -> None:
        plain = np.full_like(IMAGES, 130)
        for one, other in ((plain, plain), (plain, IMAGES), (IMAGES, plain)):
            assert similarity_of(one, other, quick=quick).tolist() == [0] * N

    @pytest.mark.parametrize("side", SCALES)
    def test_matches_the_reference(self, side: int) -> None:
        images = textured(len(CROPS), side=side)
        stretched = np.stack([enlarged_crop(image, *crop) for image, crop in zip(images, CROPS[::-1], strict=True)])
        one, other = details_of(images), details_of(stretched)
        assert one.values.shape[1:] == (side, side)
        pairs = torch.cartesian_prod(torch.arange(len(one)), torch.arange(len(one)))
        values = similarity(one, other, pairs, mirrored=torch.zeros(len(pairs), dtype=torch.bool))
        expected = [reference_similarity(one.values[i].float(), other.values[j].float()) for i, j in pairs.tolist()]
        torch.testing.assert_close(values, torch.tensor(expected), atol=1e-4, rtol=0)

    def test_quick_similarity_is_a_lower_bound(self) -> None:
        details = details_of(np.concatenate([IMAGES, cut(CANVASES, 2, 1), np.stack([enlarged_crop(p, *CROPS[0]) for p in IMAGES])]))
        pairs = torch.cartesian_prod(torch.arange(len(details)), torch.arange(len(details)))
        flips = torch.arange(len(pairs)) % 3 == 0
        quick = quick_similarity(details, details, pairs, mirrored=flips)
        thorough = similarity(details, details, pairs, mirrored=flips)
        assert (quick <= thorough + 1e-5).all()
        assert (quick + 0.1 < thorough).any()
        assert thorough.max() <= 1

    @pytest.mark.parametrize("threads", [1, 3])
    def test_batches_order_and_threads_do_not_matter(
        self, threads: int, set_threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pairs = torch.cartesian_prod(torch.arange(N), torch.arange(N))
        flips = torch.arange(len(pairs)) % 3 == 0
        moved = cut(CANVASES, 1, 2)
        one, other = details_of(IMAGES), details_of(moved)
        measures = (coarse_similarity, quick_similarity, similarity)
        whole = [measure(one, other, pairs, mirrored=flips) for measure in measures]
        monkeypatch.setattr(alignment, "BATCH", 5)
        set_threads(threads)
        order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))
        one_again, other_again = details_of(IMAGES), details_of(moved)
        torch.testing.assert_close(one_again.values, one.values)
        for measure, expected in zip(measures, whole, strict=True):
            values = measure(one_again, other_again, pairs[order], mirrored=flips[order])
            torch.testing.assert_close(values, expected[order], atol=1e-5, rtol=0)

    @pytest.mark.parametrize("measure", [coarse_similarity, quick_similarity, similarity])
    def test_no_pairs_give_no_values(self, measure: Callable[..., Tensor]) -> None:
        nothing = torch.empty(0, 2, dtype=torch.int64)
        details = details_of(IMAGES)
        values = measure(details, details, nothing, mirrored=torch.empty(0, dtype=torch.bool))
        assert (values.shape, values.dtype) == ((0,), torch.float32)


class TestCoarseSimilarity:
    def test_duplicates_are_separated_from_other_images(self) -> None:
        details = details_of(np.concatenate([IMAGES, cut(CANVASES, 2, -2), np.stack([brighter(p) for p in IMAGES])]))
        pairs = torch.cartesian_prod(torch.arange(len(details)), torch.arange(len(details)))
        values = coarse_similarity(details, details, pairs, mirrored=torch.zeros(len(pairs), dtype=torch.bool))
        same = (pairs[:, 0] % N) == (pairs[:, 1] % N)
        assert values[same].min() > 0.9
        assert values[~same].max() < 0.7

    def test_mirror_images_match_if_one_is_mirrored(self) -> None:
        pairs = torch.arange(N)[:, None].repeat(1, 2)
        flipped = details_of(IMAGES[:, :, ::-1])
        values = coarse_similarity(details_of(IMAGES), flipped, pairs, mirrored=torch.ones(N, dtype=torch.bool))
        assert values.min() > 0.99


class TestDetails:
    def test_index_selects_images(self) -> None:
        index = torch.tensor([7, 2, 2])
        details = Details(as_pixels(IMAGES), index, device=CPU)
        assert (len(details), details.values.shape, details.values.dtype) == (3, (3, SIDE, SIDE), torch.float16)
        assert torch.equal(details.values[[1, 0]], details_of(IMAGES).values[[2, 7]])

    @pytest.mark.parametrize(("side", "compared"), [(47, 32), (64, 48), (100, 48)])
    def test_other_resolutions_are_compared_at_32_or_48_pixels(self, side: int, compared: int) -> None:
        large = textured(4, side=side)
        size = (compared, compared)
        small = np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in large])
        assert similarity_of(large, small).min() > 0.98

    def test_small_images_are_enlarged(self) -> None:
        details = details_of(textured(3, side=16))
        assert (details.values.shape, details.coarse.shape) == ((3, 32, 32), (3, 16, 16))
        assert details_of(textured(3, side=48)).coarse.shape == (3, 24, 24)

    def test_grey_images_match_their_colour_copies(self) -> None:
        grey = textured(4, channels=1)
        np.testing.assert_allclose(similarity_of(grey, grey.repeat(3, axis=3)), 1, atol=1e-5)

    def test_values_are_band_passed_and_divided_by_local_contrast(self) -> None:
        fine = slow_blur(IMAGES[0] / 255 @ [0.299, 0.587, 0.114], 0.7)
        band = fine - slow_blur(fine, 2.5)
        expected = band / (np.sqrt(slow_blur(band**2, 3.0)) + 0.02)
        np.testing.assert_allclose(details_of(IMAGES[:1]).values[0], expected, atol=2e-3)

    def test_local_contrast_is_uniform(self) -> None:
        rng = np.random.default_rng(0)
        contrasty = np.repeat(np.repeat(rng.integers(0, 256, (4, 16, 16, 1)), 2, axis=1), 2, axis=2)
        contrasty[:, :, 16:] = contrasty[:, :, 16:] // 4 + 90
        values = details_of(contrasty.astype(np.uint8)).values.float()
        left, right = (half.square().mean((1, 2)).sqrt() for half in (values[:, :, 2:12], values[:, :, 20:30]))
        assert ((right / left) > 0.6).all()  # it was a quarter


def slow_blur(image: np.ndarray, deviation: float) -> np.ndarray:
    side, reach = len(image), round(3 * deviation)
    offsets = range(-reach, reach + 1)
    weights = {(i, j): np.exp(-(i * i + j * j) / (2 * deviation**2)) for i in offsets for j in offsets}
    blurred = np.zeros((side, side))
    for row in range(side):
        for column in range(side):
            for (i, j), weight in weights.items():
                blurred[row, column] += weight * image[min(max(row + i, 0), side - 1), min(max(column + j, 0), side - 1)]
    return blurred / sum(weights.values())


@pytest.mark.parametrize(("side", "deviation"), [(8, 0.7), (8, 2.5), (5, 3.0)])
def test_blur_equals_a_direct_convolution(side: int, deviation: float) -> None:
    images = torch.rand(2, side, side, generator=torch.Generator().manual_seed(0))
    expected = np.stack([slow_blur(image.double().numpy(), deviation) for image in images])
    np.testing.assert_allclose(blur(images, deviation), expected, rtol=1e-5)
    torch.testing.assert_close(blur(torch.full((1, side, side), 0.3), deviation), torch.full((1, side, side), 0.3))


def slow_correlation(template: np.ndarray, image: np.ndarray) -> float:
    side, places = len(template), len(image) - len(template) + 1
    windows = [image[i : i + side, j : j + side] for i in range(places) for j in range(places)]
    return max(float(np.corrcoef(template.ravel(), window.ravel())[0, 1]) for window in windows)


@pytest.mark.parametrize(("template", "side"), [(26, 32), (5, 9), (6, 6), (3, 4)])
def test_correlation_equals_a_loop_over_positions(template: int, side: int) -> None:
    generator = torch.Generator().manual_seed(side)
    templates, images = torch.randn(5, template, template, generator=generator), torch.randn(5, side, side, generator=generator)
    images[1] += 3  # its mean does not matter
    images[2, -template:, :template] = 2 * templates[2] + 1  # found in the corner
    expected = [slow_correlation(one, other) for one, other in zip(templates.numpy(), images.numpy(), strict=True)]
    values = correlation(templates, images)
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert values[2].item() == pytest.approx(1, abs=1e-5)


def test_correlation_with_a_flat_image_is_0() -> None:
    noise, flat = torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.full((1, 32, 32), 0.7)
    middle = slice(SHIFT, SIDE - SHIFT)
    assert correlation(flat[:, middle, middle], noise).tolist() == [0]
    assert correlation(noise[:, middle, middle], flat).tolist() == [0]


def test_flat_positions_do_not_hide_the_match() -> None:
    generator = torch.Generator().manual_seed(0)
    template = torch.randn(1, 4, 4, generator=generator)
    image = torch.zeros(1, 12, 12)
    image[:, 8:, 8:] = template
    assert correlation(template, image).item() == pytest.approx(1, abs=1e-5)


def magnified(images: Tensor, factor: float) -> Tensor:
    matrix = magnification(factor, SIDE)
    return matrix @ images @ matrix.T


def test_magnification_by_1_changes_nothing() -> None:
    assert torch.equal(magnification(1.0, SIDE), torch.eye(SIDE))


@pytest.mark.parametrize("factor", MAGNIFIED)
def test_magnification_samples_around_the_middle(factor: float) -> None:
    images = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    theta = torch.tensor([[1 / factor, 0, 0], [0, 1 / factor, 0]]).expand(3, -1, -1)
    grid = functional.affine_grid(theta, [3, 1, SIDE, SIDE], align_corners=True)
    expected = functional.grid_sample(images[:, None], grid, mode="bilinear", align_corners=True)[:, 0]
    torch.testing.assert_close(magnified(images, factor), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(magnification(factor, SIDE).sum(1), torch.ones(SIDE))


def test_magnification_enlarges_a_crop_of_28_pixels() -> None:
    image = textured(1, channels=1)[0, :, :, 0].astype(np.float32)
    crop = Image.fromarray(image).crop((2, 2, 30, 30)).resize((32, 32), Image.Resampling.BILINEAR)
    inside = np.s_[1:-1, 1:-1]  # border pixels of the crop lack their neighbours
    exact, used = (magnified(torch.from_numpy(image)[None], factor)[0].numpy() for factor in (32 / 28, 1.14))
    np.testing.assert_allclose(exact[inside], np.asarray(crop)[inside], atol=1e-2)
    np.testing.assert_allclose(used[inside], np.asarray(crop)[inside], atol=2)
    assert CROP == 1.14
    assert CROP in MAGNIFIED
