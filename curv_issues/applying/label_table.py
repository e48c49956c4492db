"""Write a table of labels alone: the images stay where they are."""

from __future__ import annotations

from pathlib import Path

from curv_issues.applying.edits import DatasetEdits, Written, refuse
from curv_issues.applying.image_folder import edits_of_matched, file_tables
from curv_issues.applying.table_file import rewrite_table
from curv_issues.errors import UsageError
from curv_issues.progress import StepCallback


def write(edits: DatasetEdits, folder: Path, *, link: str | None = None, progress: StepCallback | None = None) -> Written:
    """Write the table that `labels` names, under the same name; see `WRITERS`."""
    tables = file_tables(edits)
    (matched,) = tables[0].tables
    path = matched.table.path
    if path is None:
        raise UsageError(refuse("a table of labels in memory"))
    rewrite_table(path, folder / path.name, edits_of_matched(edits, tables, matched))
    return Written(dataset=None, options={"labels": path.name})
