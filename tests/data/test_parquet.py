"""Parquet files read in place: rows, blocks, types, and the image files they refer to."""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curv_issues.data import parquet
from curv_issues.data.loading import load_data
from curv_issues.data.parquet import ParquetTable
from curv_issues.errors import DatasetError
from tests.data.images import pngs, write_parquet

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_numbered(path: Path, n: int, *, row_group_size: int, size: int = 50) -> ParquetTable:
    """A file whose cells are their row numbers, padded to `size` bytes."""
    cells = [{"bytes": str(row).encode().ljust(size), "path": None} for row in range(n)]
    table = pa.table({"image": pa.array(cells, type=STRUCT), "label": list(range(n))})
    pq.write_table(table, path, row_group_size=row_group_size, write_batch_size=4, data_page_size=1)
    return ParquetTable(path, name=path.name, folder=path.parent)


def numbers(images, indices: range) -> list[int]:
    return [int(image.content) for image in images.read(indices)]


@pytest.mark.parametrize("row_group_size", [7, 100])
@pytest.mark.parametrize("block_bytes", [1, 400, 1 << 20])
def test_any_row_in_any_order_from_several_threads(tmp_path, monkeypatch, row_group_size, block_bytes):
    monkeypatch.setattr(parquet, "_BLOCK_BYTES", block_bytes)
    table = write_numbered(tmp_path / "a.parquet", 100, row_group_size=row_group_size)
    rows = np.flatnonzero(np.arange(100) % 3)
    images = table.images("image", rows)
    assert numbers(images, range(len(images))) == rows.tolist()
    ranges = [range(start, min(start + 9, len(rows))) for start in range(0, len(rows), 4)]
    random.Random(0).shuffle(ranges)
    with ThreadPoolExecutor(8) as threads:
        for indices, found in zip(ranges, threads.map(lambda indices: numbers(images, indices), ranges), strict=True):
            assert found == rows[indices.start : indices.stop].tolist()


def test_memory_is_limited_over_all_files(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_BLOCK_BYTES", 500)
    monkeypatch.setattr(parquet, "count_processors", lambda: 1)
    images = [write_numbered(tmp_path / f"{i}.parquet", 100, row_group_size=100).images("image", np.arange(100)) for i in range(6)]
    for part in images:
        assert numbers(part, range(100)) == list(range(100))
        assert len(parquet._READER._kept) <= parquet._BLOCKS_KEPT
        assert sum(block.nbytes for block in parquet._READER._kept.values()) < 20_000
    for part in images:
        numbers(part, range(1))
    assert len(parquet._READER._cursors) <= parquet._CURSORS
    del images, part
    assert not parquet._READER._kept
    assert not parquet._READER._cursors


def test_more_files_than_a_process_may_open(tmp_path):
    resource = pytest.importorskip("resource")
    images = [write_numbered(tmp_path / f"{i}.parquet", 2, row_group_size=1).images("image", np.arange(2)) for i in range(80)]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20 if os.path.exists("/proc") else 60, before[1])
    )
    try:
        assert [numbers(part, range(2)) for part in images] == [[0, 1]] * 80
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_two_distant_readers_do_not_restart_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_BLOCK_BYTES", 1)
    read = []
    whole = parquet._read_group

    def counted(*arguments):
        for block in whole(*arguments):
            read.append(1)
            yield block

    monkeypatch.setattr(parquet, "_read_group", counted)
    images = write_numbered(tmp_path / "a.parquet", 100, row_group_size=100).images("image", np.arange(100))
    for row in range(50):
        assert numbers(images, range(row, row + 1)) + numbers(images, range(50 + row, 51 + row)) == [row, 50 + row]
    assert len(read) <= 200


def test_blocks_of_any_length(tmp_path):
    write_numbered(tmp_path / "a.parquet", 10, row_group_size=10)
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    blocks = parquet._read_group(tmp_path / "a.parquet", metadata, "label", 0, [4, 3, 1, 2])
    assert [block.to_pylist() for block in blocks] == [[0, 1, 2, 3], [4, 5, 6], [7], [8, 9]]


