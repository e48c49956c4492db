"""Find candidate pairs of near-duplicates: nearest neighbours by descriptor, mirrored or not, and by features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.device import compute_type
from curv_issues.duplicates.cells import Cells
from curv_issues.duplicates.descriptor import OF_LIGHT, describe, describe_oriented
from curv_issues.duplicates.nearest import nearest
from curv_issues.duplicates.orientation import TURNED, inverse

NEIGHBOURS = 10  # per image and search
FAR = 5  # neighbours of this rank (from 0) and beyond count as different images when the threshold is chosen
COMPONENTS = 64  # principal components kept of the features
AXES = 7  # principal axes of the luminance that assign cells: more miss cropped copies, fewer make cells less distinct
APPROXIMATE_FROM = 200_000  # images; above this the exact search, quadratic in time, is too slow on a CPU

Found = tuple[Tensor, Tensor, Tensor | int]
"""Pairs of one search, (p, 2); the rank of each, (p,); the code of the second image's orientation, one for all or (p,)."""


class Candidates(NamedTuple):
    """p pairs that may be duplicates.

    Attributes:
        pairs: int64 (p, 2), positions in the first and in the second set of images; within one set the smaller one first.
        mirrored: bool (p,), whether the second image is mirrored.
        far: bool (p,), whether no search ranked the pair among the five nearest.
        turns: int64 (p,), by how many quarter turns, counterclockwise, the second image is turned after that.
    """

    pairs: Tensor
    mirrored: Tensor
    far: Tensor
    turns: Tensor


def candidates_within(
    images: Tensor, index: Tensor, features: Tensor | None, *, device: torch.device, turned: bool = False
) -> Candidates:
    """Return candidates among n images: the ten nearest of each image in each search.

    On a CPU, the search is approximate for 200,000 images or more.

    Args:
        images: uint8 (m, h, w, c).
        index: int64 (n,), positions of the n images; pairs are positions in `index`.
        features: float (n, d), such as a probe's embeddings; or None.
        device: where to compute.
        turned: whether to search for images turned by 90, 180 and 270 degrees too, mirrored or not.
    """
    plain, mirrored = describe(images, index, device=device)
    itself = torch.arange(len(index))
    search = search_of(plain, device, axes=axes_of_light)
    rows, products = search(torch.cat([plain, mirrored]), torch.cat([itself, itself]))
    n = len(index)
    found = [
        as_pairs((rows[:n], products[:n]), False, symmetric=True),
        as_pairs((rows[n:], products[n:]), True, symmetric=True),
    ]
    for is_mirrored, turns in TURNED if turned else ():
        queries = describe_oriented(plain, mirrored=is_mirrored, turns=turns)
        found.append(as_pairs(search(queries, itself), is_mirrored, turns=turns, symmetric=True))
    if features is not None:  # features do not show the orientation of an image, so try all
        whitened = whiten(features)
        near = as_pairs(search_of(whitened, device)(whitened, itself), False, symmetric=True)
        pairs, ranks, _ = near
        found += [near, *((pairs, torch.zeros_like(ranks), code) for code in range(1, 8 if turned else 2))]
    return unique_pairs(found, len(index))


def candidates_between(
    images: Tensor, index: Tensor, others: Tensor, index_2: Tensor, *, device: torch.device, turned: bool = False
) -> Candidates:
    """Return candidates between two sets: the ten nearest of each image in the other set, mirrored or not.

    If `turned`, also the ten nearest of each image of the first set in all other orientations.
    """
    described, described_2 = (describe(*each, device=device) for each in ((images, index), (others, index_2)))
    search, search_2 = (search_of(plain, device, axes=axes_of_light) for plain, _ in (described, described_2))
    found = []
    for flipped, queries, queries_2 in zip((False, True), described, described_2, strict=True):
        forward = as_pairs(search_2(queries, None), flipped, symmetric=False)
        pairs, ranks, _ = as_pairs(search(queries_2, None), flipped, symmetric=False)
        found += [forward, (pairs.flip(1), ranks, flipped)]
    for flipped, turns in (*TURNED, (False, 3)) if turned else ():
        queries = describe_oriented(described[0], mirrored=flipped, turns=turns)
        found.append(as_pairs(search_2(queries, None), flipped, turns=turns, symmetric=False))
    return unique_pairs(found, len(index_2))


