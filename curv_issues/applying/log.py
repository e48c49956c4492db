"""The log of what was changed, beside the new dataset: changes.csv for people, applied.json for the next time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curv_issues.applying.changes import COLUMNS, Change
from curv_issues.errors import UsageError
from curv_issues.regular_files import open_regular, read_bounded
from curv_issues.report.csv_format import csv_lines
from curv_issues.review.decisions import Decision, parse_decision
from curv_issues.version import __version__

CHANGES, APPLIED = "changes.csv", "applied.json"
LOGS = (CHANGES, APPLIED)
VERSION_KEY, VERSION = "curv_issues_applied", 1
LARGEST_FILE = 1_000_000_000  # bytes
NEW_PATH = "new_path"


def write_log(folder: Path, changes: Sequence[Change], entries: Mapping[str, Any], *, new_paths: Mapping[int | None, str]) -> None:
    """Write both files into a new folder.

    Args:
        folder: the new folder.
        changes: in order.
        entries: of applied.json, JSON values.
        new_paths: row -> new path of its image, for those that were moved; they become a further column.

    Raises:
        UsageError: the dataset has a file of this name.
    """
    for name in LOGS:
        if os.path.lexists(folder / name):
            raise UsageError(
                f"The dataset has a file {name} of its own, which the log would replace; rename it. Nothing was written."
            )
    columns = [*COLUMNS, NEW_PATH] if new_paths else list(COLUMNS)
    rows = [[*asdict(change).values(), new_paths.get(change.row)] for change in changes]
    text = csv_lines(columns, ([*row][: len(columns)] for row in rows))
    (folder / CHANGES).write_bytes(f"{text}\n".encode("utf-8", "backslashreplace"))
    content = {VERSION_KEY: VERSION, "curv_issues": __version__, **entries}
    (folder / APPLIED).write_bytes(f"{json.dumps(content, indent=1)}\n".encode())


def describe_removed(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    """Return decisions as entries of applied.json."""
    return [{name: value for name, value in asdict(decision).items() if value is not None} for decision in decisions]


def read_removed(folders: Iterable[str | Path]) -> list[Decision]:
    """Return the decisions to remove a sample that are recorded in the log of a dataset that `apply` wrote; [] without a log.

    The file is not trusted.

    Raises:
        UsageError: the file is not valid.
    """
    for folder in folders:
        content = _read(Path(folder) / APPLIED)
        if content is not None:
            path, removed = Path(folder) / APPLIED, content.get("removed")
            if content[VERSION_KEY] != VERSION or not isinstance(removed, list):
                raise UsageError(f"The log {path} of earlier changes is of another version or damaged; move it away to ignore it.")
            return [parse_decision(entry, f"{path}, entry {number}") for number, entry in enumerate(removed, 1)]
    return []


def logs_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the files of an earlier log in a folder, which are not part of the dataset."""
    return () if _read(folder / APPLIED) is None else LOGS


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of a log; None if there is none, or it was not written by `apply`."""
    try:
        with open_regular(path) as file:
            content = json.loads(read_bounded(file, limit=LARGEST_FILE).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and VERSION_KEY in content else None