def test_a_corrupt_row_group_is_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_BLOCK_BYTES", 1)
    opened = []

    def corrupt(*arguments):
        opened.append(arguments)
        raise OSError("corrupt")
        yield

    monkeypatch.setattr(parquet, "_read_group", corrupt)
    images = write_numbered(tmp_path / "a.parquet", 20, row_group_size=20).images("image", np.arange(20))
    assert all("(corrupt)" in image.problem for image in images.read(range(20)))
    assert len(opened) == 1


def test_corrupt_page_affects_only_its_images(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_BLOCK_BYTES", 1000)
    path = tmp_path / "a.parquet"
    content = pngs(12)
    table = pa.table({"image": pa.array([{"bytes": png, "path": None} for png in content], type=STRUCT), "label": [0, 1] * 6})
    pq.write_table(table, path, row_group_size=6, use_dictionary=False, write_page_checksum=False, compression="snappy")
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    damaged = bytearray(path.read_bytes())
    start = column.data_page_offset
    damaged[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(damaged)
    data = load_data(path, skip_unreadable=True)
    assert data.rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert [
        (entry["row"], "its part of the parquet file cannot be read" in entry["reason"]) for entry in data.source.unreadable
    ] == [(row, True) for row in range(6, 12)]
    with pytest.raises(DatasetError, match=r"^The image in row 6 .* 6 of 12 "):
        load_data(path)


def test_column_types(tmp_path):
    n = 4
    frame = pd.DataFrame(
        {"label": pd.Categorical(["b", "a", "b", "a"]), "when": pd.to_datetime(["2020-01-01"] * n), "image.bytes": pngs(n)},
        index=["w", "x", "y", "z"],
    )
    frame.to_parquet(tmp_path / "pandas.parquet")
    data = load_data(tmp_path / "pandas.parquet")
    assert (data.class_names, data.labels.tolist()) == (("a", "b"), [1, 0, 1, 0])
    odd = {
        "f": pa.array([1, 2, 3, 4], pa.float16()),
        "d": pa.array([None] * n, pa.decimal128(5, 2)),
        "m": pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        "v": pa.array(["x"] * n, pa.string_view()),
        "t": pa.array([None] * n, pa.duration("s")),
        "image": pa.array(pngs(n), pa.large_binary()),
        "Label": pa.array([7, 8, 7, 8], pa.uint8()),
    }
    pq.write_table(pa.table(odd), tmp_path / "odd.parquet")
    assert load_data(tmp_path / "odd.parquet").class_names == ("7", "8")


def test_column_name_that_is_a_prefix_of_another(tmp_path):
    table = {"label": ["a", "b"], "label.text": ["x", "y"], "image": pngs(2)}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    assert load_data(tmp_path / "a.parquet").class_names == ("a", "b")
    assert load_data(tmp_path / "a.parquet", label_column="label.text").class_names == ("x", "y")


def with_metadata(path: Path, features: object) -> Path:
    write_parquet(path, [0, 1, 1])
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), path)
    return path


def test_class_names_of_the_datasets_library(tmp_path):
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["dog", "cat"]}}
    data = load_data(with_metadata(tmp_path / "a.parquet", features))
    assert (data.class_names, data.labels.tolist()) == (("dog", "cat"), [0, 1, 1])


@pytest.mark.parametrize(
    "label",
    [
        {"_type": "ClassLabel", "names_file": "/dev/zero"},
        {"_type": "ClassLabel", "num_classes": 10**12},
        {"_type": "ClassLabel", "names": ["a", "a"]},
        {"_type": "ClassLabel", "names": 3},
        {"_type": "Array2D", "shape": "x", "dtype": []},
        {"_type": ["x"]},
        7,
    ],
)
def test_hostile_metadata_is_not_followed(tmp_path, label):
    assert load_data(with_metadata(tmp_path / "a.parquet", {"label": label})).class_names == ("0", "1")
    assert load_data(with_metadata(tmp_path / "b.parquet", [label])).class_names == ("0", "1")


