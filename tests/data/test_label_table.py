from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.data import parquet_table
from curv_issues.data.label_table import LabelTable, is_metadata_name, label_column_of, plain_labels, read_table
from curv_issues.errors import DatasetError

UNUSUAL_NAMES = ["None", "NA", "null", "NaN", "007", "1e3", "True", " cat", "cat "]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table_of(**columns: list[Any]) -> LabelTable:
    return LabelTable("labels.csv", columns, is_text=True)


def refused(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_table(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "PATH")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".csv", ".TSV", ".txt"])
def test_text_is_not_converted(tmp_path: Path, separator: str, ending: str) -> None:
    rows = [f"{number}.jpg{separator}{name}" for number, name in enumerate([*UNUSUAL_NAMES, ""])]
    table = read_table(write(tmp_path / f"labels{ending}", "\n".join([f"file{separator}label", *rows])))
    assert table.columns["label"] == [*UNUSUAL_NAMES, None]
    assert table.is_text
    assert list(table.columns) == ["file", "label"]
    assert table.name == str(tmp_path / f"labels{ending}")
    assert table.folder == tmp_path
    assert (len(table), table.where(0)) == (10, "line 2")


def test_column_names(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "x.csv", ", label ,label,,note,\n0,a,b,,c,\n1,d,e,,f,\n"))
    assert table.columns == {
        "(column 1)": ["0", "1"],
        "label (column 2)": ["a", "d"],
        "label (column 3)": ["b", "e"],
        "note": ["c", "f"],
    }
    assert read_table(write(tmp_path / "y.csv", "file,label\n")).columns == {"file": [], "label": []}


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["file", "label", "x"]), st.none() | st.text() | st.integers() | st.booleans() | st.lists(st.integers())
        )
    ),
    st.booleans(),
    st.booleans(),
)
def test_json_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], escape: bool, lines: bool) -> None:
    texts = [json.dumps(row, ensure_ascii=escape) for row in rows]
    content = ("\r\n".join(texts) if lines else f"[{','.join(texts)}]").encode("utf-8", "surrogatepass")
    path = tmp_path_factory.getbasetemp() / ("x.jsonl" if lines else "x.json")
    try:
        content.decode()
    except UnicodeDecodeError:
        return
    table = read_table(write(path, content))
    names = {name for row in rows for name in row}
    assert {name: list(values) for name, values in table.columns.items()} == {
        name: [row.get(name) for row in rows] for name in names
    }
    assert not table.is_text


def test_json_lines(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "x.json", '\ufeff{"file": "a", "label": "007"}\n\n{"file": "b\u2028", "label": 7}\n'))
    assert table.columns == {"file": ["a", "b\u2028"], "label": ["007", 7]}
    assert table.where(1) == "line 3"
    assert read_table(write(tmp_path / "x.json", '{"file": "a", "label": 1}')).columns == {"file": ["a"], "label": [1]}
    assert read_table(write(tmp_path / "x.json", '[{"file": "a"}]')).where(0) == "row 0"


@pytest.mark.parametrize(
    ("name", "content", "start"),
    [
        ("x.jsonl", '{"a": 1}\n{"a": ', "PATH, line 2, is not valid JSON: "),
        ("x.jsonl", '{"a": 1}\n[1]\n', "PATH, line 2, is not an object; expected one object per line"),
        ("x.json", '[{"a": 1},\n{"a" 1}]', "PATH, line 2, is not valid JSON: "),
        ("x.csv", "\n<!DOCTYPE html>\n<p>a,b</p>", "PATH is a web page, not a table; download the file itself."),
        (
            "x.csv",
            "version https://git-lfs.github.com/spec/v1\n",
            "PATH cannot be read: it is a Git LFS pointer, not",
        ),
        (
            "x.json",
            '[{"data": {"image": "1"}, "annotations": []}]',
            "PATH is an export of Label Studio with all annotations;",
        ),
        ("x.json", '{"a": {"b": 1}, "c": 2}', "PATH is not a list of objects; expected one object per line"),
        ("x.json", "[1, 2]", "PATH is not a list of objects; expected one object per line"),
        ("x.json", '{"images": [], "annotations": []}', "PATH looks like COCO annotations; boxes are not supported."),
        ("x.json", "[" * 100_000, "PATH cannot be read as JSON: "),
        ("x.jsonl", '{"a": ' + "1" * 5000 + "}", "PATH cannot be read as JSON: "),
        ("x.parquet", "PAR1 but no more", "PATH cannot be read: "),
        ("x.xlsx", "PK", "PATH is a spreadsheet; save it as CSV."),
        ("x.xls", "", "PATH is a spreadsheet; save it as CSV."),
        ("x.npz", "", "Expected a table of labels (.csv, .tsv, .txt, .jsonl, .ndjson, .json, .parquet), but got PATH."),
    ],
)
def test_files_that_are_not_tables_are_refused(tmp_path: Path, name: str, content: str, start: str) -> None:
    assert refused(write(tmp_path / name, content)).startswith(start)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert refused(tmp_path / "x.csv") == "File PATH does not exist."
    assert refused(tmp_path / ("x" * 300 + ".csv")) == "File PATH does not exist."
    os.mkfifo(tmp_path / "fifo.csv")
    assert refused(tmp_path / "fifo.csv") == "Expected a table of labels, but PATH is not a regular file."
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(2**30)
    assert refused(tmp_path / "large.csv") == "PATH is larger than 512 MiB; expected a table of labels, one row per image."


