"""Write an image folder with corrected labels: images in other class folders, or metadata tables with other labels."""

from __future__ import annotations

import itertools
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from curv_issues.applying.companions import find_companions
from curv_issues.applying.copying import copy_tree
from curv_issues.applying.descriptions import update_descriptions
from curv_issues.applying.edits import DatasetEdits, TableEdits, Written
from curv_issues.applying.table_file import rewrite_table
from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.folder_labels import MatchedTable
from curv_issues.data.folder_names import WRAPPERS
from curv_issues.data.label_table import is_metadata_name, read_table
from curv_issues.data.path_lookup import clean_path
from curv_issues.data.path_modes import ImagePaths
from curv_issues.data.table import FileTable
from curv_issues.data.table_matching import names_images
from curv_issues.data.walk import is_hidden, walk_folder
from curv_issues.errors import DatasetError, UsageError
from curv_issues.progress import StepCallback

_LONGEST_NAME = 255  # bytes


def write(edits: DatasetEdits, folder: Path, *, link: str | None = None, progress: StepCallback | None = None) -> Written:
    """Write an image folder; see `WRITERS`."""
    tables = file_tables(edits)
    if any(table.class_place is not None for table in tables):
        return _write_class_folders(edits, tables, folder, link=link, progress=progress)
    root = tables[0].root
    places: dict[str, str | None] = {path: None for path, label in changed_paths(edits, tables).items() if label is None}
    of_labels = {_relative(matched, root): matched for matched in tables[0].tables}
    images = [path for table in tables for path in table.paths]
    without_tables = {**places, **dict.fromkeys(of_labels)}
    notes = copy_tree(root, folder, new_places=without_tables, link=link, linked=images, progress=progress)
    for place, matched in of_labels.items():
        rewrite_table(root / place, folder / place, edits_of_matched(edits, tables, matched))
    update_descriptions(folder, edits)
    return Written(notes=notes)


def file_tables(edits: DatasetEdits) -> list[FileTable]:
    """Return the tables of all splits of an image folder."""
    return [table for tables in edits.tables.values() for table in tables if isinstance(table, FileTable)]


def changed_paths(edits: DatasetEdits, tables: Sequence[FileTable]) -> dict[str, str | None]:
    """Return the path of each changed image and its new label; None: it is removed."""
    found: dict[str, str | None] = {}
    for table in tables:
        edited = edits.of_table(table)
        found.update((table.paths[row], name) for row, name in edited.labels.items())
        found.update((table.paths[row], None) for row in edited.removed)
    return found


def edits_of_matched(edits: DatasetEdits, tables: Sequence[FileTable], matched: MatchedTable) -> TableEdits:
    """Return the edits of a table of labels; all rows of an image are changed."""
    changed = changed_paths(edits, tables)
    later: dict[int, list[int]] = {}
    for first, repeated in matched.matched.repeated_rows:
        later.setdefault(first, []).append(repeated)
    labels: dict[int, str] = {}
    removed: set[int] = set()
    for path, row in zip(matched.paths, matched.matched.row_of_image.tolist(), strict=True):
        if row >= 0 and path in changed:
            rows, label = [row, *later.get(row, ())], changed[path]
            if label is None:
                removed.update(rows)
            else:
                labels.update(dict.fromkeys(rows, label))
    return TableEdits(matched.matched.label_column, labels, frozenset(removed), tuple(dict.fromkeys(edits.labels.values())))


def _relative(matched: MatchedTable, root: Path) -> str:
    path = matched.table.path
    assert path is not None
    return path.relative_to(root).as_posix()


def _write_class_folders(
    edits: DatasetEdits, tables: Sequence[FileTable], folder: Path, *, link: str | None, progress: StepCallback | None
) -> Written:
    root = tables[0].root
    images = [path for table in tables for path in table.paths]
    changed = changed_paths(edits, tables)
    for label in {label for label in changed.values() if label is not None}:
        check_folder_name(label)
    tree = walk_folder(root)
    (place,) = {table.class_place for table in tables if table.class_place is not None}
    files = [file.path for file in tree.files if file.refused is None]
    companions, unclear = find_companions(files, images, place=place)
    places = _new_places(files, changed, companions, place=place)
    tables_of_names = [path for path in files if is_metadata_name(posixpath.basename(path))]
    edited, notes = _edit_names(root, tables_of_names, images, places)
    staying = sorted({file for image in changed for file in unclear.get(image, ())})
    if staying:
        notes.append(f"Files that may belong to several images stay where they are: {shorten(staying)}.")
    wrapper = _wrapper(images, root.name)
    if wrapper is not None and wrapper != folder.name:  # a folder named like the root is skipped when the dataset is read
        places = {
            path: _below(folder.name, places.get(path, path)) if path.startswith(f"{wrapper}/") else place
            for path, place in {**dict(zip(files, files, strict=True)), **places}.items()
        }
    copied = {**places, **dict.fromkeys(edited)}
    notes = [*copy_tree(root, folder, new_places=copied, link=link, linked=images, progress=progress), *notes]
    for path, table_edits in edited.items():
        rewrite_table(root / path, folder / str(places.get(path, path)), table_edits)
    update_descriptions(folder, edits, with_original=False)
    new_paths = {path: new for path, new in places.items() if new not in (None, path)}
    return Written(new_paths=new_paths, notes=notes)


