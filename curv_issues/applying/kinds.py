"""Find out of which kind an opened dataset is, so that a new one of the same kind can be written."""

from __future__ import annotations

import os

from curv_issues.applying.edits import refuse
from curv_issues.applying.source import AuditedDataset
from curv_issues.data.arrow_file import ArrowTable
from curv_issues.data.column_table import ColumnTable
from curv_issues.data.image_folder import FOLDERS
from curv_issues.data.parquet import ParquetTable
from curv_issues.data.table import FileTable, RecordTable
from curv_issues.errors import UsageError


def kind_of(audited: AuditedDataset) -> str:
    """Return the key of a dataset in `WRITERS`.

    Raises:
        UsageError: no new dataset can be written from it.
    """
    tables = [table for tables in audited.opened.source.splits.values() for table in tables]
    labels = audited.options.labels
    if all(isinstance(table, FileTable) for table in tables):
        return "image folder" if labels is None or (isinstance(labels, str) and labels == FOLDERS) else "table of labels"
    if isinstance(audited.dataset, list) and all(isinstance(table, ParquetTable | ArrowTable | ColumnTable) for table in tables):
        return "table files"
    if any(isinstance(table, RecordTable | ColumnTable) for table in tables):
        raise UsageError(refuse(f"an object in memory ({audited.opened.source.name})"))
    if any(os.path.isdir(path) for path in audited.paths):
        raise UsageError(refuse("tar files"))
    return "Hub dataset"
