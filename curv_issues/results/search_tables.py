"""The tables of a search for duplicates without labels, and the folder that they are saved in."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curv_issues.errors import AuditError, UsageError
from curv_issues.results.folder import (
    check_outside,
    check_writable,
    is_result,
    output_folder,
    read_summary,
    replace_files,
    resolve,
)
from curv_issues.results.kinds import PLACE, ResultTable
from curv_issues.results.tables import REPORT, SUMMARY

if TYPE_CHECKING:
    import pandas as pd

_FILE = {"height": "int32", "width": "int32", "bytes": "int64"}

GROUPS = ResultTable(
    {
        "group": "int64",
        **PLACE,
        "keep": "bool",
        "similarity": "float64?",
        "test": "text?",
        "mirrored": "bool",
        "turned": "int64",
        **_FILE,
    },
    "a member of a group of duplicates, the most similar groups first, and in each the image to keep first",
    is_unique=True,
)
COPIES = ResultTable(
    {
        **PLACE,
        "other_row": "int64",
        "other_split": "text?",
        "other_path": "text?",
        "similarity": "float64",
        "test": "text",
        "mirrored": "bool",
        "turned": "int64",
        **_FILE,
    },
    "an image that also appears in the other dataset, with its most similar image there, the most similar first",
    is_unique=True,
)
SEARCH_TABLES = {"groups": GROUPS, "copies": COPIES}
"""By name; a search has one of them."""

KIND = "duplicates"
SCHEMA_VERSION = 1


def check_search_output(directory: str | Path, *, overwrite: bool, sources: Sequence[str | Path] = ()) -> Path:
    """Return the path of an output folder to which a search can be written.

    Raises:
        UsageError: it contains the result of an audit, or of an older search and `overwrite` is False; or it is not writable, or
            inside the dataset.
        AuditError: the disk is full.
    """
    folder = output_folder(directory)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"The output {directory} is a file; expected a folder, which need not exist.")
    if is_result(folder):
        raise UsageError(f"The output folder {directory} contains the result of an audit; choose another folder.")
    present = [name for name in _files() if (folder / name).exists()]
    if present and (read_summary(folder) or {}).get("kind") != KIND:
        raise UsageError(
            f"The output folder {directory} contains {', '.join(present)} but no search for duplicates; nothing was overwritten. "
            "Move the files away or choose another folder."
        )
    if present and not overwrite:
        raise UsageError(
            f"The output folder {directory} already contains a search for duplicates; choose another folder, or replace it with "
            "--overwrite."
        )
    check_outside(folder, sources)
    check_writable(folder)
    return folder


def write_search(
    folder: Path, tables: Mapping[str, pd.DataFrame], summary: Mapping[str, Any], *, page: bytes | None = None
) -> None:
    """Write the tables, one or none of `SEARCH_TABLES` and `left_out`, the page, and then the summary; an older search is replaced.

    Raises:
        UsageError: another run is writing to the folder.
        AuditError: the files cannot be written.
    """
    import pyarrow.parquet as pq

    from curv_issues.results.arrow import conform, json_ready, schema_of, to_arrow
    from curv_issues.results.tables import TABLES

    contents = {}
    for name, frame in tables.items():
        schema, file = schema_of({**SEARCH_TABLES, **TABLES}[name]), io.BytesIO()
        pq.write_table(to_arrow(conform(frame, schema, table=name), schema), file)
        contents[f"{name}.parquet"] = file.getvalue()
    if page is not None:
        contents[REPORT] = page
    text = json.dumps(json_ready(summary), indent=2, allow_nan=False) + "\n"
    try:
        resolve(folder).mkdir(parents=True, exist_ok=True)
        replace_files(folder, {**contents, SUMMARY: text.encode()})
        for name in set(_files()) - {*contents, SUMMARY}:  # of an older search
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise AuditError(f"The search could not be written to {folder} ({error.strerror or error}).") from error


def _files() -> tuple[str, ...]:
    return (*(f"{name}.parquet" for name in SEARCH_TABLES), "left_out.parquet", REPORT, SUMMARY)
