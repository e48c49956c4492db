"""Edit Arrow tables: replace labels, leave rows out, and add a column of original labels. Everything else stays the same."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curv_issues.applying.edits import TableEdits
from curv_issues.data.arrow_types import read_types
from curv_issues.data.column_types import ClassType, ImageType, ValueType
from curv_issues.data.encoded import read_images
from curv_issues.errors import UsageError


class RowEditor:
    """Applies the edits of a table to its batches, one after another.

    Attributes:
        schema: of the edited batches.
    """

    def __init__(self, schema: pa.Schema, edits: TableEdits, *, folder: Path | None, name: str, embed: str = "absolute") -> None:
        """Prepare the new schema.

        Args:
            schema: of the table.
            edits: of the table.
            folder: the dataset folder: image files that the table names are read only if inside it; None: they may be anywhere.
            name: name of the table in messages.
            embed: which image files that the table names are put into it: "absolute" paths only, because relative ones are
                copied with the folder, or "all".

        Raises:
            UsageError: a class cannot be stored in the label column.
        """
        self._edits = edits
        self._folder = folder
        self._embed = embed
        self._name = name
        self._start = 0
        self._images = [column for column, kind in read_types(schema).items() if isinstance(kind, ImageType)]
        self._images += [field.name for field in schema if field.name not in self._images and _holds_files(field.type)]
        self.schema = schema
        if edits.label_column is not None:
            own = read_types(schema)[edits.label_column]
            self._names = _extended(own if edits.classes is None else edits.classes, edits.new_classes)
            self._kind = own
            self.schema = self._new_schema(schema, edits)

    def _new_schema(self, schema: pa.Schema, edits: TableEdits) -> pa.Schema:
        assert edits.label_column is not None
        assert edits.original is not None
        field = schema.field(edits.label_column)
        if edits.original not in schema.names:
            schema = schema.append(field.with_name(edits.original))
        elif not _is_like(schema.field(edits.original).type, field.type):
            raise UsageError(
                f"Column {edits.original!r} of {self._name} holds {schema.field(edits.original).type}, unlike the labels; rename "
                "it, because the original labels are kept in a column of this name."
            )
        metadata = dict(schema.metadata or {})
        if b"huggingface" in metadata and isinstance(self._kind, ClassType):
            metadata[b"huggingface"] = _describe(metadata[b"huggingface"], edits.label_column, edits.original, self._names)
        elif b"huggingface" in metadata:
            metadata[b"huggingface"] = _describe(metadata[b"huggingface"], edits.label_column, edits.original, None)
        return schema.with_metadata(metadata or None)

    def edit(self, table: pa.Table) -> pa.Table:
        """Return the next rows of the table, edited."""
        rows = range(self._start, self._start + len(table))
        self._start = rows.stop
        column = self._edits.label_column
        if column is not None:
            before = table.column(column)
            names = {row - rows.start: self._edits.labels[row] for row in rows if row in self._edits.labels}
            if names:
                place = table.column_names.index(column)
                table = table.set_column(place, table.schema.field(place), self._replace(before, names))
            if self._edits.original not in table.column_names:
                table = table.append_column(table.schema.field(column).with_name(self._edits.original), before)
        for name, texts in self._edits.texts.items():
            wanted = {row - rows.start: texts[row] for row in rows if row in texts}
            if wanted:
                place = table.column_names.index(name)
                values = [wanted.get(row, value) for row, value in enumerate(table.column(name).to_pylist())]
                table = table.set_column(place, table.schema.field(place), pa.array(values, type=table.schema.field(place).type))
        removed = [row - rows.start for row in rows if row in self._edits.removed]
        table = _without(table, removed)
        for name in self._images:
            table = self._embedded(table, name)
        return pa.Table.from_arrays(table.columns, schema=self.schema)

    def _replace(self, column: pa.ChunkedArray, names: dict[int, str]) -> pa.ChunkedArray:
        values = {row: self._value(name) for row, name in names.items()}
        chunks, start = [], 0
        for chunk in column.chunks:
            inside = {row - start: value for row, value in values.items() if start <= row < start + len(chunk)}
            chunks.append(self._replace_in(chunk, inside) if inside else chunk)
            start += len(chunk)
        return pa.chunked_array(chunks, type=column.type)

    def _replace_in(self, chunk: pa.Array, values: dict[int, Any]) -> pa.Array:
        if pa.types.is_dictionary(chunk.type):
            return _replace_codes(chunk, values)
        try:
            return pa.array([values.get(row, value) for row, value in enumerate(chunk.to_pylist())], type=chunk.type)
        except (pa.ArrowException, OverflowError, ValueError) as error:
            raise self._misfit(next(iter(values.values())), chunk.type) from error

    def _value(self, name: str) -> Any:
        """Return a class as it is stored in the label column."""
        if self._names is not None:
            return self._names.index(name)
        dtype = self._kind.dtype if isinstance(self._kind, ValueType) else ""
        try:
            if dtype.startswith(("int", "uint")):
                return int(name)
            if dtype.startswith("float"):
                return float(int(name))
            return {"True": True, "False": False}[name] if dtype.startswith("bool") else name
        except (ValueError, LookupError):
            raise self._misfit(name, dtype) from None

    def _misfit(self, name: Any, kind: Any) -> UsageError:
        column = self._edits.label_column
        return UsageError(f"The class {name!r} cannot be stored in column {column!r} of {self._name}, which holds {kind}.")

    def _embedded(self, table: pa.Table, name: str) -> pa.Table:
        """Return the table with the content of image files in place of their paths."""
        place = table.column_names.index(name)
        column = table.column(place)
        kind = column.type
        chunks, changed = [], False
        for chunk in column.chunks:
            contents, paths = (chunk.field(kind.get_field_index(part)) for part in ("bytes", "path"))
            named = np.flatnonzero(~_valid(contents) & _valid(paths) & _valid(chunk))
            wanted = [row for row in named.tolist() if self._embed == "all" or os.path.isabs(paths[row].as_py())]
            chunks.append(self._with_contents(chunk, wanted) if wanted else chunk)
            changed = changed or bool(wanted)
        return table.set_column(place, table.schema.field(place), pa.chunked_array(chunks, type=kind)) if changed else table

    def _with_contents(self, chunk: pa.StructArray, rows: Sequence[int]) -> pa.Array:
        cells = chunk.to_pylist()
        for row in rows:
            (found,) = read_images(chunk.slice(row, 1), self._folder)
            if found.problem is None:
                cells[row] = {**cells[row], "bytes": found.content, "path": os.path.basename(cells[row]["path"])}
        return pa.array(cells, type=chunk.type)


def _is_like(first: pa.DataType, second: pa.DataType) -> bool:
    """Return whether two columns hold the same kind of values."""
    kinds = [str(kind.value_type if pa.types.is_dictionary(kind) else kind) for kind in (first, second)]
    return len({kind.removeprefix("large_").removesuffix("_view") for kind in kinds}) == 1


def _valid(values: pa.Array) -> np.ndarray:
    return values.is_valid().to_numpy(zero_copy_only=False)


def _holds_files(kind: pa.DataType) -> bool:
    """Return whether a column holds structs of bytes and path."""
    if not pa.types.is_struct(kind) or not {"bytes", "path"} <= {kind.field(at).name for at in range(kind.num_fields)}:
        return False
    return pa.types.is_string(kind.field("path").type) or pa.types.is_large_string(kind.field("path").type)


def _extended(kind: object, new_classes: Sequence[str]) -> list[str] | None:
    """Return the names of a ClassLabel with new ones at the end; None for other columns."""
    if not isinstance(kind, ClassType):
        return None
    return [*kind.names, *(name for name in new_classes if name not in kind.names)]


def _without(table: pa.Table, removed: Sequence[int]) -> pa.Table:
    """Return the table without some rows; the others are not copied, and may be of any type."""
    if not removed:
        return table
    edges = [-1, *sorted(removed), len(table)]
    parts = [table.slice(before + 1, after - before - 1) for before, after in itertools.pairwise(edges)]
    return pa.concat_tables([part for part in parts if len(part)] or [table.slice(0, 0)])


def _replace_codes(chunk: pa.DictionaryArray, values: dict[int, Any]) -> pa.Array:
    """Return an array of categories with other values; new categories are added at the end."""
    categories = chunk.dictionary.to_pylist()
    categories += [value for value in dict.fromkeys(values.values()) if value not in categories]
    codes = chunk.indices.to_pylist()
    for row, value in values.items():
        codes[row] = categories.index(value)
    kind = chunk.type
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, type=kind.index_type), pa.array(categories, type=kind.value_type), ordered=kind.ordered
    )


def _describe(metadata: bytes, column: str, original: str, names: Sequence[str] | None) -> bytes:
    """Return the metadata of the datasets library with the new column and the new class names."""
    try:
        described = json.loads(metadata)
        features = described["info"]["features"]
        feature = features[column]
    except (LookupError, ValueError, TypeError):  # written by another program
        return metadata
    features.setdefault(original, dict(feature) if isinstance(feature, dict) else feature)
    if names is not None and isinstance(feature, dict):
        features[column] = {**feature, "names": list(names)}
    return json.dumps(described).encode()
