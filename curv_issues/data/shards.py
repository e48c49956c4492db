"""Check the shards of a table, numbered as in train-00000-of-00003.parquet: all present, none repeated."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from curv_issues.data.accounts import shorten
from curv_issues.errors import DatasetError

NUMBERED = re.compile(r"(?P<table>.+?)-(?P<number>\d{5})-of-(?P<total>\d{5})(?:-[0-9a-f]+)?")
"""Name of a shard without its extension; some end in a hash."""


@dataclass
class _Shards:
    """The files of one table in a folder: by shard number, by total in their names, and one without a number."""

    by_number: dict[int, list[str]] = field(default_factory=dict)
    by_total: dict[int, str] = field(default_factory=dict)
    whole: str | None = None


def check_shards(paths: Sequence[str], name: str) -> list[str]:
    """Return a note on each table with missing shards.

    Args:
        paths: files that are read together, with forward slashes.
        name: name of the dataset in messages.

    Raises:
        DatasetError: a table is present twice.
    """
    tables: dict[str, _Shards] = {}
    for path in paths:
        stem = os.path.splitext(path)[0]
        folder, slash, file = stem.rpartition("/")
        match = NUMBERED.fullmatch(file)
        shards = tables.setdefault(folder + slash + (match["table"] if match else file), _Shards())
        if match:
            shards.by_number.setdefault(int(match["number"]), []).append(path)
            shards.by_total.setdefault(int(match["total"]), path)
        else:
            shards.whole = path
    notes = []
    for table, shards in tables.items():
        twice = _there_twice(shards)
        if twice is not None:
            raise DatasetError(
                f"{name} contains {table} twice: {twice[0]} and {twice[1]} are from different exports, so rows would be repeated; "
                "remove one of the exports."
            )
        missing = [number for total in shards.by_total for number in range(total) if number not in shards.by_number]
        if missing:
            (total,) = shards.by_total
            shown = shorten(f"{number:05d}" for number in missing)
            notes.append(f"{len(missing):,} of the {total:,} files of {table} are missing ({shown}); only the others are read.")
    return notes


def _there_twice(shards: _Shards) -> tuple[str, str] | None:
    """Return two files that cannot belong to the same export, or None."""
    of_exports = [*shards.by_total.values(), *([shards.whole] if shards.whole and shards.by_total else [])]
    repeated = [files for files in shards.by_number.values() if len(files) > 1]
    for first, second, *_ in [of_exports] if len(of_exports) > 1 else repeated:
        return first, second
    return None
