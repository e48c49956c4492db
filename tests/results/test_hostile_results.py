"""Malicious result folders are refused with a one-line error, quickly and with little memory."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.errors import UsageError
from curv_issues.results.folder import check_output
from curv_issues.results.result import AuditResult
from tests.made_up import WRITTEN, make_result

HUGE = 40_000_000_000


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return make_result().save(tmp_path / "out")


def refused(folder: Path) -> str:
    with pytest.raises(UsageError) as error:
        AuditResult.load(folder)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000
    return str(error.value)


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "folder": lambda path: path.mkdir(),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path),
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "empty": lambda path: path.touch(),
    "too large": lambda path: (path.touch(), os.truncate(path, HUGE)),
}
if sys.platform != "win32":
    REPLACEMENTS["pipe"] = lambda path: os.mkfifo(path)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_other_objects_in_place_of_a_file(saved: Path, name: str, replacement: str) -> None:
    (saved / name).unlink()
    REPLACEMENTS[replacement](saved / name)
    refused(saved)


def test_a_link_to_a_file_is_read(saved: Path, tmp_path: Path) -> None:
    (saved / "scores.parquet").rename(tmp_path / "scores.parquet")
    (saved / "scores.parquet").symlink_to(tmp_path / "scores.parquet")
    assert len(AuditResult.load(saved)) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")
def test_pipe_in_place_of_the_summary_does_not_block_the_check(saved: Path) -> None:
    (saved / "summary.json").unlink()
    os.mkfifo(saved / "summary.json")
    with pytest.raises(UsageError, match=r"contains .*summary\.json but no result"):
        check_output(saved, overwrite=True)


@pytest.mark.parametrize("name", WRITTEN)
def test_changed_bytes_are_refused_or_read(saved: Path, name: str) -> None:
    """Any changed bytes give a result or a UsageError."""
    content, draw = (saved / name).read_bytes(), random.Random(name)
    for _ in range(20):
        changed = bytearray(content)
        for _ in range(draw.choice([1, 4, 30])):
            changed[draw.randrange(len(content))] = draw.randrange(256)
        (saved / name).write_bytes(changed[: draw.choice([len(content), draw.randrange(len(content))])])
        try:
            AuditResult.load(saved)
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017


def nested(depth: int, before: str, after: str) -> str:
    text = json.dumps({"schema_version": 1, "complete": True, "dataset": {"classes": ["dog", "cat", "bird"]}, "x": "HERE"})
    return text.replace('"HERE"', before * depth + "1" + after * depth)


@pytest.mark.parametrize(
    "summary",
    [
        *(nested(depth, *pair) for depth in (60, 300, 450, 900, 100_000) for pair in (("[", "]"), ('{"a":', "}"))),
        nested(1, "1" * 5000, ""),
        *(json.dumps({"schema_version": version, "complete": True, "dataset": {"classes": []}}) for version in (True, 1.0, 0, [])),
        *(
            json.dumps({"schema_version": 1, "complete": True, "dataset": dataset})
            for dataset in (None, [], {"classes": [["dog"]]}, {"classes": {"dog": 1}}, {"classes": ["dog"] * 3})
        ),
        json.dumps({"schema_version": 1, "complete": 1, "dataset": {"classes": ["dog", "cat", "bird"]}}),
    ],
)
def test_invalid_summaries_are_refused(saved: Path, summary: str) -> None:
    (saved / "summary.json").write_text(summary)
    refused(saved)


def npy(shape: object, dtype: object = "<f2", body: bytes = b"") -> bytes:
    header = str({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        npy((8, 10**15)),
        npy((10**15, 3)),
        npy((8, -3)),
        npy((8,), body=bytes(16)),
        npy((8, 3), body=bytes(47)),
        npy((8, 3), "<f8", body=bytes(192)),
        npy((8, 3), "|O", body=bytes(192)),
        npy((8, 3), [("a", "<f2")], body=bytes(48)),
        npy("(" * 5000),
        b"\x80\x04N.",
        b"PK\x03\x04",
    ],
)
def test_invalid_arrays_are_refused(saved: Path, content: bytes, memory_map: bool) -> None:
    (saved / "embeddings.npy").write_bytes(content)
    with pytest.raises(UsageError, match=r"is corrupt \(embeddings\.npy"):
        AuditResult.load(saved, memory_map=memory_map)


COLUMNS: dict[str, Callable[[int], pa.Array]] = {
    "bytes": lambda n: pa.array([b"\xff"] * n, pa.binary()),
    "lists": lambda n: pa.array([[1]] * n, pa.list_(pa.int64())),
    "structs": lambda n: pa.array([{"a": 1}] * n),
    "times": lambda n: pa.array([1] * n, pa.timestamp("ns", tz="no/where")),
    "decimals": lambda n: pa.array([1] * n, pa.decimal128(20, 2)),
    "nothing": lambda n: pa.nulls(n),
    "large numbers": lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    "infinity": lambda n: pa.array([float("inf")] * n),
}


def rewrite(folder: Path, table: str, change: Callable[[pa.Table], Any]) -> None:
    path = folder / f"{table}.parquet"
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)


@pytest.mark.parametrize("table", ["scores", "findings", "images", "trajectories"])
@pytest.mark.parametrize("column", COLUMNS)
def test_columns_of_another_type_are_refused(saved: Path, table: str, column: str) -> None:
    rewrite(saved, table, lambda found: found.set_column(0, "row", COLUMNS[column](len(found))))
    refused(saved)


@pytest.mark.parametrize("table", ["scores", "findings", "images"])
@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.select([0]),
        lambda found: found.select([]),
        lambda found: found.append_column("row", found.column(0)),
        lambda found: found.append_column("more", pa.array(["x"] * len(found))),
        lambda found: found.slice(0, 0),
        lambda found: pa.concat_tables([found, found]),
    ],
)
def test_tables_of_another_shape_are_refused(saved: Path, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    rewrite(saved, table, change)
    refused(saved)


def test_pandas_metadata_is_ignored(saved: Path) -> None:
    metadata = {b"pandas": b'{"index_columns": ["row"], "columns": [], "column_indexes": [1]}'}
    rewrite(saved, "scores", lambda found: found.replace_schema_metadata(metadata))
    assert list(AuditResult.load(saved).scores.columns) == list(make_result().scores.columns)


def test_more_values_than_a_file_can_hold(saved: Path) -> None:
    rows = pa.array(np.arange(0, 80, 10))
    lists = pa.FixedSizeListArray.from_arrays(pa.nulls(8_000_000, pa.float32()), 1_000_000)
    pq.write_table(pa.table({"row": rows, "loss": lists}), saved / "trajectories.parquet")
    assert "8 rows of 1,000,000 values are declared in a file of" in refused(saved)
    pq.write_table(pa.table({"row": np.zeros(3_000_000, np.int64)}), saved / "trajectories.parquet", compression="zstd")
    assert "3,000,000 rows of 1 values are declared in a file of" in refused(saved)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "loop", "pipe", "x/" * 2500])
def test_names_that_are_not_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    if sys.platform != "win32":
        os.mkfifo("pipe")
    with pytest.raises(UsageError):
        AuditResult.load(name)
