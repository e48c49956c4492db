"""What the README.md of a folder laid out like a Hub dataset says: configurations with their files, and class names."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import yaml

from curv_issues.errors import DatasetError

CARD = "README.md"
_LARGEST_CARD = 1_000_000  # bytes; of 10,000 class names it has half
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Configuration:
    """One configuration of a dataset.

    Attributes:
        name: as --config-name takes it.
        patterns: (split, glob patterns of its files) in the order of the card; empty: the files are found by their names.
        folder: where the patterns begin, below the root.
        is_default: whether it is taken when none is named.
        classes: column -> its class names, for files that do not carry them.
    """

    name: str
    patterns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    folder: str = ""
    is_default: bool = False
    classes: Mapping[str, datasets.ClassLabel] = field(default_factory=dict)

    def files_by_split(self, files: Sequence[str]) -> dict[str, list[str]]:
        """The files that each split names; a file outside the folder matches nothing."""
        found = {}
        for split, patterns in self.patterns:
            whole = [posixpath.normpath(posixpath.join(self.folder, pattern)) for pattern in patterns]
            found[split] = [file for file in files if any(_matches(file, pattern) for pattern in whole)]
        return found


def read_card(root: Path) -> list[Configuration]:
    """Return the configurations that README.md of a folder declares; none if it has no README.md or none in it.

    Nothing that the card names is opened here. Addresses and paths that leave the folder are refused.

    Raises:
        DatasetError: the card cannot be parsed, or names files outside the folder.
    """
    metadata = _read_metadata(root / CARD)
    classes = _read_classes(metadata.get("dataset_info"))
    entries = metadata.get("configs")
    if not isinstance(entries, list):
        return [Configuration(name, classes=found) for name, found in classes.items()]
    return [_configuration(entry, classes, root) for entry in entries if isinstance(entry, dict)]


def _configuration(entry: dict[str, Any], classes: Mapping[str, dict[str, datasets.ClassLabel]], root: Path) -> Configuration:
    name = str(entry.get("config_name", "default"))
    folder = str(entry.get("data_dir") or "")
    patterns = tuple(_patterns(entry.get("data_files")))
    if folder and not patterns:
        patterns = (("train", ("**",)),)
    for pattern in [folder, *(pattern for _, patterns_ in patterns for pattern in patterns_)]:
        if "://" in pattern or "::" in pattern or pattern.startswith(("/", "~")) or ".." in re.split(r"[/\\]", pattern):
            raise DatasetError(
                f"{CARD} of {root} names data files outside the folder ({pattern}); a local dataset is read from its folder only."
            )
    return Configuration(name, patterns, folder, entry.get("default") is True, classes.get(name, {}))


def _patterns(data_files: Any) -> list[tuple[str, tuple[str, ...]]]:
    """`data_files` of a card: a pattern, a list of them, or a list of splits with their patterns."""
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


def _matches(file: str, pattern: str) -> bool:
    """Whether a path matches a pattern of the Hub: * stays within a folder, ** does not."""
    regex = "".join(
        part if part in (".*", "[^/]*", "(?:.*/)?") else fnmatch.translate(part).removeprefix("(?s:").removesuffix(")\\Z")
        for part in _tokens(pattern)
    )
    return re.fullmatch(regex, file) is not None


def _tokens(pattern: str) -> list[str]:
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return [wild.get(part, part) for part in re.split(r"(\*\*/|\*\*|\*)", pattern) if part]


def _read_metadata(card: Path) -> dict[str, Any]:
    """The YAML block at the beginning of a card."""
    try:
        if not card.is_file():
            return {}
        with card.open("rb") as file:
            text = file.read(_LARGEST_CARD).decode("utf-8")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{card} cannot be read ({error}); repair it, or remove it.") from error
    block = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", text, re.DOTALL)
    if block is None:
        return {}
    try:
        metadata = _load_yaml(block[1])
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"The YAML block of {card} cannot be parsed ({reason}); repair it, or remove it.") from error
    return metadata if isinstance(metadata, dict) else {}


def _load_yaml(text: str) -> Any:
    """Safe YAML without aliases, which can make gigabytes of a few lines."""
    if any(isinstance(event, yaml.events.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
        raise yaml.YAMLError("aliases (*name) are not read")
    return yaml.load(text, Loader=_Loader)


def _read_classes(infos: Any) -> dict[str, dict[str, datasets.ClassLabel]]:
    """Configuration -> column -> class names, from the `dataset_info` of a card."""
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
                columns[str(feature.get("name"))] = datasets.ClassLabel(names=[str(name) for name in names])
        found[str(info.get("config_name", "default"))] = columns
    return found