def test_image_files_listed_in_a_table(tmp_path):
    root = tmp_path / "data"
    write_parquet(root / "train.parquet", ["a", "b", "a"], images=[None] * 3, paths=["x/0.png", "x/1.png", "../secret.png"])
    write_parquet(root / "test.parquet", ["b"], images=[None], paths=["./x/2.png"])
    (root / "x").mkdir()
    for number, png in enumerate(pngs(4)):
        (root / "x" / f"{number}.png").write_bytes(png)
    (tmp_path / "secret.png").write_bytes(pngs(1)[0])
    data = load_data(root, skip_unreadable=True)
    assert data.paths.tolist() == ["x/0.png", "x/1.png"]
    (entry,) = data.source.unreadable
    assert entry == {
        "row": 2,
        "path": "../secret.png",
        "reason": "the file is outside the dataset folder; only files inside it are read",
    }
    assert data.source.files.by_reason() == {
        "in another split (test)": ["test.parquet", "x/2.png"],
        "beside tables of images": ["x/3.png"],
    }
    assert data.source.files.read == 3


def test_nothing_is_copied(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in ("HF_CACHE_HOME", "HF_DATASETS_CACHE"):
        monkeypatch.setattr(datasets.config, name, cache)
    write_parquet(tmp_path / "data" / "train.parquet", [0, 1])
    before = sorted(tmp_path.rglob("*"))
    load_data(tmp_path / "data")
    write_parquet(tmp_path / "data" / "train.parquet", [1, 1])  # as large as before
    assert load_data(tmp_path / "data").class_names == ("1",)
    assert sorted(tmp_path.rglob("*")) == before


def test_image_files_beside_a_binary_column_are_left_out(tmp_path):
    pq.write_table(pa.table({"image": pngs(2), "label": ["a", "b"]}), tmp_path / "train.parquet")
    (tmp_path / "preview.png").write_bytes(pngs(1)[0])
    assert load_data(tmp_path).source.files.by_reason() == {"beside tables of images": ["preview.png"]}


def test_damaged_files_give_data_or_a_one_line_error(tmp_path):
    """Any changed byte gives a dataset or a one-line error."""
    rows = datasets.Dataset.from_dict({"image": pngs(4), "label": [0, 1, 0, 1]}).cast_column("image", datasets.Image())
    rows.to_parquet(tmp_path / "train.parquet")
    whole = (tmp_path / "train.parquet").read_bytes()
    source = random.Random(0)
    outcomes = set()
    for _ in range(120):
        damaged = bytearray(whole)
        damaged[source.randrange(len(whole) - 1500, len(whole))] = source.choice([0, 127, 255])
        (tmp_path / "train.parquet").write_bytes(damaged)
        try:
            load_data(tmp_path, skip_unreadable=True, skip_unlabelled=True, resolution=8)
            outcomes.add("data")
        except DatasetError as error:
            outcomes.add("error" if "\n" not in str(error) else str(error))
    assert outcomes == {"data", "error"}


@pytest.mark.parametrize("used", ["image", "label"])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_duplicate_columns_are_refused_if_used(tmp_path, used, ending):
    columns = {"image": pa.array(pngs(4)), "label": pa.array(["a", "b"] * 2), "note": pa.array([[1], [2]] * 2)}
    for twice in (used, "note"):
        table = pa.Table.from_arrays([*columns.values(), columns[twice]], names=[*columns, twice])
        if ending == "parquet":
            pq.write_table(table, tmp_path / "a.parquet")
        else:
            with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as file:
                file.write_table(table)
        if twice == "note":
            assert len(load_data(tmp_path)) == 4
        else:
            with pytest.raises(DatasetError, match=rf"^a\.{ending} has 2 columns named '{used}'; rename them"):
                load_data(tmp_path)
