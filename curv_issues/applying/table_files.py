"""Write files of rows one by one: parquet files, a folder of them, a `save_to_disk` folder, or CSV and JSON lines with features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curv_issues.applying.copying import copy_tree
from curv_issues.applying.descriptions import update_descriptions
from curv_issues.applying.edits import DatasetEdits, TableEdits, Written
from curv_issues.applying.table_file import rewrite_table
from curv_issues.data.table import Table
from curv_issues.errors import UsageError
from curv_issues.progress import StepCallback


class TableFile(NamedTuple):
    """One file of a table: its split, place on the disk, and edits, and the dataset folder."""

    split: str
    path: Path
    edits: TableEdits
    folder: Path | None


def write(edits: DatasetEdits, folder: Path, *, link: str | None = None, progress: StepCallback | None = None) -> Written:
    """Write the files under their own names; see `WRITERS`.

    All files of the configuration get the column of original labels, also those of splits that were not audited, because the
    files of a dataset have the same columns. Of a folder, all other files are copied.
    """
    files = [file for split, tables in edits.tables.items() for table in tables for file in _files(edits, split, table)]
    (dataset,) = edits.audited.dataset if len(edits.audited.dataset) == 1 else (None,)
    root = Path(dataset).expanduser().resolve() if dataset is not None and os.path.isdir(Path(dataset).expanduser()) else None
    places = _places(files, root)
    if root is not None:
        caches = [path.relative_to(root).as_posix() for path in root.rglob("cache-*.arrow")]  # of the datasets library
        notes = copy_tree(root, folder, new_places=dict.fromkeys([*places, *caches]), progress=progress)
    else:
        notes = []
    for number, (place, file) in enumerate(zip(places, files, strict=True), 1):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        rewrite_table(file.path, target, file.edits, folder=file.folder, embed="all" if root is None else "absolute")
        if progress is not None and root is None:
            progress(number, len(files))
    if root is None:
        return Written(dataset=places)
    update_descriptions(folder, edits, tables=places)
    return Written(notes=notes)


def _files(edits: DatasetEdits, split: str, table: Table) -> list[TableFile]:
    found, start = [], 0
    edited = edits.of_table(table)
    for path, rows in getattr(table, "parts", []):
        found.append(TableFile(split, path, edited.part(start, start + rows), getattr(table, "folder", None)))
        start += rows
    return found


def _places(files: Sequence[TableFile], root: Path | None) -> list[str]:
    """Return the place of each file below the new folder."""
    paths = [file.path for file in files]
    base = root or Path(os.path.commonpath([path.parent for path in paths]))
    places = [path.relative_to(base).as_posix() for path in paths]
    if len(set(places)) < len(places):
        raise UsageError(
            "A file holds the rows of several splits, so it cannot be edited; write the list of changes: --format changes."
        )
    return places
