"""Read the columns of a parquet file as Python values, without encoded images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curv_issues.errors import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_MAX_BYTES = 2**29
_MAX_ROWS = 20_000_000
_PANDAS_INDEX = "__index_level_"


def read_parquet_columns(file: Path, name: str) -> tuple[list[str], list[list[Any]]]:
    """Return names and values of all columns without bytes.

    Values are as stored, ignoring pandas metadata: dictionaries (categories) become their values. ClassLabel codes, described
    in the metadata of the datasets library, become class names, and -1 becomes None.

    Args:
        file: a regular file.
        name: name of the file in messages.

    Returns:
        m column names, which may repeat, and m lists of n values.

    Raises:
        DatasetError: the file is corrupt, or larger than 512 MiB (uncompressed, in these columns) or 20 million rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            wanted = sorted({field.name for field in opened.schema_arrow if _is_wanted(field)})
            _check_size(opened.metadata, set(wanted), name)
            table = opened.read(columns=wanted)
        class_names = _read_class_names(table.schema.metadata)
        names, columns = [], []
        for field, column in zip(table.schema, table.columns, strict=True):
            if _is_wanted(field):  # names may repeat: one of two columns named "image" may hold bytes
                origin = f"column {field.name!r} of {name}"
                names.append(field.name)
                columns.append(_decode_codes(column.to_pylist(), class_names.get(field.name), origin))
    except (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join((str(error) or type(error).__name__).split())
        raise DatasetError(f"{name} cannot be read: {reason[:200].rstrip('.')}.") from error
    return names, columns


def _is_wanted(field: pa.Field) -> bool:
    return not field.name.startswith(_PANDAS_INDEX) and not _holds_bytes(field.type)


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if kind.num_fields:
        return any(_holds_bytes(kind.field(at).type) for at in range(kind.num_fields))
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _check_size(metadata: pq.FileMetaData, wanted: set[str], name: str) -> None:
    if metadata.num_rows > _MAX_ROWS:
        raise DatasetError(f"{name} has {metadata.num_rows} rows; expected a table of labels of at most {_MAX_ROWS} rows.")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(metadata.num_columns)]
    sizes = [column.total_uncompressed_size for column in columns if _is_part_of(column.path_in_schema, wanted)]
    if sum(sizes) > _MAX_BYTES:
        raise DatasetError(f"{name} has {sum(sizes) // 2**20} MiB of values; expected at most {_MAX_BYTES // 2**20} MiB.")


def _is_part_of(path: str, wanted: set[str]) -> bool:
    return path in wanted or any(path.startswith(f"{name}.") for name in wanted)


def _read_class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of each ClassLabel column, from the schema metadata of the datasets library."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        by_column = {column: feature.get("names") for column, feature in features.items() if feature.get("_type") == "ClassLabel"}
    except (LookupError, ValueError, TypeError, AttributeError):  # missing, or written by another program
        return {}
    return {column: names for column, names in by_column.items() if isinstance(names, list)}


def _decode_codes(values: list[Any], names: list[str] | None, origin: str) -> list[Any]:
    if names is None:
        return values
    for row, value in enumerate(values):
        if isinstance(value, int) and not -1 <= value < len(names):
            raise DatasetError(f"Row {row} of {origin} is {value}; expected a code from 0 to {len(names) - 1}, or -1 for no label.")
    return [names[value] if isinstance(value, int) and value >= 0 else None if value == -1 else value for value in values]
