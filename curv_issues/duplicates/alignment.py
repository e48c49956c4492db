"""Compare two images pixel by pixel after aligning them, to confirm near-duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.device import parallel_map
from curv_issues.duplicates.descriptor import luminance
from curv_issues.duplicates.frames import without_frames
from curv_issues.duplicates.orientation import oriented_each
from curv_issues.inputs.images import to_inputs


class Scale(NamedTuple):
    """How images of one side are aligned.

    Attributes:
        shift: largest shift in either direction, in pixels.
        magnified: factors by which either image may be magnified: a crop of 28 of 32 pixels, resized to 32, by 1.14.
        crop: the factor that is tried first.
    """

    shift: int
    magnified: tuple[float, ...]
    crop: float


SCALES = {32: Scale(3, (1.07, 1.14, 1.22), 1.14), 48: Scale(4, (1.05, 1.1, 1.16, 1.22), 1.1)}
"""By the side of the compared images in pixels, which is the largest one that the images have; smaller ones are enlarged to 32.
All lengths below are in these pixels."""

FINE, COARSE = 0.7, 2.5  # standard deviations of the blurs that remove noise and keep only the smooth background
AROUND, LEAST = 3.0, 0.02  # deviation of the blur that measures local contrast; contrast that is normalised to 0.5
BATCH = 512
_FLAT = 0.05  # root mean square of the detail below which there is nothing to compare


class Details:
    """Contrast-normalised luminance detail of n images, which is what is compared; 2.5 or 5.8 kB per image.

    Noise and smooth background are removed, and the rest is divided by the local contrast: otherwise one horizon or outline
    outweighs everything else, and two dark shapes on a plain background look similar.

    Attributes:
        device: where to compare.
        values: float16 (n, s, s), on the CPU; s is 32, or 48 for images of 48 pixels or more.
        coarse: float16 (n, s / 2, s / 2), the same at half the resolution.
    """

    def __init__(self, images: Tensor, index: Tensor, *, device: torch.device) -> None:
        """Compute the details of `images[index]`: images uint8 (m, h, w, c), possibly memory-mapped; index int64 (n,)."""
        self.device = device
        side = max(side for side in SCALES if side <= max(images.shape[1], min(SCALES)))
        self.values = torch.empty(len(index), side, side, dtype=torch.float16)
        self.coarse = torch.empty(len(index), side // 2, side // 2, dtype=torch.float16)

        def fill(start: int) -> None:
            light = luminance(without_frames(to_inputs(images[index[start : start + BATCH]], device)))
            if light.shape[2:] != (side, side):
                light = functional.interpolate(light, size=(side, side), mode="bilinear", antialias=True)
            light = light[:, 0]
            fine = blur(light, FINE)
            detail = fine - blur(fine, COARSE)
            contrast = blur(detail.square(), AROUND).sqrt()
            even = detail / (contrast + LEAST)
            self.values[start : start + BATCH] = even.half().cpu()
            self.coarse[start : start + BATCH] = functional.avg_pool2d(even[:, None], 2)[:, 0].half().cpu()

        parallel_map(fill, range(0, len(index), BATCH), device)

    def __len__(self) -> int:
        return len(self.values)


def coarse_similarity(first: Details, second: Details, pairs: Tensor, *, mirrored: Tensor, turns: Tensor | None = None) -> Tensor:
    """Return a much faster estimate of `similarity`, at half the resolution and shifts of one pixel; not a bound."""

    def compare(a: Tensor, b: Tensor) -> Tensor:
        return correlation(a[:, 1:-1, 1:-1], b)

    return _in_batches(first.coarse, second.coarse, pairs, mirrored, turns, first.device, compare)


def quick_similarity(first: Details, second: Details, pairs: Tensor, *, mirrored: Tensor, turns: Tensor | None = None) -> Tensor:
    """Return `similarity` over shifts only: a lower bound, and much faster."""
    return _in_batches(first.values, second.values, pairs, mirrored, turns, first.device, lambda a, b: correlation(_middle(a), b))


def crop_similarity(first: Details, second: Details, pairs: Tensor, *, mirrored: Tensor, turns: Tensor | None = None) -> Tensor:
    """Return `similarity` with either image magnified by one factor only: another fast lower bound."""

    def compare(a: Tensor, b: Tensor) -> Tensor:
        magnify = magnification(SCALES[a.shape[1]].crop, a.shape[1]).to(a.device)
        one, other = (magnify @ details @ magnify.T for details in (a, b))
        return torch.maximum(correlation(_middle(one), b), correlation(_middle(a), other))

    return _in_batches(first.values, second.values, pairs, mirrored, turns, first.device, compare)


def similarity(first: Details, second: Details, pairs: Tensor, *, mirrored: Tensor, turns: Tensor | None = None) -> Tensor:
    """Return the largest normalised cross-correlation of the details of two images over small shifts and scales.

    The centre of one image is matched against the other (of 32 pixels, 26, so shifts of up to 3 pixels), with either image
    magnified by up to 1.22. The vertical and horizontal factors may differ: the search tries a common factor, then the
    vertical, then the horizontal one. Brightness, contrast and smooth background are ignored.

    Args:
        first: details of the images that `pairs[:, 0]` indexes.
        second: details of the images that `pairs[:, 1]` indexes; may be `first`.
        pairs: int64 (p, 2).
        mirrored: bool (p,), whether to mirror the second image first.
        turns: int64 (p,), by how many quarter turns, counterclockwise, to turn the second image then; None: none.

    Returns:
        float32 (p,), in [-1, 1]: 1 for images that differ only in brightness, contrast and these alignments; 0 where one image
        has no detail.
    """
    return _in_batches(first.values, second.values, pairs, mirrored, turns, first.device, _aligned)


def _in_batches(
    first: Tensor,
    second: Tensor,
    pairs: Tensor,
    mirrored: Tensor,
    turns: Tensor | None,
    device: torch.device,
    compare: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    def compare_batch(start: int) -> Tensor:
        batch = slice(start, start + BATCH)
        one, other = pairs[batch].T
        a, b = first[one].to(device).float(), second[other].to(device).float()
        return compare(a, oriented_each(b, mirrored[batch].to(device), quarters[batch].to(device))).clamp(-1, 1).cpu()

    quarters = torch.zeros(len(pairs), dtype=torch.int64) if turns is None else turns
    found = parallel_map(compare_batch, range(0, len(pairs), BATCH), device)
    return torch.cat(found) if found else torch.empty(0)


def _aligned(a: Tensor, b: Tensor) -> Tensor:
    """Return the best correlation over the magnifications, (p,), searched as `similarity` describes.

    Magnification i enlarges the second image by factor number i if i > 0, and the first by factor number -i if i < 0.
    """
    factors = (1.0, *SCALES[a.shape[1]].magnified)
    magnify = torch.stack([magnification(factor, a.shape[1]) for factor in factors]).to(a.device)
    tried = range(1 - len(factors), len(factors))

    def rows(details: Tensor, number: int) -> Tensor:
        return magnify[number] @ details if number > 0 else details

    def columns(details: Tensor, number: int) -> Tensor:
        return details @ magnify[number].T if number > 0 else details

    best, both = _best((columns(rows(a, -i), -i), columns(rows(b, i), i)) for i in tried)
    both += tried[0]
    one, other = a @ magnify[(-both).clamp(min=0)].transpose(1, 2), b @ magnify[both.clamp(min=0)].transpose(1, 2)
    best, along = _best((rows(one, -i), rows(other, i)) for i in tried)
    along += tried[0]
    one, other = magnify[(-along).clamp(min=0)] @ a, magnify[along.clamp(min=0)] @ b
    best_across, _ = _best((columns(one, -i), columns(other, i)) for i in tried)
    return torch.maximum(best, best_across)


def _best(laid: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return the largest correlation of each pair over several alignments, (p,), and the index of the best alignment, (p,)."""
    best = torch.stack([correlation(_middle(one), other) for one, other in laid]).max(0)
    return best.values, best.indices


