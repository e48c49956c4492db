"""Record how a dataset was opened, so that a later command can open it again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curv_issues.data.source_options import SourceOptions
from curv_issues.keywords import make_options
from curv_issues.option import list_options


def opened_with(dataset: Any, options: SourceOptions) -> dict[str, Any] | None:
    """Return `dataset`, the list of Hub ids and absolute paths, and `options` other than the defaults, as JSON values.

    Returns:
        None if the dataset or one of the options is an object in memory, which cannot be opened again.
    """
    items = [dataset] if isinstance(dataset, str | os.PathLike) else dataset
    if not isinstance(items, Sequence) or not all(isinstance(item, str | os.PathLike) for item in items):
        return None
    changed: dict[str, Any] = {}
    for info in list_options(SourceOptions):
        name, value = info.name, getattr(options, info.name)
        if value is info.default:
            continue
        if isinstance(value, tuple):
            changed[name] = list(value)
        elif name in ("labels", "features") and isinstance(value, str | os.PathLike):
            changed[name] = absolute(value)
        elif isinstance(value, str | int):
            changed[name] = value
        else:
            return None
    return {"dataset": [absolute(item) for item in items], "options": changed}


def opened_names(dataset: Mapping[str, Any]) -> list[str]:
    """Return the Hub ids and paths that an audited dataset was opened with; [] if they are not known.

    Args:
        dataset: the `dataset` of a result's summary, which is not trusted.
    """
    record = dataset.get("opened_with")
    names = record.get("dataset") if isinstance(record, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def move_options(options: SourceOptions, before: Sequence[str], now: Sequence[str]) -> SourceOptions:
    """Return the options after a dataset has moved: files of labels and features that have moved with its folder have new paths.

    Args:
        options: with absolute paths, see `opened_with`.
        before: where the dataset was, as Hub ids or paths.
        now: where it is.
    """
    if len(before) != 1 or len(now) != 1:
        return options
    moved: dict[str, Any] = {}
    for name in ("labels", "features"):
        path = getattr(options, name)
        if isinstance(path, str) and Path(before[0]) in Path(path).parents:
            new = os.path.join(now[0], os.path.relpath(path, before[0]))
            moved[name] = new if os.path.exists(new) else path
    return replace(options, **moved)


def options_of(record: dict[str, Any]) -> SourceOptions:
    """Return the options of a record of `opened_with`.

    Raises:
        UsageError: the record has an option that does not exist or has a wrong value.
    """
    return make_options(SourceOptions, record["options"])


def absolute(item: str | os.PathLike[str]) -> str:
    """Return the absolute path of an existing file or folder; other text, such as a Hub id, unchanged."""
    text = os.fspath(item)
    path = Path(text).expanduser()
    return str(path.absolute()) if os.path.exists(path) else text
