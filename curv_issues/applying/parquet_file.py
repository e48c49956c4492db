"""Write edited parquet files, a few megabytes at a time, with the columns, types and compression of the original."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curv_issues.applying.arrow_rows import RowEditor
from curv_issues.applying.edits import TableEdits
from curv_issues.errors import CurvIssuesError, DatasetError, first_line

_BATCH_BYTES = 8 << 20
_GROUP_BYTES = 64 << 20
_MOST_ROWS = 100_000  # of a batch


def rewrite(source: Path, target: Path, edits: TableEdits, *, folder: Path | None, embed: str = "absolute") -> int:
    """Write an edited copy of a parquet file, and return its number of rows; see `RowEditor`.

    Row groups are those of the original without the removed rows, or smaller.
    """
    try:
        with source.open("rb") as opened, pq.ParquetFile(opened) as file, target.open("wb") as out:
            editor = RowEditor(file.schema_arrow, edits, folder=folder, name=source.name, embed=embed)
            with pq.ParquetWriter(out, editor.schema, **_options(file.metadata, edits)) as writer:
                return sum(_write(writer, _batches(file, group), editor) for group in range(file.num_row_groups))
    except CurvIssuesError:
        raise
    except (pa.ArrowException, ValueError, NotImplementedError) as error:
        raise DatasetError(f"{source.name} cannot be written again: {first_line(error)}.") from error


def _batches(file: pq.ParquetFile, group: int) -> Iterator[pa.Table]:
    found = file.metadata.row_group(group)
    rows = max(1, min(_MOST_ROWS, found.num_rows * _BATCH_BYTES // max(1, found.total_byte_size)))
    for batch in file.iter_batches(batch_size=rows, row_groups=[group]):
        yield pa.Table.from_batches([batch], schema=file.schema_arrow)


def _write(writer: pq.ParquetWriter, batches: Iterator[pa.Table], editor: RowEditor) -> int:
    """Write the batches of one row group, and return the number of their rows."""
    waiting: list[pa.Table] = []
    written = size = 0
    for batch in batches:
        edited = editor.edit(batch)
        waiting.append(edited)
        size += edited.nbytes
        if size >= _GROUP_BYTES:
            written, size = written + _flush(writer, waiting), 0
    return written + _flush(writer, waiting)


def _flush(writer: pq.ParquetWriter, waiting: list[pa.Table]) -> int:
    rows = sum(map(len, waiting))
    if rows:
        writer.write_table(pa.concat_tables(waiting), row_group_size=rows)
    waiting.clear()
    return rows


def _options(metadata: pq.FileMetaData, edits: TableEdits) -> dict:
    """Return the compression of each column, and which ones are stored with a dictionary."""
    if not metadata.num_row_groups:
        return {}
    group = metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    compression = {column.path_in_schema: column.compression.replace("UNCOMPRESSED", "NONE") for column in columns}
    with_dictionary = [column.path_in_schema for column in columns if "DICTIONARY" in " ".join(column.encodings)]
    if edits.label_column in compression and edits.original is not None:
        compression.setdefault(edits.original, compression[edits.label_column])
        with_dictionary += [edits.original] if edits.label_column in with_dictionary else []
    return {"compression": compression, "use_dictionary": with_dictionary or False}
