"""Open a folder of parquet or Arrow files, laid out like a dataset repository of the Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curv_issues.data.accounts import LeftOut, shorten
from curv_issues.data.arrow_file import ArrowTable
from curv_issues.data.columns import find_image_columns
from curv_issues.data.folder_layout import Parts
from curv_issues.data.folder_names import SPLIT_NAMES
from curv_issues.data.label_names import is_label_name
from curv_issues.data.parquet import ParquetTable
from curv_issues.data.repository import CARD, Configuration, read_card
from curv_issues.data.shards import NUMBERED, check_shards
from curv_issues.data.table import Table
from curv_issues.errors import DatasetError

_PARTITION = re.compile(r"([^=/]+)=[^/]*/")
_NUMBERED = re.compile(r"(?P<split>[A-Za-z]+)[-_.]?\d+")


@dataclass(frozen=True)
class TableFolder:
    """The splits of a folder of tables.

    Attributes:
        splits: name -> its tables, sorted by name.
        has_split_names: False: the folder names no splits; "train" is a default.
        config_name: selected configuration; None: the folder has no configurations.
        left_out: files that no split reads, and why.
        notes: what a user should know, one line each.
    """

    splits: dict[str, list[Table]]
    has_split_names: bool
    config_name: str | None
    left_out: list[LeftOut]
    notes: list[str]


def open_tables(root: Path, tables: Sequence[Parts], *, name: str, config_name: str | None) -> TableFolder:
    """Find the splits of a folder's tables, and read their footers.

    Configurations are those of README.md. Without any, a file belongs to the split in its own name or that of one of its
    folders: `train.parquet`, `train-00000-of-00002.parquet`, `data/train/0.parquet`. Without such names, all files are one
    dataset.

    Args:
        root: the folder.
        tables: path parts of the files, at least one.
        name: name of the folder in messages.
        config_name: configuration; None: the default or only one.

    Raises:
        DatasetError: the configuration does not exist or is ambiguous, or a file cannot be read.
    """
    paths = ["/".join(parts) for parts in tables]
    configuration = _choose(read_card(root), paths, name, config_name)
    by_split, notes = _files_by_split(configuration, paths)
    notes += _note_partitions(paths, name)
    if not by_split:
        raise DatasetError(f"{name} has no data files for the configuration {configuration.name!r} described in its {CARD}.")
    unnamed = by_split.pop("", [])
    has_split_names = bool(by_split)
    left_out = []
    if unnamed and by_split:
        notes.append(f"Files without a split name ({shorten(by_split)}) are left out: {shorten(unnamed)}.")
        left_out = [LeftOut(path, "in no split", True) for path in unnamed]
    elif unnamed:
        by_split = {"train": unnamed}
        if len(unnamed) > 1:
            notes.append(f"{len(unnamed):,} tables without a split name are read as one dataset: {shorten(unnamed)}.")
        notes += _note_folders(unnamed)
    for files in by_split.values():
        notes += check_shards(files, name)
    read = {path for files in by_split.values() for path in files}
    is_named = bool(configuration.patterns) and config_name is None
    reason = f"not named by {CARD}" if is_named else "in another configuration"
    left_out += [LeftOut(path, reason, is_named) for path in paths if path not in read and path not in unnamed]
    return TableFolder(
        {split: [open_table(root, path, configuration) for path in files] for split, files in by_split.items()},
        has_split_names=has_split_names,
        config_name=configuration.name if configuration.patterns or configuration.folder else config_name,
        left_out=left_out,
        notes=notes,
    )


def _note_partitions(paths: Sequence[str], name: str) -> list[str]:
    """Return a note on columns stored only in folder names (`year=2024/part.parquet`), which are not read.

    Raises:
        DatasetError: such a column has a label name.
    """
    columns = sorted({column for path in paths for column in _PARTITION.findall(path)})
    labels = [column for column in columns if is_label_name(column)]
    if labels:
        raise DatasetError(
            f"The files of {name} are partitioned by {labels[0]!r} ({next(path for path in paths if labels[0] + '=' in path)}); "
            "columns in folder names are not read, so write that column into the files."
        )
    return [f"Columns in folder names are not read: {shorten(columns)}."] if columns else []


def _note_folders(paths: Sequence[str]) -> list[str]:
    """Return a note on folders that could be taken for classes, as with image files."""
    folders = sorted({path.rpartition("/")[0] for path in paths} - {""})
    return [f"The names of table folders ({shorten(folders)}) are not read as labels."] if len(folders) > 1 else []


def _files_by_split(configuration: Configuration, paths: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return split -> its files, with "" for files in no split, and notes."""
    if not configuration.patterns:
        folder = f"{configuration.folder.strip('/')}/" if configuration.folder.strip("./") else ""
        inside = [path.removeprefix(folder) for path in paths if path.startswith(folder)]
        return {split: [folder + file for file in files] for split, files in files_by_names(inside).items()}, []
    found = configuration.files_by_split(paths)
    notes = [
        f"The split {split!r} of {CARD} is left out: no file with images matches {shorten(patterns)}."
        for split, patterns in configuration.patterns
        if not found[split]
    ]
    return {split: files for split, files in found.items() if files}, notes


