"""The folder of a benchmark: one JSON file a cell, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curv_issues.errors import UsageError
from curv_issues.storage import check_outside, check_writable

SCHEMA_VERSION = 1
CELLS = "cells"


def cell_path(folder: Path, configuration: dict[str, Any]) -> Path:
    """Where the cell of a configuration lies; its name tells noise, seed and a hash of everything."""
    slug = re.sub(r"[^\w.+-]+", "-", str(configuration["noise"]))[-60:]
    return folder / CELLS / f"{slug}-seed{configuration['seed']}-{configuration_hash(configuration)}.json"


def configuration_hash(configuration: dict[str, Any]) -> str:
    """Twelve hex digits that another configuration does not have."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:12]


def read_cell(path: Path) -> dict[str, Any] | None:
    """A finished cell, or None if there is none that can be read."""
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cell if isinstance(cell, dict) and cell.get("schema_version") == SCHEMA_VERSION else None


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def check_folder(folder: Path, *, resume: bool, overwrite: bool, sources: Sequence[str | Path] = ()) -> None:
    """Raise unless cells may be written to the folder.

    Args:
        folder: of the results; it need not exist.
        resume: keep finished cells in it.
        overwrite: replace them.
        sources: local folders of the dataset, which the results must not be written into.

    Raises:
        UsageError: it holds cells, and neither `resume` nor `overwrite` is set, or both are; or it cannot be written, or lies
            within a source.
        AuditError: there is no disk space.
    """
    if resume and overwrite:
        raise UsageError("--resume and --overwrite do not go together: one keeps finished cells, the other replaces them.")
    if any((folder / CELLS).glob("*.json")) and not (resume or overwrite):
        raise UsageError(
            f"The folder {folder} holds results of a benchmark already; add --resume to run only the missing cells, "
            "--overwrite to replace them, or choose another with --output."
        )
    check_outside(folder, sources)
    check_writable(folder)


def remove_cells(folder: Path) -> None:
    """Take out all cells of an older benchmark."""
    for path in (folder / CELLS).glob("*.json"):
        path.unlink()
