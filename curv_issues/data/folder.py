"""Open a local folder: a saved dataset, image files, tables of images, or tar files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from curv_issues.data.accounts import LeftOut, shorten
from curv_issues.data.archives import describe_archives
from curv_issues.data.arrow_file import ArrowTable
from curv_issues.data.column_types import ValueType
from curv_issues.data.columns import find_image_columns
from curv_issues.data.folder_files import TABLE_ENDINGS, FolderFiles, left_out_archives, left_out_metadata, sort_files
from curv_issues.data.folder_layout import Parts
from curv_issues.data.folders_without_images import list_endings
from curv_issues.data.image_folder import FolderOptions, open_image_folder
from curv_issues.data.image_types import is_image_head
from curv_issues.data.table import Table
from curv_issues.data.table_folder import files_by_names, name_files, open_table, open_tables
from curv_issues.data.walk import FoundTree, stays_inside, walk_folder
from curv_issues.errors import DatasetError, UsageError

_DICT, _STATE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_IDX = re.compile(r"[.-]idx\d-ubyte(\.gz)?$")
_LARGEST_STATE = 64_000_000  # bytes


@dataclass(frozen=True)
class OpenedFolder:
    """The splits of a folder.

    Attributes:
        splits: name -> its tables.
        has_split_names: False: the folder names no splits; "train" is a default.
        config_name: selected configuration; None: there are none.
        aliases: alternative split name -> split name.
        left_out: files that no split reads, and why; None: the files were not listed.
        notes: what a user should know, one line each.
    """

    splits: dict[str, list[Table]]
    has_split_names: bool = True
    config_name: str | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] | None = None
    notes: tuple[str, ...] = ()


def open_folder(
    root: Path, *, name: str, config_name: str | None, options: FolderOptions, with_images: bool = True, bars: bool = False
) -> OpenedFolder:
    """Detect what a folder contains, and open it. Only files inside it are read, and nothing is downloaded.

    Args:
        root: the folder.
        name: name of the folder in messages.
        config_name: configuration of a folder of tables.
        options: options for an image folder.
        with_images: whether tables need an image column; without image files beside them, they need none otherwise.
        bars: show the progress bars of the datasets library if it reads the folder.

    Raises:
        DatasetError: it contains nothing to audit, or cannot be read.
        UsageError: an option does not fit its content.
    """
    if ((root / _STATE).is_file() and (root / _INFO).is_file()) or (root / _DICT).is_file():
        _refuse(options, config_name, "a save_to_disk folder")
        return _open_saved(root, name)
    tree = walk_folder(root)
    files = _without_stale_arrow(root, sort_files(tree), name)
    tables, broken = _look_into_tables(root, files, with_images=with_images or bool(files.images))
    if files.images and (not tables or options.are_given or _are_more(files, tables, with_labels=options.with_labels)):
        if config_name is not None:
            raise UsageError(f"--config-name (config_name) is for folders of parquet files; {name} is a folder of images.")
        images = open_image_folder(tree, files, name=name, options=options)
        beside = {"/".join(parts) for parts in tables}
        left_out = [
            LeftOut(file.path, "table of images beside image files", True) if file.path in beside else file
            for file in images.left_out
        ]
        return OpenedFolder(
            images.splits,
            images.has_split_names,
            aliases=images.aliases,
            left_out=tuple(left_out),
            notes=tuple(images.notes),
        )
    if broken is not None:
        raise broken
    if tables:
        _refuse(options, None, "a folder of parquet files")
        return _open_tables(root, files, tables, name, config_name)
    tars = [parts for parts in files.archives if parts[-1].lower().endswith(".tar")]
    if tars and len(tars) == len(files.archives):
        _refuse(options, config_name, "a folder of tar files")
        return _open_webdataset(root, files, tars, name, bars=bars, with_labels=options.with_labels)
    raise DatasetError(_nothing(name, files, tree, with_labels=options.with_labels))


def _look_into_tables(root: Path, files: FolderFiles, *, with_images: bool) -> tuple[dict[Parts, Table], DatasetError | None]:
    """Return the tables with an image column, or all, and the first error among those that cannot be read."""
    tables, broken = {}, None
    for parts in files.tables:
        try:
            table = open_table(root, "/".join(parts))
            columns = find_image_columns(table.types)
            if not with_images or (columns and not (files.images and _holds_other_bytes(table, columns[0]))):
                tables[parts] = table
        except DatasetError as error:
            broken = broken or error
    return tables, broken


def _holds_other_bytes(table: Table, column: str) -> bool:
    """Return whether a column of plain bytes starts with something other than an image, such as features."""
    if not isinstance(table.types[column], ValueType) or not len(table):
        return False
    (first,) = table.images(column, np.array([0])).read(range(1))
    return first.problem is None and not is_image_head(first.content)


def _open_tables(root: Path, files: FolderFiles, tables: Mapping[Parts, Table], name: str, config_name: str | None) -> OpenedFolder:
    opened = open_tables(root, list(tables), name=name, config_name=config_name)
    beside = {"/".join(parts) for parts in files.images}
    named = {path for split in opened.splits.values() for table in split for path in name_files(table, beside)}
    images = [LeftOut(path, "beside tables of images", True) for path in beside - named]
    others = [LeftOut("/".join(parts), "table without images") for parts in files.tables if parts not in tables]
    left_out = [*opened.left_out, *images, *others, *files.others, *left_out_archives(files), *left_out_metadata(files)]
    return OpenedFolder(
        opened.splits, opened.has_split_names, opened.config_name, left_out=tuple(sorted(left_out)), notes=tuple(opened.notes)
    )


def _open_saved(root: Path, name: str) -> OpenedFolder:
    """Open a `save_to_disk` folder; it may only name files inside itself."""
    if (root / _DICT).is_file():
        splits = _read_json(root / _DICT, name).get("splits")
        if not isinstance(splits, list) or not splits:
            raise DatasetError(f"{name} cannot be read as a saved dataset: its {_DICT} lists no splits.")
        return OpenedFolder({split: [_load_saved(root, _own_name(split, name), name)[0]] for split in splits})
    table, split = _load_saved(root, "", name)
    return OpenedFolder({split or "train": [table]}, has_split_names=split is not None)


def _load_saved(root: Path, split: str, name: str) -> tuple[ArrowTable, str | None]:
    """Return the rows of one saved dataset, and the split name it was saved with."""
    state = _read_json(root / split / _STATE, name)
    files = _listed_files(state, name)
    if state.get("_indices_data_files"):
        raise DatasetError(f"{name} was saved by an old release of the datasets library; load and save it with that release.")
    paths = [os.path.join(split, file) for file in files]
    real_root = os.path.realpath(root)
    for path in paths:
        if (root / path).exists() and not stays_inside(os.fspath(root / path), real_root):
            raise DatasetError(f"{name} cannot be read: {path} leads outside its own folder.")
    saved_as = state.get("_split")
    return ArrowTable(root, paths, name=name, folder=root), saved_as if isinstance(saved_as, str) else None


def _listed_files(state: Mapping[str, Any], name: str) -> list[str]:
    """Return the file names that a saved dataset lists; they must be inside its own folder."""
    listed = state.get("_data_files")
    if not isinstance(listed, list) or not listed:
        raise DatasetError(f"{name} cannot be read as a saved dataset: its {_STATE} lists no files.")
    return [_own_name(entry.get("filename") if isinstance(entry, dict) else entry, name) for entry in listed]


def _own_name(entry: Any, name: str) -> str:
    if not isinstance(entry, str) or not entry or entry in (".", "..") or set(entry) & set("/\\:"):
        raise DatasetError(f"{name} cannot be read: it names a file outside its own folder ({entry!r}).")
    return entry


def _without_stale_arrow(root: Path, files: FolderFiles, name: str) -> FolderFiles:
    """Return the files without those the datasets library left beside its data: `map` caches and files of an older save.

    A `save_to_disk` folder lists its own files, but may also contain those of an overwritten dataset.

    Raises:
        DatasetError: a file of a saved dataset is missing.
    """
    stale: dict[Parts, str] = {}
    by_folder: dict[Parts, dict[str, Parts]] = {}
    for parts in files.tables:
        if parts[-1].lower().endswith(".arrow"):
            by_folder.setdefault(parts[:-1], {})[parts[-1]] = parts
    for folder, inside in by_folder.items():
        state = root.joinpath(*folder, _STATE)
        if state.is_file():
            own = _listed_files(_read_json(state, name), name)
            if missing := [file for file in own if file not in inside]:
                raise DatasetError(
                    f"{name} cannot be read: {'/'.join((*folder, missing[0]))} is listed in its {_STATE}, but is missing."
                )
            stale |= {parts: f"not in {_STATE} of its folder" for file, parts in inside.items() if file not in own}
        stale |= {parts: "cache of the datasets library" for file, parts in inside.items() if file.startswith("cache-")}
    others = [*files.others, *(LeftOut("/".join(parts), reason) for parts, reason in stale.items())]
    return replace(files, tables=[parts for parts in files.tables if parts not in stale], others=others)


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_STATE:
            raise ValueError(f"{path.name} is missing or too large")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{name} cannot be read as a saved dataset: {path.name}: {error}.") from error
    return content if isinstance(content, dict) else {}


def _open_webdataset(
    root: Path, files: FolderFiles, tars: list[Parts], name: str, *, bars: bool, with_labels: bool
) -> OpenedFolder:
    from curv_issues.data.webdataset import open_tars  # imports datasets, which nothing else here needs

    by_split = files_by_names(["/".join(parts) for parts in tars])
    unnamed = by_split.pop("", [])
    has_split_names = bool(by_split)
    left_out = [LeftOut(path, "in no split", True) for path in unnamed] if by_split else []
    splits: dict[str, list[Table]] = {
        split: [open_tars(root, paths, name=name, bars=bars, with_labels=with_labels)]
        for split, paths in (by_split or {"train": unnamed}).items()
    }
    left_out += [*files.others, *left_out_metadata(files)]
    return OpenedFolder(splits, has_split_names=has_split_names, left_out=tuple(sorted(left_out)))


def _are_more(files: FolderFiles, tables: Mapping[Parts, Table], *, with_labels: bool) -> bool:
    """Return whether the dataset is the images in class folders rather than the tables of images: whichever has more.

    Without labels, any images count.
    """
    folders = {parts[:-1] for parts in files.images if len(parts) > 1}
    return (len(folders) > 1 or not with_labels) and len(files.images) > sum(map(len, tables.values()))


def _refuse(options: FolderOptions, config_name: str | None, kind: str) -> None:
    options.refuse(kind)
    if config_name is not None:
        raise UsageError(f"--config-name (config_name) is for Hub ids and folders laid out like one; this is {kind}.")


def _nothing(name: str, files: FolderFiles, tree: FoundTree, *, with_labels: bool) -> str:
    if idx := [file.path for file in tree.files if _IDX.search(file.parts[-1])]:
        return (
            f"{name} holds files in MNIST format ({shorten(idx)}), which is not read; from Python, pass a "
            "torchvision.datasets.MNIST, FashionMNIST or similar object."
        )
    if files.archives:
        return f"{name} holds {describe_archives(['/'.join(parts) for parts in files.archives])}."
    if files.tables:
        tables = shorten("/".join(parts) for parts in files.tables)
        return f"{name} holds tables without an image column ({tables}); expected images as bytes, or a folder of image files."
    unreadable = sorted({file.reason for file in files.others if file.looks_like_image or file.path.endswith(TABLE_ENDINGS)})
    hint = f" ({'; '.join(unreadable)})" if unreadable else ""
    endings = list_endings(tree.files)
    only = f", only other files: {endings}" if endings else ""
    expected = "images in one folder per class" if with_labels else "image files"
    return f"{name} holds no readable images and no parquet files{only}{hint}; expected parquet files, or {expected}."