def check_folder_name(name: str) -> None:
    """Raise UsageError unless a class can be the name of a folder that is read."""
    if name in (".", "..") or set(name) & set("/\\\0") or is_hidden(name) or len(os.fsencode(name)) > _LONGEST_NAME:
        raise UsageError(f"The class {name!r} cannot be the name of a folder; choose another name for it.")


def _new_places(
    files: Sequence[str], changed: Mapping[str, str | None], companions: Mapping[str, Sequence[str]], *, place: int
) -> dict[str, str | None]:
    """Return the new path of each file that is moved; None for files that are removed.

    An image whose new name is taken gets a new one: 1.png from the folder cat becomes 1-from-cat.png.
    """
    leaving = {*changed, *(path for image in changed for path in companions.get(image, ()))}
    taken = {path for path in files if path not in leaving}
    places: dict[str, str | None] = {}
    for image, label in changed.items():
        if label is None:
            places.update(dict.fromkeys([image, *companions.get(image, ())]))
            continue
        old = image.split("/")[place]
        stem, ending = posixpath.splitext(posixpath.basename(image))
        for new_stem in _stems(stem, old):
            moved = {image: _moved(image, place, label, new_stem + ending)}
            for path in companions.get(image, ()):
                moved[path] = _moved(path, place, label, new_stem + posixpath.basename(path)[len(stem) :])
            if taken.isdisjoint(moved.values()):
                break
        taken.update(moved.values())
        places.update(moved)
    return places


def _stems(stem: str, old: str) -> Iterator[str]:
    yield stem
    yield f"{stem}-from-{old}"
    yield from (f"{stem}-from-{old}-{number}" for number in itertools.count(2))


def _moved(path: str, place: int, label: str, name: str) -> str:
    parts = path.split("/")
    return "/".join([*parts[:place], label, *parts[place + 1 : -1], name])


def _edit_names(
    root: Path, tables: Sequence[str], images: Sequence[str], places: Mapping[str, str | None]
) -> tuple[dict[str, TableEdits], list[str]]:
    """Return the edits of metadata tables that name images without giving their labels, and notes on names that are left."""
    edited: dict[str, TableEdits] = {}
    notes = []
    for path in tables:
        below = posixpath.dirname(path)
        inside = [image for image in images if image.startswith(f"{below}/") or not below]
        try:
            table = read_table(root / path)
            column = names_images(table, inside, root=root)
        except DatasetError as error:
            notes.append(f"{path} was copied as it is, because it cannot be read: {error}")
            continue
        if column is None:
            continue
        texts: dict[int, str] = {}
        removed, left = set(), 0
        for row, hit in ImagePaths(inside, root).match(table.columns[column], table.folder).hits.items():
            image = inside[hit.images[0]]
            new = places.get(image, image)
            if new is None:
                removed.add(row)
            elif new != image:
                text = clean_path(str(table.columns[column][row]))
                spellings = {posixpath.relpath(image, below or "."): posixpath.relpath(new, below or "."), image: new}
                if text in spellings:
                    texts[row] = spellings[text]
                else:
                    left += 1
        if texts or removed:
            edited[path] = TableEdits(None, removed=frozenset(removed), texts={column: texts})
        if left:
            still = "still names its image by its old place" if left == 1 else "still name images by their old place"
            notes.append(f"{counted(left, 'row')} of {path} {still}.")
    return edited, notes


def _wrapper(images: Sequence[str], root_name: str) -> str | None:
    """Return the name of the only top-level folder with images if it is that of the root, and is skipped for this reason alone."""
    top = np.unique([path.partition("/")[0] for path in images])
    return root_name if top.tolist() == [root_name] and root_name.lower() not in WRAPPERS else None


def _below(name: str, path: str | None) -> str | None:
    return None if path is None else f"{name}/{path.partition('/')[2]}"
