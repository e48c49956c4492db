"""Read README.md of a folder laid out like a Hub dataset: configurations with their files, and class names."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curv_issues.data.column_types import ClassType
from curv_issues.data.walk import stays_inside
from curv_issues.errors import DatasetError

CARD = "README.md"
_WILD = frozenset("*?[")
_LONGEST_PATTERN = 4096
_MOST_PATTERNS = 1000  # with wildcards
_LARGEST_CARD = 1_000_000  # bytes; 10,000 class names take half of that


@dataclass(frozen=True)
class Configuration:
    """One configuration of a dataset.

    Attributes:
        name: value of --config-name.
        patterns: (split, glob patterns of its files) in README.md order; empty: splits come from file names.
        folder: folder of the patterns and files, relative to the root; "": the root.
        is_default: whether it is used if none is requested.
        classes: column -> class names, for files that do not contain them.
    """

    name: str
    patterns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    folder: str = ""
    is_default: bool = False
    classes: Mapping[str, ClassType] = field(default_factory=dict)

    def files_by_split(self, files: Sequence[str]) -> dict[str, list[str]]:
        """Return the files of each split in pattern order; files outside the folder never match."""
        found = {}
        for split, patterns in self.patterns:
            whole = [posixpath.normpath(posixpath.join(self.folder, pattern)) for pattern in patterns]
            found[split] = list(dict.fromkeys(file for pattern in whole for file in _find(files, pattern)))
        return found


def read_card(root: Path) -> list[Configuration]:
    """Return the configurations declared in the README.md of a folder; [] if there are none.

    Files named there are not opened. URLs and paths that leave the folder are rejected.

    Raises:
        DatasetError: README.md cannot be parsed, or names files outside the folder.
    """
    metadata = _read_metadata(root)
    classes = _read_classes(metadata.get("dataset_info"))
    entries = metadata.get("configs")
    if not isinstance(entries, list):
        return [Configuration(name, classes=found) for name, found in classes.items()]
    return [_configuration(entry, classes, root) for entry in entries if isinstance(entry, dict)]


def _configuration(entry: dict[str, Any], classes: Mapping[str, dict[str, ClassType]], root: Path) -> Configuration:
    name = str(entry.get("config_name", "default"))
    folder = str(entry.get("data_dir") or "")
    patterns = tuple(_patterns(entry.get("data_files")))
    for pattern in [folder, *(pattern for _, patterns_ in patterns for pattern in patterns_)]:
        if "://" in pattern or "::" in pattern or pattern.startswith(("/", "~")) or ".." in re.split(r"[/\\]", pattern):
            raise DatasetError(
                f"{CARD} of {root} names data files outside the folder ({pattern}); only files inside the folder are read."
            )
    every = [pattern for _, patterns_ in patterns for pattern in patterns_]
    if max(map(len, every), default=0) > _LONGEST_PATTERN or sum(bool(set(pattern) & _WILD) for pattern in every) > _MOST_PATTERNS:
        raise DatasetError(f"{CARD} of {root} has too many or too long patterns for data files; shorten them.")
    return Configuration(name, patterns, folder, entry.get("default") == "true", classes.get(name, {}))


def _patterns(data_files: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Return (split, patterns) from `data_files`: a pattern, a list of them, or a list of splits with patterns."""
    if isinstance(data_files, dict):
        data_files = [{"split": split, "path": path} for split, path in data_files.items()]
    if isinstance(data_files, str):
        data_files = [data_files]
    if not isinstance(data_files, list):
        return []
    if all(isinstance(entry, str) for entry in data_files):
        return [("train", tuple(data_files))] if data_files else []
    found = []
    for entry in data_files:
        if isinstance(entry, dict) and "path" in entry:
            path = entry["path"]
            found.append((str(entry.get("split", "train")), tuple(map(str, path)) if isinstance(path, list) else (str(path),)))
    return found


def _find(files: Sequence[str], pattern: str) -> Sequence[str]:
    if set(pattern) & _WILD:
        return [file for file in files if _matches(file, pattern)]
    return [pattern] if pattern in files else []


def _matches(file: str, pattern: str) -> bool:
    """Return whether a path matches a Hub pattern: * stays within a folder, ** does not."""
    return _match_parts(tuple(file.split("/")), tuple(pattern.split("/")))


def _match_parts(file: Sequence[str], pattern: Sequence[str]) -> bool:
    """Match folder by folder, tracking all pattern parts that may come next, so that the time stays bounded."""
    states = _skip_wild({0}, pattern)
    for name in file:
        after = set()
        for at in states:
            if at < len(pattern) and pattern[at] == "**":
                after.add(at)
            elif at < len(pattern) and fnmatch.fnmatchcase(name, re.sub(r"\*+", "*", pattern[at])):
                after.add(at + 1)
        states = _skip_wild(after, pattern)
    return len(pattern) in states


def _skip_wild(states: set[int], pattern: Sequence[str]) -> set[int]:
    """Add the states after each **, which may match no folder at all."""
    reached = set(states)
    for at, part in enumerate(pattern):
        if at in reached and part == "**":
            reached.add(at + 1)
    return reached


def _read_metadata(root: Path) -> dict[str, Any]:
    """Return the YAML block at the start of README.md."""
    card = root / CARD
    try:
        if not card.is_file() or not stays_inside(os.fspath(card), os.path.realpath(root)):
            return {}
        with card.open("rb") as file:
            text = file.read(_LARGEST_CARD).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise DatasetError(f"{card} cannot be read ({error.strerror}); repair it, or remove it.") from error
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return {}
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        if card.stat().st_size >= _LARGEST_CARD:
            raise DatasetError(f"The YAML block of {card} is larger than {_LARGEST_CARD // 1000:,} kB; shorten it, or remove it.")
        return {}
    import yaml  # only needed for folders with a YAML block

    try:
        metadata = _load_yaml("\n".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"The YAML block of {card} cannot be parsed ({reason}); repair it, or remove it.") from error
    return metadata if isinstance(metadata, dict) else {}


def _load_yaml(text: str) -> Any:
    """Parse YAML with all scalars as text (class names such as no, 007, 1e3) and without aliases, which can expand to gigabytes."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    if any(isinstance(event, yaml.events.AliasEvent) for event in yaml.parse(text, Loader=loader)):
        raise yaml.YAMLError("aliases (*name) are not read")
    return yaml.load(text, Loader=loader)


def _read_classes(infos: Any) -> dict[str, dict[str, ClassType]]:
    """Return configuration -> column -> class names, from `dataset_info`."""
    found = {}
    for info in infos if isinstance(infos, list) else [infos]:
        if not isinstance(info, dict) or not isinstance(info.get("features"), list):
            continue
        columns = {}
        for feature in info["features"]:
            kind = feature.get("dtype") if isinstance(feature, dict) else None
            names = kind.get("class_label", {}).get("names") if isinstance(kind, dict) else None
            if isinstance(names, dict):  # {"0": "cat", "1": "dog"}
                names = [names[key] for key in sorted(names, key=lambda key: int(key) if str(key).isdigit() else 0)]
            if isinstance(names, list) and names and len(set(map(str, names))) == len(names):
                columns[str(feature.get("name"))] = ClassType(tuple(str(name) for name in names))
        found[str(info.get("config_name", "default"))] = columns
    return found
