"""Folders in which no file is an image that can be read, and what they hold instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from curv_issues.data.accounts import shorten
from curv_issues.data.folder_layout import Parts
from curv_issues.data.walk import HIDDEN, FoundFile, FoundTree

_MOST_ENDINGS = 3


def note_folders_without_images(tree: FoundTree, images: Sequence[Parts]) -> list[str]:
    """Return a note on the folders in which no image lies, at any depth; of folders in each other the outermost."""
    used = {parts[:depth] for parts in images for depth in range(1, len(parts))}
    held: dict[Parts, list[FoundFile]] = {
        folder: [] for folder in tree.folders if folder not in used and (len(folder) == 1 or folder[:-1] in used)
    }
    if not held:
        return []
    for file in tree.files:
        for depth in range(1, len(file.parts)):
            if file.parts[:depth] in held:
                held[file.parts[:depth]].append(file)
    shown = (f"{'/'.join(folder)} ({list_endings(files) or 'no files'})" for folder, files in held.items())
    return [f"No file in these folders is an image that can be read: {shorten(shown)}."]


def list_endings(files: Iterable[FoundFile]) -> str:
    """Return the endings of files for a message, the most frequent first; "" if there are none but hidden files."""
    count = Counter(file.ending or "no ending" for file in files if file.refused != HIDDEN)
    return shorten((ending for ending, _ in count.most_common()), _MOST_ENDINGS)