def magnification(factor: float, side: int) -> Tensor:
    """Return the (side, side) matrix that magnifies `side` pixels about their centre, with bilinear interpolation."""
    middle = (side - 1) / 2
    source = (torch.arange(side) - middle) / factor + middle
    left = source.floor().clamp(0, side - 2)
    weights = torch.zeros(side, side)
    weights.scatter_(1, left.long()[:, None], (1 - (source - left))[:, None])
    return weights.scatter_(1, left.long()[:, None] + 1, (source - left)[:, None])


def _middle(details: Tensor) -> Tensor:
    side = details.shape[1]
    shift = SCALES[side].shift
    return details[:, shift : side - shift, shift : side - shift]


def correlation(templates: Tensor, images: Tensor) -> Tensor:
    """Return the largest normalised cross-correlation of each template with its image, over all positions inside it.

    Args:
        templates: (p, t, t).
        images: (p, s, s), s >= t.

    Returns:
        (p,), in [-1, 1]; 0 where the template, or the image at every position, is flat.
    """
    count, side = len(templates), templates.shape[1]
    area = side * side
    centred = templates - templates.mean((1, 2), keepdim=True)
    length = centred.flatten(1).norm(dim=1)
    # one group per pair, so that each template slides over its own image only
    products = functional.conv2d(images[None], centred[:, None], groups=count)[0]
    sums, squares = _window_sums(images, side), _window_sums(images.square(), side)
    lengths = (squares - sums.square() / area).clamp(min=0).sqrt()
    flat = (length[:, None, None] < _FLAT * side) | (lengths < _FLAT * side)
    values = products / (length[:, None, None] * lengths).clamp(min=1e-12)
    return values.masked_fill(flat, 0.0).flatten(1).amax(1)


def _window_sums(images: Tensor, side: int) -> Tensor:
    """Return the sums over all `side` x `side` windows, (p, s, s) -> (p, s - side + 1, s - side + 1)."""
    place = torch.arange(images.shape[1], device=images.device)
    start = torch.arange(images.shape[1] - side + 1, device=images.device)[:, None]
    band = ((place >= start) & (place < start + side)).to(images.dtype)
    return band @ images @ band.T


def blur(images: Tensor, deviation: float) -> Tensor:
    """Return images (b, s, s) after a Gaussian blur, with repeated edges, truncated at three deviations."""
    side, reach = images.shape[1], round(3 * deviation)
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    weights = torch.exp(-offsets.to(images.dtype).square() / (2 * deviation**2))
    sources = (torch.arange(side, device=images.device)[:, None] + offsets).clamp(0, side - 1)
    matrix = images.new_zeros(side, side).scatter_add_(1, sources, (weights / weights.sum()).expand(side, -1))
    return matrix @ images @ matrix.T
