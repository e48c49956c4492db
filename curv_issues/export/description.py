"""Describe an audit for others: what was audited and how, without paths of this machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from curv_issues.data.reopening import opened_names
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import UsageError
from curv_issues.keywords import make_options
from curv_issues.option import OptionInfo, list_options
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.visible import visible

_ARCHIVE = "zip://"
_FILES = ("labels", "features")  # options that may name a file of this machine


def public_source(dataset: Mapping[str, Any]) -> str:
    """Return the Hub id of an audited dataset, or the name of its folder or file without the path.

    Args:
        dataset: the `dataset` of a result's summary, which is not trusted.
    """
    source = dataset.get("source")
    if isinstance(dataset.get("revision"), str):
        return str(source)
    first = next(iter(opened_names(dataset)), source)
    return (_last_part(first) if isinstance(first, str) else None) or "a local dataset"


def public_path(path: str | None) -> str | None:
    """Return the path of a sample as it may be published: unchanged below the dataset folder, else the name of the file."""
    if path is None:
        return None
    if path.startswith(_ARCHIVE):
        path = path.removeprefix(_ARCHIVE).partition("::")[0]
    is_below = not (path.startswith(("/", "\\", "~")) or "://" in path or re.match(r"[A-Za-z]:", path))
    return path if is_below and ".." not in re.split(r"[/\\]", path) else _last_part(path)


def _last_part(path: str) -> str:
    """Return the last part of a path of any system."""
    return PurePosixPath(PureWindowsPath(path).as_posix()).name


def describe_source(summary: Mapping[str, Any]) -> str:
    """Return what was audited: the dataset, its configuration, split and revision."""
    dataset = summary["dataset"]
    parts = [public_source(dataset)]
    for name, text in (("config_name", "configuration"), ("split", "split"), ("revision", "revision")):
        if isinstance(dataset.get(name), str):
            parts.append(f"{text} {dataset[name]}")
    return ", ".join(parts)


def command_line(summary: Mapping[str, Any]) -> str | None:
    """Return the command that repeats an audit, with the names of local files only; None if no command can.

    Args:
        summary: of a result, which is not trusted.
    """
    dataset = summary["dataset"]
    record, options = dataset.get("opened_with"), summary.get("options")
    given = summary.get("input") == "images" and summary.get("pred_probs") == "out-of-sample"  # probabilities of another model
    if given or not isinstance(record, dict) or not isinstance(options, dict):
        return None
    try:
        values = {**record["options"], **options}
        if isinstance(dataset.get("revision"), str):
            values["revision"] = dataset["revision"]
        words = ["curv-issues", "audit", *(name if _is_hub_id(dataset) else _last_part(name) for name in record["dataset"])]
        for group in (SourceOptions, TrainingOptions, FindingOptions, DuplicateOptions):
            known = make_options(group, values)  # raises an error for the name of a Python object
            for info in list_options(group):
                words += _words(info, getattr(known, info.name)) if info.name != "device" else ()
        other = summary.get("other_split")
        if isinstance(other, dict) and isinstance(other.get("split"), str):
            words += ["--against", other["split"]]
        text = " ".join(shlex.quote(word) for word in words)
    except (UsageError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return text if "`" not in text and visible(text) == text else None


def _is_hub_id(dataset: Mapping[str, Any]) -> bool:
    return isinstance(dataset.get("revision"), str)


def _words(info: OptionInfo, value: Any) -> Iterator[str]:
    """Yield the words of one option on the command line; none for its default."""
    if value == info.default or (info.default == () and not value):
        return
    flag = f"--{info.name.replace('_', '-')}"
    if isinstance(value, bool):
        flags = (info.flags or (flag,))[0].split("/")
        yield flags[0] if value else flags[1]
        return
    for entry in value if isinstance(value, list | tuple) else [value]:
        yield flag
        yield _last_part(entry) if info.name in _FILES and isinstance(entry, str) else str(entry)


def public_notes(summary: Mapping[str, Any]) -> list[str]:
    """Return the notes of an audit, without those that may name a path of this machine."""
    notes = summary.get("notes")
    found = [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
    return [note for note in found if "/" not in note and "\\" not in note]
