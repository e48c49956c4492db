"""Update what a dataset folder says about its tables: in README.md, and in the JSON files of the datasets library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curv_issues.applying.edits import DatasetEdits
from curv_issues.data.label_names import original_column
from curv_issues.data.repository import CARD
from curv_issues.errors import DatasetError, first_line

_INFO, _STATE, _LEGACY = "dataset_info.json", "state.json", "dataset_infos.json"
_STALE_SIZES = ("num_bytes", "download_size", "dataset_size")
_CHECKSUMS = "download_checksums"


def update_descriptions(
    folder: Path, edits: DatasetEdits, *, tables: Sequence[str] | None = None, with_original: bool = True
) -> None:
    """Update the descriptions in a new dataset folder; those of other configurations stay as they are.

    Args:
        folder: the new folder.
        edits: of the dataset.
        tables: paths of the tables of the configuration; None: the folder has only one configuration.
        with_original: whether the tables get a column of original labels.

    Raises:
        DatasetError: a description cannot be read.
    """
    change = _Change(edits, with_original=with_original)
    if (card := folder / CARD).is_file():
        _update_card(card, change)
    if (legacy := folder / _LEGACY).is_file():
        _update_json(legacy, change.of_legacy_json)
    for path in (*folder.rglob(_INFO),):
        if tables is not None and not any((folder / table).is_relative_to(path.parent) for table in tables):
            continue  # of another configuration
        _update_json(path, change.of_json)
        if (state := path.with_name(_STATE)).is_file():
            _update_json(state, change.of_state)


class _Change:
    """How descriptions change."""

    def __init__(self, edits: DatasetEdits, *, with_original: bool) -> None:
        self._config_name = edits.opened.source.config_name
        self._column = edits.opened.columns.label
        self._original = original_column(self._column)
        self._with_original = with_original
        self._classes = list(dict.fromkeys(edits.labels.values()))
        self._sizes = {split: edits.size_after(split) for split in edits.tables}
        self._mark = repr((sorted(edits.labels.items()), sorted(edits.removed)))

    def of_json(self, info: dict[str, Any]) -> None:
        """Update what the datasets library says about one configuration, in JSON: features by name, splits by name."""
        features = info.get("features")
        if isinstance(features, dict) and isinstance(features.get(self._column), dict):
            feature = features[self._column]
            if self._with_original:
                features.setdefault(self._original, dict(feature))
            if isinstance(feature.get("names"), list):
                features[self._column] = {**feature, "names": self._with_new(feature["names"])}
        splits = info.get("splits")
        self._of_splits(list(splits.values()) if isinstance(splits, dict) else [])
        for name in (*_STALE_SIZES, _CHECKSUMS, "size_in_bytes"):
            if name in info:
                info[name] = None

    def of_legacy_json(self, infos: dict[str, Any]) -> None:
        """Update what the datasets library says about the configurations, by name."""
        for info in self.of_configuration([(name, info) for name, info in infos.items() if isinstance(info, dict)]):
            self.of_json(info)

    def of_configuration(self, named: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return the descriptions of the audited configuration, from (configuration, description)."""
        if self._config_name is None and len(named) == 1:
            return [named[0][1]]
        return [info for name, info in named if name == (self._config_name or "default")]

    def of_yaml(self, info: dict[str, Any]) -> None:
        """Update what a card says about one configuration, in YAML: lists of features and splits."""
        features = info["features"] if isinstance(info.get("features"), list) else []
        listed = [entry for entry in features if isinstance(entry, dict)]
        for entry in [entry for entry in listed if entry.get("name") == self._column]:
            if self._with_original and all(other.get("name") != self._original for other in listed):
                features.append({**entry, "name": self._original})
            kind = entry.get("dtype")
            if isinstance(kind, dict) and isinstance(kind.get("class_label"), dict):
                names = kind["class_label"].get("names")
                known = list(names.values()) if isinstance(names, dict) else names if isinstance(names, list) else []
                extended = self._with_new([str(name) for name in known])
                added = dict(enumerate(extended[len(known) :], len(known)))
                new = {**names, **{str(code): name for code, name in added.items()}} if isinstance(names, dict) else extended
                entry["dtype"] = {**kind, "class_label": {**kind["class_label"], "names": new}}
        splits = info.get("splits")
        self._of_splits(splits if isinstance(splits, list) else [])
        for name in _STALE_SIZES:
            info.pop(name, None)

    def of_state(self, state: dict[str, Any]) -> None:
        """Update the state of a saved dataset: its fingerprint, by which results are cached, and the chosen columns."""
        if isinstance(before := state.get("_fingerprint"), str):
            state["_fingerprint"] = hashlib.sha256(f"{before}{self._mark}".encode()).hexdigest()[:16]
        columns = state.get("_format_columns")
        if isinstance(columns, list) and self._column in columns and self._original not in columns:
            columns.append(self._original)

    def _with_new(self, names: list[Any]) -> list[Any]:
        return [*names, *(name for name in self._classes if name not in names)]

    def _of_splits(self, splits: list[Any]) -> None:
        for split in splits:
            if isinstance(split, dict) and split.get("name") in self._sizes and "num_examples" in split:
                split["num_examples"] = self._sizes[split["name"]]
                split.pop("shard_lengths", None)
                if "num_bytes" in split:
                    split["num_bytes"] = 0


def _update_json(path: Path, update: Any) -> None:
    try:
        content = json.loads(path.read_bytes())
        if isinstance(content, dict):
            update(content)
            path.write_bytes(f"{json.dumps(content, indent=2)}\n".encode())
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path.name} cannot be read as JSON: {first_line(error)}.") from error


def _update_card(path: Path, change: _Change) -> None:
    import yaml  # only needed for folders with a card

    from curv_issues.data.card_entries import read_entries, replace_entries

    text = path.read_bytes().decode("utf-8", "surrogateescape")
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        return
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        return
    block = "".join(lines[1:end])
    try:
        metadata = read_entries(block)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise DatasetError(f"The YAML block of {CARD} cannot be read ({first_line(error)}); repair it, or remove it.") from error
    infos = metadata.get("dataset_info") if isinstance(metadata, dict) else None
    listed = [info for info in (infos if isinstance(infos, list) else [infos]) if isinstance(info, dict)]
    chosen = change.of_configuration([(str(info.get("config_name", "default")), info) for info in listed])
    for info in chosen:
        change.of_yaml(info)
    if chosen:
        block = replace_entries(block, {"dataset_info": infos})
        path.write_bytes("".join([lines[0], block, *lines[end:]]).encode("utf-8", "surrogateescape"))
