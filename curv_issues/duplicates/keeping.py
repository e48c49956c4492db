"""Choose which images of each group of duplicates to keep, so that every other one is a duplicate of a kept one.

Duplicates that are linked by a chain may differ at its ends, such as the first and the last image of a burst. So the best image
of a chain is kept first, with its own duplicates; then the best one of the rest, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from curv_issues.duplicates.base import NEAR, ComparedImages
from curv_issues.duplicates.groups import group_images
from curv_issues.duplicates.orientation import codes_of, inverse

CONFIRMED = 8  # rounds in which the kept image is compared with all others of its chain; after them, only known pairs count

Compare = Callable[[np.ndarray], ComparedImages]
"""Compares pairs of images, int64 (p, 2), each in its best orientation; returns them in the same order."""


class Member(NamedTuple):
    """A member of a group of duplicates.

    Attributes:
        image: position of the image.
        kept: position of the kept image of the group; `image` itself for the kept one.
        similarity: to the kept image; 1 for itself.
        is_near: False if the pixels are identical.
        code: code of the orientation of the kept image that matches this image; see `orientation`.
    """

    image: int
    kept: int
    similarity: float = 1.0
    is_near: bool = False
    code: int = 0


def preference(
    sizes: np.ndarray, num_bytes: np.ndarray, is_lossless: np.ndarray, is_link: np.ndarray, paths: Sequence[str | None]
) -> np.ndarray:
    """Return the rank of each image, int64 (n,), 0 for the one to keep first.

    More pixels are better; then a lossless format; then more bytes, that is, less compression; then a file rather than a link;
    then the first path. Paths are compared folder by folder and the names without extension, so a.jpg comes before "a (1).jpg".

    Args:
        sizes: (n, 2), height and width in pixels.
        num_bytes: (n,), sizes of the files.
        is_lossless: bool (n,), whether the files are stored without loss.
        is_link: bool (n,), whether the path leads through a link.
        paths: n paths; None is like an empty path.
    """
    names = [_path_key(path or "") for path in paths]
    by_name = np.empty(len(names), dtype=np.int64)
    by_name[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))  # a stable sort, so ties keep their order
    pixels = sizes[:, 0].astype(np.int64) * sizes[:, 1]
    rank = np.empty_like(by_name)
    rank[np.lexsort((by_name, is_link, -num_bytes, ~is_lossless, -pixels))] = np.arange(len(names))
    return rank


def choose_kept(compared: ComparedImages, identical: np.ndarray, rank: np.ndarray, compare: Compare) -> list[list[Member]]:
    """Return the groups of duplicates, in each the kept image first.

    Args:
        compared: pairs of n images, of which identical ones are linked to their first copy.
        identical: int64 (n,), position of the first image with the same pixels.
        rank: int64 (n,), as `preference` returns it.
        compare: compares images that were not compared before, or not thoroughly.
    """
    same = compared.same()
    copies: dict[int, list[int]] = {}
    for image in np.argsort(rank):
        copies.setdefault(int(identical[image]), []).append(int(image))  # the best copy first
    chains: dict[int, list[int]] = {}
    chain_of = group_images(same, len(rank))
    for first, images in copies.items():  # the best ones first
        if chain_of[images[0]] >= 0:
            chains.setdefault(int(chain_of[images[0]]), []).append(first)
    links = _Links(same)
    groups: list[list[int]] = []
    left, rounds = list(chains.values()), 0
    while left:
        if rounds < CONFIRMED:
            links.extend(compare, [(chain[0], other) for chain in left for other in chain[1:]], compared.threshold)
        rounds += 1
        groups += [[chain[0], *(other for other in chain[1:] if other in links.of(chain[0]))] for chain in left]
        rest = [[other for other in chain[1:] if other not in links.of(chain[0])] for chain in left]
        left = [chain for chain in rest if chain]
    members = [_members(group, copies, links) for group in groups]
    return [group for group in members if len(group) > 1]


class _Links:
    """Pairs of near-duplicates among first copies: image -> other image -> (similarity, code of the image's orientation)."""

    def __init__(self, same: ComparedImages) -> None:
        self._found: dict[int, dict[int, tuple[float, int]]] = {}
        self._add(same.taken(same.test == NEAR))

    def of(self, image: int) -> dict[int, tuple[float, int]]:
        return self._found.get(image, {})

    def extend(self, compare: Compare, pairs: Sequence[tuple[int, int]], threshold: float) -> None:
        """Compare pairs that are not linked yet, and link those that are duplicates."""
        unknown = np.array([pair for pair in pairs if pair[1] not in self.of(pair[0])], dtype=np.int64).reshape(-1, 2)
        if len(unknown):
            found = compare(unknown)
            self._add(found.taken(found.similarity >= threshold))

    def _add(self, pairs: ComparedImages) -> None:
        codes = codes_of(pairs.mirrored, pairs.turns)
        for first, second, similarity, code in zip(
            pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), codes.tolist(), strict=True
        ):
            self._found.setdefault(second, {})[first] = (similarity, code)
            self._found.setdefault(first, {})[second] = (similarity, inverse(code))


def _members(group: Sequence[int], copies: dict[int, list[int]], links: _Links) -> list[Member]:
    kept, *others = copies[group[0]]
    found = [Member(kept, kept), *(Member(image, kept) for image in others)]
    for first in group[1:]:
        similarity, code = links.of(group[0])[first]
        found += [Member(image, kept, similarity, True, code) for image in copies[first]]
    return found


def _path_key(path: str) -> tuple[str, ...]:
    place = PurePosixPath(path)
    return (*place.parent.parts, place.stem, place.suffix)