def open_table(root: Path, path: str, configuration: Configuration | None = None) -> Table:
    """Open one parquet or Arrow file.

    Args:
        root: the dataset folder.
        path: path of the file, relative to it.
        configuration: source of class names for integer columns.

    Raises:
        DatasetError: it cannot be read.
    """
    if path.lower().endswith(".arrow"):
        return ArrowTable(root, [path], name=path, folder=root)
    return ParquetTable(root / path, name=path, folder=root, classes=configuration.classes if configuration else None)


def name_files(table: Table, known: Collection[str]) -> set[str]:
    """Return the known image files that a table references instead of holding the images; `files` then includes them."""
    (column,) = [*find_image_columns(table.types), ""][:1]
    return table.name_files(column, known) if known and column and isinstance(table, ParquetTable) else set()


def _choose(declared: Sequence[Configuration], paths: Sequence[str], name: str, wanted: str | None) -> Configuration:
    """Return one configuration: from README.md, else one per folder that contains the files of splits."""
    with_files = [configuration for configuration in declared if configuration.patterns or configuration.folder]
    found = with_files or list(_by_folders(paths, declared)) or list(declared)
    names = ", ".join(configuration.name for configuration in found)
    if wanted is not None:
        chosen = [configuration for configuration in found if configuration.name == wanted]
        if not chosen and not (wanted == "default" and len(found) <= 1):
            raise DatasetError(f"{name} has no configuration {wanted!r}; it has {names or 'none'}.")
        return (chosen or found or [Configuration("default")])[0]
    if len(found) > 1:
        default = [configuration for configuration in found if configuration.is_default or configuration.name == "default"]
        if len(default) != 1:
            raise DatasetError(f"{name} has the configurations {names}; choose one with --config-name (config_name=...).")
        return default[0]
    return found[0] if found else Configuration("default")


def _by_folders(paths: Sequence[str], declared: Sequence[Configuration]) -> Iterator[Configuration]:
    """Yield one configuration per top-level folder if several contain files of the same split."""
    folders: dict[str, set[str]] = {}
    for path in paths:
        top, _, rest = path.partition("/")
        if rest and top.lower() not in SPLIT_NAMES and (split := _split_of(rest)):
            folders.setdefault(top, set()).add(split)
    splits = [split for found in folders.values() for split in found]
    if len(folders) < 2 or len(set(splits)) == len(splits):
        return
    classes = {configuration.name: configuration.classes for configuration in declared}
    for folder in folders:
        yield Configuration(folder, folder=folder, classes=classes.get(folder, {}))


def files_by_names(paths: Sequence[str]) -> dict[str, list[str]]:
    """Return split -> its files, with "" for files whose names contain no split."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(_split_of(path), []).append(path)
    order = [*dict.fromkeys(SPLIT_NAMES.values()), *sorted(found)]
    return {split: found[split] for split in dict.fromkeys(order) if split in found}


def _split_of(path: str) -> str:
    """Return the split in the file name or else in its topmost folder with a split name; "" if there is none."""
    *folders, file = path.split("/")
    stem = os.path.splitext(file)[0]
    part, numbered = NUMBERED.fullmatch(stem), _NUMBERED.fullmatch(stem)
    words = [stem, *([part["table"]] if part else []), *([numbered["split"]] if numbered else []), *folders]
    return next((SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES), part["table"] if part else "")
