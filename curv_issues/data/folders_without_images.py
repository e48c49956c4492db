"""Report folders without a readable image, and what they contain instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.folder_layout import Parts
from curv_issues.data.image_types import IMAGE_ENDINGS
from curv_issues.data.walk import HIDDEN, FoundFile, FoundTree, is_hidden

_MOST_ENDINGS = 3
_FOLDERS_OF_PROGRAMS = frozenset(
    {".@__thumb", ".appledouble", ".cache", ".git", ".ipynb_checkpoints", ".picasaoriginals", ".thumbnails", ".thumbs", ".trash"}
)


def note_folders_without_images(tree: FoundTree, images: Sequence[Parts]) -> list[str]:
    """Return a note on folders without images at any depth; of nested ones, only the outermost."""
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
    return [f"These folders contain no readable image: {shorten(shown)}."]


def note_hidden_folders(tree: FoundTree, images: Sequence[Parts]) -> list[str]:
    """Return a note on folders with images that are skipped only because their names start with a dot."""
    levels = {len(parts) - 1 for parts in images}
    hidden = Counter(
        file.parts[:-1]
        for file in tree.files
        if file.refused == HIDDEN and file.ending in IMAGE_ENDINGS and len(file.parts) - 1 in levels and _is_dotted(file.parts)
    )
    if not hidden:
        return []
    shown = (f"{'/'.join(folder)} ({counted(count, 'image')})" for folder, count in hidden.items())
    return [f"Folders whose names start with a dot are skipped: {shorten(shown)}; rename them if they are classes."]


def _is_dotted(parts: Parts) -> bool:
    *above, folder, name = parts
    others_are_shown = not any(map(is_hidden, (*above, name)))
    return others_are_shown and folder.startswith(".") and folder.lower() not in _FOLDERS_OF_PROGRAMS


def list_endings(files: Iterable[FoundFile]) -> str:
    """Return the file extensions for a message, most frequent first; "" if there are only hidden files."""
    count = Counter(file.ending or "no extension" for file in files if file.refused != HIDDEN)
    return shorten((ending for ending, _ in count.most_common()), _MOST_ENDINGS)