def test_parquet_values_are_as_stored(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "label": pd.Categorical(["dog", "cat", None], categories=["dog", "cat"]),
            "code": pd.Categorical([7, 5, 7]),
            "text": ["007", "NA", ""],
            "image": [{"bytes": b"1", "path": "1.jpg"}] * 3,
            "raw": [b"1"] * 3,
            "tags": [["a"], [], ["b"]],
        },
        index=[5, 3, 4],
    )
    frame.to_parquet(tmp_path / "x.parquet")
    table = read_table(tmp_path / "x.parquet")
    assert table.columns == {
        "label": ["dog", "cat", None],
        "code": [7, 5, 7],
        "text": ["007", "NA", ""],
        "tags": [["a"], [], ["b"]],
    }
    assert not table.is_text
    assert table.where(2) == "row 2"


def test_parquet_columns_with_the_same_name(tmp_path: Path) -> None:
    columns = pa.Table.from_arrays([pa.array([1]), pa.array([b"1"]), pa.array([2]), pa.array([3])], names=["a", "b.c", "a", "b.c"])
    pq.write_table(columns, tmp_path / "x.parquet")
    assert read_table(tmp_path / "x.parquet").columns == {"a (column 1)": [1], "a (column 2)": [2], "b.c": [3]}


def test_codes_of_a_class_label_become_names(tmp_path: Path) -> None:
    features = datasets.Features({"label": datasets.ClassLabel(names=["dog", "cat"]), "row": datasets.Value("int64")})
    rows = datasets.Dataset.from_dict({"label": [0, 1, -1, None], "row": [0, 1, 2, 3]}, features=features)
    rows.to_parquet(str(tmp_path / "x.parquet"))
    assert read_table(tmp_path / "x.parquet").columns == {"label": ["dog", "cat", None, None], "row": [0, 1, 2, 3]}

    stored = pq.read_table(tmp_path / "x.parquet")
    wrong = stored.set_column(0, "label", pa.array([0, 2, 0, 0])).replace_schema_metadata(stored.schema.metadata)
    pq.write_table(wrong, tmp_path / "x.parquet")
    assert refused(tmp_path / "x.parquet") == (
        "Row 1 of column 'label' of PATH is 2; expected a code from 0 to 1, or -1 for no label."
    )
    pq.write_table(wrong.replace_schema_metadata({"huggingface": "[1]"}), tmp_path / "x.parquet")
    assert read_table(tmp_path / "x.parquet").columns["label"] == [0, 2, 0, 0]


def test_parquet_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(
        pa.table({"a.b": [f"{number:050}" for number in range(1000)], "raw": [b"0" * 10**4] * 1000}), tmp_path / "x.parquet"
    )
    monkeypatch.setattr(parquet_table, "_MAX_BYTES", 10**5)
    assert len(read_table(tmp_path / "x.parquet")) == 1000  # the images do not count
    monkeypatch.setattr(parquet_table, "_MAX_BYTES", 10**4)
    assert refused(tmp_path / "x.parquet").startswith("PATH has 0 MiB of values; expected at most ")
    monkeypatch.setattr(parquet_table, "_MAX_ROWS", 999)
    assert refused(tmp_path / "x.parquet") == "PATH has 1000 rows; expected a table of labels of at most 999 rows."


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2", "10", None, "-3", "0"], [2, 10, None, -3, 0]),
        (["2", "010"], ["2", "010"]),
        (["2", "-0"], ["2", "-0"]),
        (["2", "1e3"], ["2", "1e3"]),
        (["2", "²"], ["2", "²"]),
        (["2", " 3"], ["2", " 3"]),
        (["2", "9" * 5000], ["2", "9" * 5000]),
        (["2", 3], ["2", 3]),
        ([True], [True]),
    ],
)
def test_text_of_integers_becomes_integers(values: list[Any], expected: list[Any]) -> None:
    assert plain_labels(values) == expected


