"""Write edited Arrow files, such as those of `save_to_disk`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from curv_issues.applying.arrow_rows import RowEditor
from curv_issues.applying.edits import TableEdits
from curv_issues.errors import CurvIssuesError, DatasetError, first_line


def rewrite(source: Path, target: Path, edits: TableEdits, *, folder: Path | None, embed: str = "absolute") -> int:
    """Write an edited copy of an Arrow file, a stream or with a footer as it was, and return its number of rows."""
    try:
        with source.open("rb") as opened, target.open("wb") as out:
            reader, make_writer = _open(opened)
            editor = RowEditor(reader.schema, edits, folder=folder, name=source.name, embed=embed)
            written = 0
            with make_writer(out, editor.schema) as writer:
                for batch in _batches(reader):
                    edited = editor.edit(pa.Table.from_batches([batch]))
                    if len(edited):
                        writer.write_table(edited)
                    written += len(edited)
            return written
    except CurvIssuesError:
        raise
    except (pa.ArrowException, ValueError, NotImplementedError) as error:
        raise DatasetError(f"{source.name} cannot be written again: {first_line(error)}.") from error


def _open(opened: Any) -> tuple[Any, Any]:
    try:
        return pa.ipc.open_stream(opened), pa.ipc.new_stream
    except pa.ArrowInvalid:
        opened.seek(0)
        return pa.ipc.open_file(opened), pa.ipc.new_file


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if hasattr(reader, "num_record_batches"):
        return (reader.get_batch(number) for number in range(reader.num_record_batches))
    return iter(reader)
