"""Detect masks and other companions of images, which are not samples."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from curv_issues.data.folder_layout import Parts
from curv_issues.data.folder_names import WRAPPERS, words_of

BESIDE_AN_IMAGE = "mask beside an image"

_FOLDERS = frozenset(
    {"annotation", "annotations", "depth", "ground", "groundtruth", "gt", "mask", "masks", "segmentation", "segmentations"}
    | {"thumbnail", "thumbnails", "thumbs", "trimap", "trimaps", "truth"}
)
_FILE = re.compile(r"(.+)_(?:mask|seg|segmentation|gt|groundtruth)(?:_\d+)?", re.IGNORECASE)


def says_mask(folder: str) -> bool:
    """Return whether the name of a folder means masks or other companion images only."""
    words = words_of(folder)
    return bool(words) and _FOLDERS.issuperset(words)


def find_masks(images: Sequence[Parts], *, depth: int) -> set[Parts]:
    """Return masks: files in folders such as `masks` beside images or `images`, and files such as `1_mask.png` beside `1.png`.

    Args:
        images: path parts of the images.
        depth: number of folders down to the class folder; only folders below it count.
    """
    below = {parts[: depth + 1] for parts in images if len(parts) > depth + 1}
    beside_images = {folder[:-1] for folder in below if folder[-1].lower() in WRAPPERS}
    beside_images |= {parts[:-1] for parts in images if len(parts) == depth + 1}
    folders = {folder for folder in below if folder[:-1] in beside_images and says_mask(folder[-1])}
    found = {parts for parts in images if parts[: depth + 1] in folders}
    named = {parts: match[1] for parts in images if "_" in parts[-1] and (match := _FILE.fullmatch(_stem(parts)))}
    stems = {(*parts[:-1], _stem(parts)) for parts in images} if named else set()
    return found | {parts for parts, stem in named.items() if (*parts[:-1], stem) in stems}


def stem_without_mask(stem: str) -> str | None:
    """Return the name of the image that a mask such as `1_mask` belongs to; None for other names."""
    match = _FILE.fullmatch(stem)
    return None if match is None else match[1]


def _stem(parts: Parts) -> str:
    return os.path.splitext(parts[-1])[0]
