"""Check the folders below class folders: they may be a dataset with splits, or the real classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from curv_issues.data.accounts import shorten
from curv_issues.data.folder_layout import ClassesOfSplit, Layout, Parts, find_layout
from curv_issues.data.folder_names import SPLIT_NAMES, say_no_class


class OnlyFolder(NamedTuple):
    """The folder that contains all images.

    Attributes:
        path: relative to the parent of the class folders, with forward slashes.
        depth: number of folders in that path.
        folders: its subfolders, sorted; none or several.
        dataset: parts of a folder of splits, at or above that path and below the root; None if there is none.
    """

    path: str
    depth: int
    folders: tuple[str, ...]
    dataset: Parts | None


def find_only_folder(layout: Layout, *, level: int, splits: bool | None) -> OnlyFolder:
    """Descend from a single class folder while there is only one subfolder, or until a folder of splits.

    Args:
        layout: layout of a folder with all images in one class folder.
        level: level of the class folders.
        splits: option of the user; False: do not search for splits.
    """
    above = layout.depth + level - 1
    images = [parts for images in layout.splits.values() for parts in images if len(parts) > above + 1]
    prefixes = {parts[:above] for parts in images}
    inside = [parts[above:] for parts in images]
    path: Parts = ()
    dataset = None
    while len(folders := sorted({parts[0] for parts in inside if len(parts) > 1})) == 1:
        if dataset is None and splits is not False and len(prefixes) == 1 and _has_splits(inside):
            dataset = (*next(iter(prefixes)), *path)
        path = (*path, folders[0])
        inside = [parts[1:] for parts in inside if len(parts) > 1]
    if dataset is None and splits is not False and len(prefixes) == 1 and inside and _has_splits(inside):
        dataset = (*next(iter(prefixes)), *path)
    return OnlyFolder("/".join(path), len(path), tuple(folders), dataset)


def note_folders_below(classes: ClassesOfSplit, *, name: str, depth: int, level: int) -> list[str]:
    """Return a note on subfolders of class folders, which may be the real classes, or splits.

    Args:
        classes: classes of one split.
        name: name of the dataset in messages.
        depth: number of folders above the class folders of level 1.
        level: level of the class folders.
    """
    if not classes.deeper:
        return []
    place = depth + level - 1
    start = f"The classes are the folders at level {level} ({shorten(classes.names)});"
    if not _are_splits(classes.deeper):
        deeper, below = classes.deeper, level + 1
        while deeper and say_no_class(deeper):  # for example "images"
            below += 1
            deeper = tuple(sorted({parts[depth + below - 1] for parts in classes.images if len(parts) > depth + below}))
        if not deeper:
            kinds = f"{start} the images of all folders in them ({shorten(classes.deeper)}) are audited together."
            is_mixed = any(len(parts) == place + 2 for parts in classes.images)
            return [kinds] if is_mixed or len(classes.deeper) > 1 else []
        return [f"{start} they have subfolders ({shorten(deeper)}): use --class-level {below} if those are the classes."]
    holders = {parts[: place + 1] for parts in classes.images if len(parts) > place + 2}
    start += f" subfolders with split names ({shorten(classes.deeper)}) are not read as splits:"
    if len(holders) == 1:
        (holder,) = holders
        return [f"{start} if {holder[-1]} is the dataset, audit {os.path.join(name, *holder)}."]
    return [f"{start} all their images are audited together."]


def note_split_names(names: Sequence[str], *, level: int, splits: bool | None) -> list[str]:
    """Return a note if all classes below level 1 have split names and the option `splits` is not set."""
    if level == 1 or splits is not None or not _are_splits(names):
        return []
    start = f"The classes at level {level} have split names ({shorten(names)});"
    return [f"{start} if they are splits, audit the folder that holds them."]


def _has_splits(inside: Sequence[Parts]) -> bool:
    return find_layout(inside, root_name=".").has_split_names


def _are_splits(names: Sequence[str]) -> bool:
    """Return whether all folders have split names, or several splits are among them."""
    named = [SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES]
    return len(named) == len(names) or len(set(named)) > 1