def test_metadata_file_names() -> None:
    assert all(is_metadata_name(name) for name in ["metadata.csv", "METADATA.jsonl", "metadata.parquet"])
    assert not any(is_metadata_name(name) for name in ["metadata.json", "metadata.csv.bak", "my_metadata.csv", "metadata"])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["file", "camera", "label"], "label"),
        (["file", "Class", "note"], "Class"),
        (["file", "species"], "species"),
        (["(column 1)", "file", "species"], "species"),
        (["Unnamed: 0", "file", "species"], "species"),
    ],
)
def test_label_column(columns: list[str], expected: str) -> None:
    table = table_of(**{column: ["a", "a", "b", "b"] for column in columns})
    assert label_column_of(table, file_column="file") == expected
    assert label_column_of(table, label_column="file", file_column="file") == "file"


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            ["file", "label", "Target"],
            {},
            "labels.csv has several label columns: label, Target; "
            "choose one with --label-column label or --label-column Target (label_column).",
        ),
        (
            ["file", "camera", "species"],
            {},
            "No column of labels.csv is named label, and several might hold the labels: camera, species. "
            "Choose one with --label-column (label_column).",
        ),
        (["file"], {}, "labels.csv has no label column; its columns are: file. Add a column named label."),
        (["file", "Fold"], {}, "labels.csv has no label column; its columns are: file, Fold. Add a column named label."),
        (
            ["file", "label"],
            {"label_column": "x"},
            "labels.csv has no column 'x' (--label-column, label_column); its columns are: file, label.",
        ),
    ],
)
def test_ambiguous_label_columns_are_refused(columns: list[str], options: dict[str, str], message: str) -> None:
    table = table_of(**{column: ["a", "a", "b", "b"] for column in columns})
    with pytest.raises(DatasetError) as caught:
        label_column_of(table, file_column="file", **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(("zero", "one"), [("0", "1"), (0, 1), (False, True), ("0.0", "1.0")])
def test_one_column_per_class_is_refused(zero: Any, one: Any) -> None:
    columns = {"file": list("abcd"), "cat": [one, zero, zero, one], "dog": [zero, one, one, zero]}
    start = "The columns cat, dog of labels.csv hold zeros and ones, as in a table with one column per class"
    for more, end in ({}, ". Expected"), ({"bird": [one, zero, zero, zero]}, " (1 rows have several ones, 0 have none). Expected"):
        with pytest.raises(DatasetError) as caught:
            label_column_of(table_of(**columns, **more), file_column="file")
        assert str(caught.value).startswith(start.replace("dog", ", ".join(["dog", *more])) + end)


def test_columns_of_ids_are_not_proposed_as_labels() -> None:
    ids = {"key": list("abcdef"), "caption": list("ghijkl"), "file": list("mnopqr")}
    with pytest.raises(
        DatasetError, match=r"^No column of labels\.csv holds labels: the values of key, caption differ in most rows"
    ):
        label_column_of(table_of(**ids), file_column="file")
    with pytest.raises(DatasetError) as caught:
        label_column_of(table_of(**ids, breed=["x", "y"] * 3), file_column="file")
    assert str(caught.value) == (
        "No column of labels.csv is named label, and one might hold the labels: breed (the values of key, caption "
        "differ in most rows, like ids and captions). If it does, use --label-column breed (label_column='breed')."
    )


def test_captions_are_labels_only_if_chosen() -> None:
    table = table_of(file=["a", "b", "c"], caption=["x", "y", "z"])
    with pytest.raises(DatasetError, match=r"^The values of column 'caption' of labels\.csv differ in most rows, like ids"):
        label_column_of(table, file_column="file")
    assert label_column_of(table, label_column="caption", file_column="file") == "caption"
    assert label_column_of(table_of(file=["a", "b"], label=["x", "y"]), file_column="file") == "label"
