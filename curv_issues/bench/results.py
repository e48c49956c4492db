"""Read and write the folder of a benchmark: one JSON file per cell, written atomically."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from curv_issues.errors import AuditError, UsageError
from curv_issues.results.atomic_files import write_files
from curv_issues.results.folder import check_outside, check_writable

SCHEMA_VERSION = 2
CELLS = "cells"
CHECKSUM = "checksum"  # of all other entries in the file


def cell_path(folder: Path, configuration: dict[str, Any]) -> Path:
    """Return the path of the cell with this configuration, named by noise, seed and a hash of the configuration."""
    slug = re.sub(r"[^\w.+-]+", "-", str(configuration["noise"]))[-60:]
    return folder / CELLS / f"{slug}-seed{configuration['seed']}-{configuration_hash(configuration)}.json"


def configuration_hash(configuration: dict[str, Any]) -> str:
    """Return a hash of twelve hex digits that identifies the configuration."""
    return checksum(configuration)[:12]


def read_cell(path: Path) -> dict[str, Any] | None:
    """Return a finished cell; None if the file does not exist, is corrupt or has another schema version."""
    if not path.is_file():  # reading a pipe might never end
        return None
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    valid = isinstance(cell, dict) and cell.get("schema_version") == SCHEMA_VERSION and cell.pop(CHECKSUM, None) == checksum(cell)
    return cell if valid else None


def write_cell(path: Path, cell: dict[str, Any]) -> None:
    """Write a cell with its checksum.

    Raises:
        AuditError: the disk is full, or the file cannot be written.
    """
    write_text(path, json.dumps({**cell, CHECKSUM: checksum(cell)}, indent=1, allow_nan=False) + "\n")


def checksum(values: dict[str, Any]) -> str:
    """Return the SHA-256 of JSON values in hex, independent of the order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def set_aside(path: Path) -> Path:
    """Rename an invalid cell, so that a new one can be written, and return the new path."""
    names = (path.with_name(f"{path.name}.damaged{number}") for number in ("", *range(2, 1_000)))
    aside = next(name for name in names if not os.path.lexists(name))
    path.rename(aside)
    return aside


def write_text(path: Path, text: str) -> None:
    """Write a file atomically.

    Raises:
        AuditError: the disk is full, or the file cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_files(path.parent, {path.name: text.encode()})


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert an OSError while a file is written to an AuditError that says what to do."""
    try:
        yield
    except OSError as error:
        raise AuditError(
            f"{path} cannot be written ({error.strerror or error}). Finished cells are kept: free some space, or make the folder "
            "writable, and run the command again with --resume."
        ) from error


def check_folder(folder: Path, *, resume: bool, overwrite: bool, sources: Sequence[str | Path] = ()) -> None:
    """Raise unless cells may be written to the folder.

    Args:
        folder: folder of the results; it need not exist.
        resume: keep finished cells.
        overwrite: replace finished cells.
        sources: local folders of the dataset, which the results must not be written into.

    Raises:
        UsageError: the folder contains cells, and neither `resume` nor `overwrite` is set; both are set; or the folder is not
            writable, or is inside a source.
        AuditError: the disk is full.
    """
    if resume and overwrite:
        raise UsageError("--resume keeps finished cells and --overwrite replaces them; use only one of them.")
    for place in (folder, folder / CELLS):
        check_writable(place)
    if any((folder / CELLS).glob("*.json")) and not (resume or overwrite):
        raise UsageError(
            f"The folder {folder} already contains results of a benchmark; add --resume to run only the missing cells or "
            "--overwrite to replace all cells, or choose another folder with --output."
        )
    check_outside(folder, sources)


def remove_cells(folder: Path) -> None:
    """Remove all cells of an older benchmark."""
    for path in (folder / CELLS).glob("*.json"):
        if path.is_dir():
            set_aside(path)
        else:
            path.unlink()
