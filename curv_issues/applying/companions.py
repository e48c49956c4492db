"""Find the files that belong to an image, such as its mask or its caption, so that they go where it goes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from curv_issues.data.masks import stem_without_mask


def find_companions(
    files: Sequence[str], images: Sequence[str], *, place: int
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return image -> its companions: files of the same class folder with the same name but for the ending, or a mask of it.

    `1.txt`, `1.png.json`, `1_mask.png` and `masks/1.png` belong to `1.png`, if it is the only image of that name in their folder
    or, without one there, in its class folder. The second mapping has the files that may belong to each of several images.

    Args:
        files: paths of all files.
        images: paths of the samples.
        place: which part of a path is the class folder, from 0.
    """
    samples: dict[tuple[str, str], list[str]] = {}
    for image in images:
        samples.setdefault((_folder(image, place), posixpath.splitext(posixpath.basename(image))[0]), []).append(image)
    is_sample = set(images)
    found: dict[str, list[str]] = {}
    unclear: dict[str, list[str]] = {}
    for file in files:
        if file in is_sample or file.count("/") <= place:
            continue
        folder = _folder(file, place)
        owners = next((samples[folder, stem] for stem in _stems(posixpath.basename(file)) if (folder, stem) in samples), [])
        beside = [image for image in owners if posixpath.dirname(image) == posixpath.dirname(file)]
        owners = beside or owners
        for owner in owners:
            (found if len(owners) == 1 else unclear).setdefault(owner, []).append(file)
    return found, unclear


def _folder(path: str, place: int) -> str:
    return "/".join(path.split("/")[: place + 1])


def _stems(name: str) -> Iterator[str]:
    """Yield what may be the name of the image, longest first."""
    stem, ending = posixpath.splitext(name)
    while ending:
        yield stem
        if (without := stem_without_mask(stem)) is not None:
            yield without
        stem, ending = posixpath.splitext(stem)
