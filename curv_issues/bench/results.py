"""The folder of a benchmark: one JSON file a cell, written whole or not at all."""

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
from curv_issues.results.folder import check_outside, check_writable

SCHEMA_VERSION = 2
CELLS = "cells"
CHECKSUM = "checksum"  # of everything else in the file


def cell_path(folder: Path, configuration: dict[str, Any]) -> Path:
    """Where the cell of a configuration lies; its name tells noise, seed and a hash of everything."""
    slug = re.sub(r"[^\w.+-]+", "-", str(configuration["noise"]))[-60:]
    return folder / CELLS / f"{slug}-seed{configuration['seed']}-{configuration_hash(configuration)}.json"


def configuration_hash(configuration: dict[str, Any]) -> str:
    """Twelve hex digits that another configuration does not have."""
    return checksum(configuration)[:12]


def read_cell(path: Path) -> dict[str, Any] | None:
    """Return a finished cell; None if there is none, or one that is damaged or of another version."""
    if not path.is_file():  # a pipe would never end
        return None
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(cell, dict) and cell.get("schema_version") == SCHEMA_VERSION and cell.pop(CHECKSUM, None) == checksum(cell)
    return cell if whole else None


def write_cell(path: Path, cell: dict[str, Any]) -> None:
    """Write a cell with its checksum.

    Raises:
        AuditError: the disk is full, or the file cannot be written.
    """
    write_text(path, json.dumps({**cell, CHECKSUM: checksum(cell)}, indent=1, allow_nan=False) + "\n")


def checksum(values: dict[str, Any]) -> str:
    """Return the SHA-256 of JSON values in hex, whatever the order of the keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def set_aside(path: Path) -> Path:
    """Rename what is no cell, so that the cell can be written, and return the new path."""
    names = (path.with_name(f"{path.name}.damaged{number}") for number in ("", *range(2, 1_000)))
    aside = next(name for name in names if not os.path.lexists(name))
    path.rename(aside)
    return aside


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        AuditError: the disk is full, or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError while a file is written into an AuditError that says what to do."""
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
    for place in (folder, folder / CELLS):
        check_writable(place)
    if any((folder / CELLS).glob("*.json")) and not (resume or overwrite):
        raise UsageError(
            f"The folder {folder} holds results of a benchmark already; add --resume to run only the missing cells, "
            "--overwrite to replace them, or choose another with --output."
        )
    check_outside(folder, sources)


def remove_cells(folder: Path) -> None:
    """Take out all cells of an older benchmark."""
    for path in (folder / CELLS).glob("*.json"):
        if path.is_dir():
            set_aside(path)
        else:
            path.unlink()
