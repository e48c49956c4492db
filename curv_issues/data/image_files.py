"""Find the files of loaded images on this machine, and those that can be removed without loss."""

from __future__ import annotations

import os

import numpy as np

from curv_issues.data.base import LabeledData


def image_files(data: LabeledData, index: np.ndarray | None = None) -> np.ndarray:
    """Return the absolute path of each image's file, object (m,); None for an image without a file of its own.

    A path counts only if it leads to a regular file of the size that was read, because what is listed may be deleted later.

    Args:
        data: n samples.
        index: int64 (m,), positions of the images; None: all.
    """
    places = _places(data)
    positions = range(len(data)) if index is None else index.tolist()
    found = np.full(len(positions), None, dtype=object)
    for number, position in enumerate(positions):
        place = places[position]
        if place is not None and os.path.isfile(place) and os.path.getsize(place) == data.num_bytes[position]:
            found[number] = place
    return found


def _places(data: LabeledData) -> list[str | None]:
    """Return where each image's file should be; None if its path is not one of this machine, as in a dataset of the Hub."""
    nowhere: list[str | None] = [None] * len(data)
    opened = (data.source.opened_with or {}).get("dataset") or []
    if not opened or not all(map(os.path.isabs, opened)):  # ids of the Hub are recorded as they are
        return nowhere
    if len(opened) == data.source.num_rows:
        listed = [opened[row] for row in data.rows]
        if all(path is not None and os.path.abspath(path) == place for path, place in zip(data.paths, listed, strict=True)):
            return listed  # a list of image files
    folders = {os.path.realpath(place if os.path.isdir(place) else os.path.dirname(place)) for place in opened}
    if len(folders) > 1:
        return nowhere
    (folder,) = folders
    return [None if path is None else os.path.join(folder, path) for path in data.paths]


def lead_through_links(files: np.ndarray) -> np.ndarray:
    """Return whether each path is a link or leads through a linked folder, bool (n,); False for None."""
    return np.array([file is not None and os.path.realpath(file) != file for file in files], dtype=bool)


def can_be_removed(file: str, kept: str) -> bool:
    """Return whether a kept file is still there after `file` is removed: a link to it may go, but not what it leads to."""
    if os.path.realpath(file) != os.path.realpath(kept):
        return True
    return os.path.islink(file) and not os.path.islink(kept)
