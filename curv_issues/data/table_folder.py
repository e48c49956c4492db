"""A folder of parquet or Arrow files, laid out like a dataset repository of the Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets

from curv_issues.data.accounts import LeftOut, shorten
from curv_issues.data.columns import find_image_columns
from curv_issues.data.folder_layout import SPLIT_NAMES, Parts
from curv_issues.data.parquet import ParquetTable
from curv_issues.data.repository import CARD, Configuration, read_card
from curv_issues.data.table import DatasetTable, Table
from curv_issues.errors import DatasetError

_PART = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(-[0-9a-f]+)?")
_NUMBERED = re.compile(r"(?P<split>[A-Za-z]+)[-_.]?\d+")
_BROKEN = (OSError, ValueError, RuntimeError, TypeError)


@dataclass(frozen=True)
class TableFolder:
    """The splits of a folder of tables.

    Attributes:
        splits: name -> its tables, in the order of their names.
        has_split_names: False: the name "train" is ours.
        config_name: the configuration that was chosen; None: the folder has no configurations.
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

    Configurations are those of README.md. Without any, a file belongs to the split that its top-level folder or its name
    says: `train.parquet`, `train-00000-of-00002.parquet`, `train/0.parquet`. If no name says a split, all are one dataset.

    Args:
        root: the folder.
        tables: parts of the files, at least one.
        name: what messages call the folder.
        config_name: the configuration; None: the default or only one.

    Raises:
        DatasetError: there is no such configuration, or several; or a file cannot be read.
    """
    paths = ["/".join(parts) for parts in tables]
    configuration = _choose(read_card(root), paths, name, config_name)
    by_split = configuration.files_by_split(paths) if configuration.patterns else _by_names(paths)
    by_split = {split: files for split, files in by_split.items() if files}
    if not by_split:
        raise DatasetError(f"{name} has no data files for the configuration {configuration.name!r} that its {CARD} describes.")
    unnamed = by_split.pop("", [])
    notes = []
    if unnamed and by_split:
        notes.append(f"Left out, since their names say no split ({shorten(by_split)}): {shorten(unnamed)}.")
        left_out = [LeftOut(path, "in no split") for path in unnamed]
    else:
        by_split, left_out = (by_split or {"train": unnamed}), []
    read = {path for files in by_split.values() for path in files}
    left_out += [LeftOut(path, "in another configuration") for path in paths if path not in read and path not in unnamed]
    return TableFolder(
        {split: [_open(root, path, configuration) for path in files] for split, files in by_split.items()},
        has_split_names=bool(configuration.patterns) or not unnamed or bool(notes),
        config_name=configuration.name if configuration.patterns or configuration.folder else config_name,
        left_out=left_out,
        notes=notes,
    )


def holds_images(root: Path, path: str) -> bool:
    """Return whether a parquet or Arrow file has a column that may hold images.

    Raises:
        DatasetError: it cannot be read.
    """
    return bool(find_image_columns(_open(root, path, Configuration("default")).features))


def _open(root: Path, path: str, configuration: Configuration) -> Table:
    if path.lower().endswith(".arrow"):
        try:
            rows = datasets.Dataset.from_file(os.fspath(root / path))
        except _BROKEN as error:
            raise DatasetError(f"{path} cannot be read as an Arrow file: {' '.join(str(error).split())[:200]}.") from error
        return DatasetTable(rows, name=path, folder=root, files=[path])
    return ParquetTable(root / path, name=path, folder=root, classes=configuration.classes)


def _choose(declared: Sequence[Configuration], paths: Sequence[str], name: str, wanted: str | None) -> Configuration:
    """One configuration: of the card, else one for each folder that holds the files of splits."""
    with_files = [configuration for configuration in declared if configuration.patterns]
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
    """A configuration for each top-level folder, where several hold files of the same split."""
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
        inside = [path for path in paths if path.startswith(f"{folder}/")]
        by_split = _by_names([path.removeprefix(f"{folder}/") for path in inside])
        patterns = tuple(
            (split or "train", tuple(re.sub(r"([*?\[])", r"[\1]", file) for file in files)) for split, files in by_split.items()
        )
        yield Configuration(folder, patterns, folder, classes=classes.get(folder, {}))


def _by_names(paths: Sequence[str]) -> dict[str, list[str]]:
    """Split -> its files; "" for those whose name says no split."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(_split_of(path), []).append(path)
    order = [*dict.fromkeys(SPLIT_NAMES.values()), *sorted(found)]
    return {split: found[split] for split in dict.fromkeys(order) if split in found}


def _split_of(path: str) -> str:
    """The split that a file belongs to by its name or its top-level folder; "" if neither says one."""
    *folders, file = path.split("/")
    stem = os.path.splitext(file)[0]
    if part := _PART.fullmatch(stem):
        return SPLIT_NAMES.get(part["split"].lower(), part["split"])
    for word in (stem, *(match["split"] for match in [_NUMBERED.fullmatch(stem)] if match), *folders[:1]):
        if word.lower() in SPLIT_NAMES:
            return SPLIT_NAMES[word.lower()]
    return ""
