"""Write datasets of the datasets library (from the Hub or in memory) as a folder of parquet files, as the Hub lays them out."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from curv_issues.applying.arrow_rows import RowEditor
from curv_issues.applying.edits import DatasetEdits, Written
from curv_issues.data.dataset_table import DatasetTable
from curv_issues.data.repository import CARD
from curv_issues.progress import StepCallback

_BATCH_BYTES = 64 << 20
_FIRST_ROWS = 100
_MOST_ROWS = 10_000
_SHARD_BYTES = 400_000_000


def write(edits: DatasetEdits, folder: Path, *, link: str | None = None, progress: StepCallback | None = None) -> Written:
    """Write `data/SPLIT-00000-of-0000n.parquet` with all columns, features and splits, and a card that names them; see `WRITERS`.

    Image files outside the tables are put into them.
    """
    data = folder / "data"
    data.mkdir()
    tables = [(split, table) for split, found in edits.tables.items() for table in found if isinstance(table, DatasetTable)]
    total, done = sum(len(table) for _, table in tables), 0
    names = _new_names([split for split, _ in tables])
    for split, table in tables:
        _write_split(data, names[split], table, edits, progress, done, total)
        done += len(table)
    # without it, a split such as `val` would be read under another name
    files = [{"split": name, "path": f"data/{name}-*"} for name in names.values()]
    configs = [{"config_name": edits.audited.options.config_name or "default", "data_files": files}]
    (folder / CARD).write_text(f"---\n{yaml.safe_dump({'configs': configs}, sort_keys=False)}---\n", encoding="utf-8")
    return Written(splits=names)


def _new_names(splits: Sequence[str]) -> dict[str, str]:
    """Return split -> new name: part of a split, such as `train[:10%]`, gets the name of the split."""
    names: dict[str, str] = {}
    for split in splits:
        match = re.match(r"\w+(\.\w+)*", split)
        name = "train" if match is None else match[0]
        numbered = itertools.chain([name], (f"{name}{number}" for number in itertools.count(2)))
        names[split] = next(candidate for candidate in numbered if candidate not in names.values())
    return names


def _write_split(
    data: Path, split: str, table: DatasetTable, edits: DatasetEdits, progress: StepCallback | None, done: int, total: int
) -> None:
    """Write the shards of one split."""
    rows = table.dataset.with_format("arrow")
    schema = table.dataset.features.arrow_schema
    editor = RowEditor(schema, edits.of_table(table), folder=table.folder, name=table.name, embed="all")
    shards: list[Path] = []
    start, step = 0, _FIRST_ROWS
    while start < len(rows) or not shards:
        shards.append(data / f"{split}-{len(shards)}")
        begun = start
        with shards[-1].open("wb") as out, pq.ParquetWriter(out, editor.schema) as writer:
            while start < len(rows) and (start == begun or out.tell() < _SHARD_BYTES):
                batch = rows[start : start + step].cast(schema)
                edited = editor.edit(batch)
                if len(edited):
                    writer.write_table(edited, row_group_size=len(edited))
                start += len(batch)
                step = max(1, min(_MOST_ROWS, int(len(batch) * _BATCH_BYTES / max(1, edited.nbytes))))
                if progress is not None:
                    progress(done + start, total)
    for number, shard in enumerate(shards):
        os.rename(shard, data / f"{split}-{number:05d}-of-{len(shards):05d}.parquet")
