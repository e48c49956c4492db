"""Layout of an image folder: which folders are splits and which are classes. No file is opened.

Top-level folders named train, val, test and so on are splits if all top-level folders with images have such names; beside
class folders, such a folder is a class. The class of an image is the topmost folder below its split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from curv_issues.data.accounts import shorten
from curv_issues.data.folder_names import SPLIT_NAMES, WRAPPERS, say_no_class
from curv_issues.errors import DatasetError, UsageError

_DEEPEST_WRAPPER = 3

Parts = tuple[str, ...]

BESIDE_SPLITS = "in a folder beside the splits"
NO_CLASS_FOLDER = "not in a class folder"


@dataclass(frozen=True)
class Layout:
    """The splits of an image folder.

    Attributes:
        base: path parts of the folder that holds the splits or classes; () is the root.
        splits: split name -> path parts of its images; an unnamed split is called "train".
        has_split_names: False: the folder names no splits; "train" is a default.
        aliases: alternative split name in lower case -> split name.
        left_out: path parts of images in no split -> reason.
        notes: what a user should know about the choices, one line each.
        depth: number of folders above the class folders: the base, and the split if there is one.
    """

    base: Parts
    splits: dict[str, list[Parts]]
    has_split_names: bool
    depth: int
    aliases: dict[str, str] = field(default_factory=dict)
    left_out: dict[Parts, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class ClassesOfSplit(NamedTuple):
    """The classes of one split, named by folders.

    Attributes:
        images: path parts of the images in a class folder.
        labels: class index of each of these images.
        names: class names, sorted.
        outside: path parts of the images outside all class folders.
        deeper: names of folders below the class folders, sorted.
    """

    images: list[Parts]
    labels: list[int]
    names: tuple[str, ...]
    outside: list[Parts]
    deeper: tuple[str, ...]


def find_layout(images: Sequence[Parts], *, root_name: str, splits: bool | None = None) -> Layout:
    """Find the splits of a folder.

    Args:
        images: path parts of all images, sorted, at least one.
        root_name: name of the folder; an unpacked archive often repeats it inside.
        splits: whether top-level folders with split names are splits; None: by the rule above.

    Raises:
        UsageError: `splits` is True and no folder has a split name.
    """
    base, notes = _unwrap(images, root_name)
    level = len(base)
    inside = [parts for parts in images if parts[:level] == base]
    outside = dict.fromkeys((parts for parts in images if parts[:level] != base), NO_CLASS_FOLDER)
    top: dict[str, list[Parts]] = {}
    for parts in inside:
        if len(parts) > level + 1:
            top.setdefault(parts[level], []).append(parts)
    named = [name for name in top if name.lower() in SPLIT_NAMES]
    others = [name for name in top if name.lower() not in SPLIT_NAMES]
    if splits and not named:
        raise UsageError(
            f"--splits (splits=True) needs folders named {', '.join(SPLIT_NAMES)}; "
            f"{'there are ' + shorten(top) if top else 'there are no folders with images'}."
        )
    if not named or splits is False or (splits is None and others and not _are_splits(top, named, others, level)):
        if named and splits is None:
            notes.append(
                f"These folders are read as classes, not as splits, because of other folders beside them ({shorten(others)}): "
                f"{shorten(named)}; if they are splits, use --splits."
            )
        return Layout(base, {"train": inside}, False, level, left_out=outside, notes=tuple(notes))

    names = _name_splits(named)
    usual = [SPLIT_NAMES[name.lower()] for name in named]
    if own := [name for name, split in zip(named, usual, strict=True) if usual.count(split) > 1]:
        notes.append(f"Several folders have names for the same split; each is read as its own split: {shorten(own)}.")
    beside = [parts for parts in inside if len(parts) > level + 1 and parts[level] in others]
    outside |= dict.fromkeys((parts for parts in inside if len(parts) == level + 1), NO_CLASS_FOLDER)
    if others:
        notes.append(
            f"{len(beside):,} {'image' if len(beside) == 1 else 'images'} left out: {shorten(others)}, beside the splits "
            f"{', '.join(named)}; use --no-splits if all of these folders are classes."
        )
    return Layout(
        base,
        {names[name]: top[name] for name in sorted(named, key=_order)},
        True,
        level + 1,
        aliases={name.lower(): names[name] for name in named},
        left_out={**outside, **dict.fromkeys(beside, BESIDE_SPLITS)},
        notes=tuple(notes),
    )


def find_classes(images: Sequence[Parts], *, depth: int, class_level: int) -> ClassesOfSplit:
    """Return the classes of a split, named by folders.

    Args:
        images: path parts of the images.
        depth: number of folders above the class folders; see `Layout`.
        class_level: which folder below the split is the class; 1 is the topmost.

    Raises:
        DatasetError: the name of a class folder is not UTF-8 text.
    """
    place = depth + class_level - 1
    inside = [parts for parts in images if len(parts) > place + 1]
    found = [parts[place] for parts in inside]
    names = tuple(sorted(set(found)))
    for name in names:
        if not _is_text(name):
            shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise DatasetError(f"The name of the class folder {shown} is not UTF-8 text; rename the folder.")
    index_of = {name: index for index, name in enumerate(names)}
    return ClassesOfSplit(
        inside,
        [index_of[name] for name in found],
        names,
        outside=[parts for parts in images if len(parts) <= place + 1],
        deeper=tuple(sorted({parts[place + 1] for parts in inside if len(parts) > place + 2})),
    )


def _unwrap(images: Sequence[Parts], root_name: str) -> tuple[Parts, list[str]]:
    """Return the parts of a wrapper folder such as `images` that contains all others, as in many archives, and a note on it."""
    base: Parts = ()
    for _ in range(_DEEPEST_WRAPPER):
        level = len(base)
        top = {parts[level] for parts in images if len(parts) > level + 1 and parts[:level] == base}
        only = next(iter(top)) if len(top) == 1 else ""
        below = {parts[level + 1] for parts in images if len(parts) > level + 2 and parts[:level] == base}
        if not below or not (only.lower() in WRAPPERS or only == root_name):
            break
        base = (*base, only)
    notes = [f"{'/'.join(base)} is the only folder with images; its subfolders are read as classes or splits."] if base else []
    return base, notes


def _are_splits(top: dict[str, list[Parts]], named: list[str], others: list[str], level: int) -> bool:
    """Return whether folders with split names are splits although other folders are beside them.

    They are if two splits contain class folders, or one does and the other folders have no class names.
    """

    def holds_classes(name: str) -> bool:
        return sum(len(parts) > level + 2 for parts in top[name]) > len(top[name]) / 2

    holding = {SPLIT_NAMES[name.lower()] for name in named if holds_classes(name)}
    return len(holding) > 1 or (len(holding) == 1 and say_no_class(others))


def _name_splits(folders: Sequence[str]) -> dict[str, str]:
    """Return folder -> split name: train, validation or test, unless two folders would share it."""
    usual = {folder: SPLIT_NAMES[folder.lower()] for folder in folders}
    shared = {name for name in usual.values() if list(usual.values()).count(name) > 1}
    return {folder: folder if name in shared else name for folder, name in usual.items()}


def _order(folder: str) -> tuple[int, str]:
    return list(SPLIT_NAMES.values()).index(SPLIT_NAMES[folder.lower()]), folder


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
