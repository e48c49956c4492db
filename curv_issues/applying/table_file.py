"""Write an edited copy of one file of rows, in any format that is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curv_issues.applying.edits import TableEdits
from curv_issues.data.archives import read_start
from curv_issues.data.label_table import read_table
from curv_issues.errors import AuditError
from curv_issues.plugins import load_attribute

TEXT_FORMATS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "curv_issues.applying.delimited_file:rewrite"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "curv_issues.applying.json_file:rewrite"),
}
"""Formats of text by ending; all other files are parquet or Arrow files."""


def rewrite_table(source: Path, target: Path, edits: TableEdits, *, folder: Path | None = None, embed: str = "absolute") -> None:
    """Write an edited copy of a file of rows.

    Args:
        source: the file.
        target: the new file, whose folder exists.
        edits: of its rows.
        folder: see `RowEditor`.
        embed: see `RowEditor`.

    Raises:
        UsageError: a class cannot be stored in it, or the file cannot be edited row by row.
        DatasetError: it cannot be read.
    """
    if (text_format := TEXT_FORMATS.get(source.suffix.lower())) is not None:
        load_attribute(text_format)(source, target, edits)
        _check(source, target, edits)
        return
    kind = "parquet_file" if read_start(source).startswith(b"PAR1") else "arrow_file"
    load_attribute(f"curv_issues.applying.{kind}:rewrite")(source, target, edits, folder=folder, embed=embed)


def _check(source: Path, target: Path, edits: TableEdits) -> None:
    """Raise AuditError unless the new file is read as the old one with the edits."""
    before, after = read_table(source), read_table(target)
    kept = [row for row in range(len(before)) if row not in edits.removed]
    for column, values in before.columns.items():
        texts = edits.labels if column == edits.label_column else edits.texts.get(column, {})
        expected = [texts.get(row, values[row]) for row in kept]
        found = after.columns.get(column, [None] * len(kept))
        if list(map(_plain, found)) != list(map(_plain, expected)):
            raise AuditError(f"Column {column!r} of {source.name} would be read differently after editing; nothing was written.")


def _plain(value: Any) -> Any:
    """Return a number as text, as the name of a class is."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
