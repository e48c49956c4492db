"""Shards of one table: missing or repeated."""

from __future__ import annotations

import pytest

from curv_issues.data.loading import load_data
from curv_issues.data.shards import check_shards
from curv_issues.errors import DatasetError
from tests.data.test_table_folder import write_all

FIRST, LAST = "data/train-00000-of-00003.parquet", "data/train-00002-of-00003-0a1b.parquet"


def test_missing_shards_are_noted(tmp_path):
    data = load_data(write_all(tmp_path, FIRST, LAST))
    assert len(data) == 4
    assert data.source.notes == ("1 of the 3 files of data/train are missing (00001); only the others are read.",)
    (note,) = load_data([tmp_path / FIRST, tmp_path / LAST]).source.notes
    assert "1 of the 3 files" in note
    assert load_data(tmp_path / FIRST).source.notes == ()  # chosen by the user


@pytest.mark.parametrize(
    ("paths", "twice"),
    [
        (["train-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"], "train-00000-of-00001 and train-00000-of-00002"),
        (["train-00000-of-00001", "train"], "train-00000-of-00001 and train"),
        (["a/x-00000-of-00001-aa", "a/x-00000-of-00001-bb"], "a/x-00000-of-00001-aa and a/x-00000-of-00001-bb"),
    ],
)
def test_two_exports_of_one_table_are_refused(tmp_path, paths, twice):
    with pytest.raises(DatasetError, match=twice.replace(" and ", r"\.parquet and ") + r"\.parquet are from different exports"):
        load_data(write_all(tmp_path, *(f"{path}.parquet" for path in paths)))


def test_shards_of_several_tables():
    complete = ["a/x-00000-of-00002", "a/x-00001-of-00002", "b/x-00000-of-00001", "x", "y", "y-1", "x-0-of-3"]
    assert check_shards(complete, "D") == []
    assert check_shards(["x-00001-of-00002", "y-00003-of-00004"], "D") == [
        "1 of the 2 files of x are missing (00000); only the others are read.",
        "3 of the 4 files of y are missing (00000, 00001, 00002); only the others are read.",
    ]