def search_of(
    gallery: Tensor, device: torch.device, *, axes: Callable[[Tensor], Tensor] | None = None
) -> Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]:
    """Return a function (queries, itself) that searches the gallery as `nearest` does; `axes` gives the axes of its cells."""
    dtype = compute_type(device)
    if device.type == "cpu" and len(gallery) >= APPROXIMATE_FROM:
        cells = Cells(gallery, device=device, dtype=dtype, axes=axes and axes(gallery))
        return lambda queries, itself: cells.nearest(queries, NEIGHBOURS, itself=itself)
    return lambda queries, itself: nearest(queries, gallery, NEIGHBOURS, device=device, itself=itself, dtype=dtype)


def axes_of_light(descriptions: Tensor) -> Tensor:
    """Return the seven principal axes, (d, 7), of the luminance in descriptions, float32 (n, d).

    Grey copies have the same luminance; shifted or cropped copies have nearly the same along these axes.
    """
    light = descriptions[:, :OF_LIGHT]
    _, axes = torch.linalg.eigh(light.T @ light)
    found = descriptions.new_zeros(descriptions.shape[1], AXES)
    found[:OF_LIGHT] = axes[:, -AXES:]
    return found


def whiten(features: Tensor) -> Tensor:
    """Return the features on their first 64 principal axes, scaled to deviation 1, then rows to unit length; float32."""
    centred = features.float() - features.float().mean(0)
    centred -= centred.mean(0)  # again, so that the rounding error of a large constant does not become an axis
    covariance = centred.T @ centred / max(1, len(centred))
    # In float32, LAPACK may not converge if units are constant over all images, as after a high learning rate.
    variances, axes = (values.float() for values in torch.linalg.eigh(covariance.double()))
    kept = variances > 1e-8 * variances.amax()
    variances, axes = variances[kept][-COMPONENTS:], axes[:, kept][:, -COMPONENTS:]
    return functional.normalize(centred @ axes / variances.sqrt(), dim=1)


def as_pairs(neighbours: tuple[Tensor, Tensor], mirrored: bool, *, symmetric: bool, turns: int = 0) -> Found:
    """Convert (q, k) neighbours of queries in an orientation to pairs, query first; if `symmetric`, the smaller position first."""
    rows, products = neighbours
    count, k = rows.shape
    pairs = torch.stack([torch.arange(count)[:, None].expand(-1, k), rows], dim=2).reshape(-1, 2)
    found = products.flatten() > float("-inf")
    pairs, ranks = pairs[found], torch.arange(k).repeat(count)[found]
    of_query = 2 * turns + mirrored
    if not symmetric:
        return pairs, ranks, inverse(of_query)
    codes = torch.where(pairs[:, 0] > pairs[:, 1], of_query, inverse(of_query))  # the query is the second image, or the first
    return pairs.sort(dim=1).values, ranks, codes


def unique_pairs(found: list[Found], width: int) -> Candidates:
    """Return each pair once per orientation, with the best rank that any search gave it."""
    keys = torch.cat([(pairs[:, 0] * width + pairs[:, 1]) * 8 + code for pairs, _, code in found])
    ranks = torch.cat([ranks for _, ranks, _ in found])
    unique, place = torch.unique(keys, return_inverse=True)
    best = torch.full((len(unique),), NEIGHBOURS).scatter_reduce_(0, place, ranks, "amin")
    both = unique // 8
    return Candidates(torch.stack([both // width, both % width], 1), unique % 2 == 1, best >= FAR, unique % 8 // 2)
