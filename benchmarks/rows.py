"""Read and write the results of a study: one compressed JSON-lines file, one row per cell."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
HASH = "config_hash"  # of the row's configuration


def path_of(study: str) -> Path:
    """Return the file that holds the rows of a study."""
    return RESULTS / f"{study}.jsonl.gz"


def read(study: str) -> list[dict[str, Any]]:
    """Return the rows of a study, sorted by configuration; none if it has no file."""
    if not path_of(study).exists():
        return []
    with gzip.open(path_of(study), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def put(study: str, row: dict[str, Any]) -> None:
    """Add a row, or replace the row with the same configuration.

    The file is replaced in one step, under a lock, so that several processes can write to one study and a killed one loses
    no row.
    """
    import fcntl  # POSIX only

    path = path_of(study)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        by_hash = {known[HASH]: known for known in read(study)} | {row[HASH]: row}
        rows = sorted(by_hash.values(), key=lambda known: [str(value) for value in known["cell"].values()])
        lines = "".join(json.dumps(known, separators=(",", ":")) + "\n" for known in rows)
        partial = path.with_suffix(".partial")
        partial.write_bytes(gzip.compress(lines.encode(), mtime=0))
        os.replace(partial, path)
    finally:
        os.close(lock)  # releases the lock
