"""Compare tables beside class folders with the folder names: do they give other labels?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from curv_issues.data.accounts import shorten
from curv_issues.data.addresses import is_address
from curv_issues.data.image_types import is_image_name
from curv_issues.data.label_names import is_label_name, label_names_in, looks_like_ids
from curv_issues.data.label_table import SPREADSHEETS, LabelTable, is_metadata_name, read_table
from curv_issues.data.table_matching import labels_of_images, match_rows, names_images
from curv_issues.data.walk import FoundTree
from curv_issues.errors import DatasetError

_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
_MOST_TABLES = 20  # per extension, nearest to the top first; there may be one caption file per image
_MAX_BYTES = 2**27
_OTHER_USES = (".txt", ".json", ".parquet")  # often not tables of labels


def find_tables(tree: FoundTree) -> list[str]:
    """Return the paths of possible tables of labels, except metadata.csv and similar files."""
    by_ending: dict[str, list[str]] = {}
    for file in tree.files:
        if file.ending in _ENDINGS and file.refused is None and not is_metadata_name(file.parts[-1]):
            by_ending.setdefault(file.ending, []).append(file.path)
    shallow = [path for paths in by_ending.values() for path in sorted(paths, key=_depth)[:_MOST_TABLES]]
    return [path for path in sorted(shallow) if os.path.getsize(tree.root / path) <= _MAX_BYTES]


def find_tables_of_labels(tree: FoundTree, paths: Sequence[str]) -> list[str]:
    """Return the tables that name images and have other columns; if there are none, all possible tables of labels.

    Args:
        tree: all files of the folder.
        paths: paths of the images.
    """
    # .txt files may contain anything, and contest submissions contain no labels.
    tables = [path for path in find_tables(tree) if not path.endswith(".txt") and "submission" not in path.lower()]
    naming: list[str] = []
    others: list[str] = []
    for path in tables:
        try:
            read = _read(tree, path, paths)
            (naming if read is not None and read.column is not None else others).append(path)
        except DatasetError:
            others += [] if path.endswith(".json") else [path]
    return naming or others


class _Read(NamedTuple):
    """A table, the column that names the images (None if there is none), and the columns that may hold labels."""

    table: LabelTable
    column: str | None
    others: list[str]


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _read(tree: FoundTree, path: str, paths: Sequence[str]) -> _Read | None:
    """Return a table, or None if no column may hold labels.

    Raises:
        DatasetError: it cannot be read, or its columns name different images.
    """
    table = replace(read_table(tree.root / path), name=path)
    column = names_images(table, paths, root=tree.root)
    others = [
        other
        for other, values in table.columns.items()
        if other != column and (is_label_name(other) or not looks_like_ids(values, column=other))
    ]
    return _Read(table, column, others) if others else None


def note_tables_beside(tree: FoundTree, folder_of: Mapping[str, str], *, name: str) -> list[str]:
    """Return a note on each table with other labels for images, or with columns that may be labels.

    A table counts if it names at least half of the images, or images in at least half of its rows.

    Args:
        tree: all files of the folder.
        folder_of: image path -> class named by its folder.
        name: name of the folder in messages.

    Raises:
        DatasetError: a table labels at least half of the images, and its labels are unrelated to the folders.
    """
    paths = list(folder_of)
    notes = []
    sheets = [file.path for file in tree.files if file.ending in SPREADSHEETS and file.refused is None]
    if 0 < len(sheets) <= _MOST_TABLES:
        notes.append(
            f"Spreadsheets are not read ({shorten(sheets)}); if one holds the labels, save it as CSV and use --labels FILE."
        )
    for path in find_tables(tree):
        try:
            found = _read(tree, path, paths)
        except DatasetError as error:
            notes += [] if path.endswith(_OTHER_USES) else [f"{path} was not read as a table of labels: {error}"]
            continue
        if found is None:
            continue
        table, column, others = found
        flag = f"--labels {tree.root / path}"
        labels = label_names_in(others)
        if column is None:
            notes += _note_other_names(table, flag) if labels else []
        elif len(labels) == 1:
            notes += _compare(table, column, labels[0], folder_of, name=name, root=tree.root, flag=flag)
        else:
            notes.append(
                f"{path} also names the images, but was not read: if one of its columns holds the labels ({shorten(others)}), use "
                f"{flag} --label-column COLUMN."
            )
    return notes


def _note_other_names(table: LabelTable, flag: str) -> list[str]:
    """Return a note on a table of labels that names other images than those of the folder, or names them ambiguously."""
    for column, values in table.columns.items():
        names = [value for value in values if is_image_name(value) or is_address(value)]
        if 2 * len(names) > len(values):
            return [
                f"{table.name} has labels, but was not read, because its file names do not identify images of the folder "
                f"({column!r} holds {shorten(names, 2)}); for the reason, use {flag}."
            ]
    return []


def _compare(
    table: LabelTable, column: str, label_column: str, folder_of: Mapping[str, str], *, name: str, root: Path, flag: str
) -> list[str]:
    """Return a note if labels differ from the folders of their images."""
    paths = list(folder_of)
    try:
        matched = match_rows(table, paths, root=root, file_column=column, label_column=label_column)
    except DatasetError as error:
        return [f"{table.name} also names the images, but was not read: {error}"]
    labels = {path: str(label) for path, label in zip(paths, labels_of_images(table, matched), strict=True) if label is not None}
    folders = {folder_of[path] for path in labels}
    if folders.isdisjoint(labels.values()) and 2 * len(labels) >= len(paths):
        if _follow(labels, folder_of):
            coarser = sorted(set(labels.values()))
            if not 1 < len(coarser) < len(folders):  # one code per folder
                return []
            return [
                f"The classes are the folders ({shorten(sorted(folders))}); column {label_column!r} of {table.name} has fewer "
                f"classes for the same images ({shorten(coarser)}): to use those, pass {flag}."
            ]
        raise DatasetError(
            f"{name} has two sets of labels: folders ({shorten(sorted(folders))}) and column {label_column!r} of {table.name} "
            f"({shorten(sorted(set(labels.values())))}). Choose the table with {flag}, or the folders with --labels folders "
            "(labels='folders')."
        )
    every = [str(value) for value in table.columns[label_column]]
    if len(set(every)) == len(every) and set(folder_of.values()).issuperset(every):  # a list of the classes
        return []
    differing = [path for path, label in labels.items() if label != folder_of[path]]
    if not differing:
        return []
    return [
        f"The labels are folder names; column {label_column!r} of {table.name} differs for {len(differing):,} of "
        f"{len(labels):,} images ({differing[0]}: {labels[differing[0]]!r}); to use those labels, pass {flag}."
    ]


def _follow(labels: Mapping[str, str], folder_of: Mapping[str, str]) -> bool:
    """Return whether each folder has one label for all its images: class codes, or coarser classes."""
    found: dict[str, str] = {}
    return all(found.setdefault(folder_of[path], label) == label for path, label in labels.items())
