"""CSV and JSON files are edited in single cells; every other byte stays the same."""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curv_issues.applying.edits import TableEdits
from curv_issues.applying.table_file import rewrite_table
from curv_issues.data.label_table import read_table
from curv_issues.errors import AuditError, DatasetError, UsageError


def edit(folder: Path, name: str, content: bytes, **edits: Any) -> bytes:
    """The content of a file after editing."""
    source, target = folder / name, folder / f"new-{name}"
    source.write_bytes(content)
    rewrite_table(source, target, TableEdits(edits.pop("column", "label"), **edits))
    return target.read_bytes()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.csv", "file,label\n1.png,cat\n2.png,dog\n3.png,cat\n", "file,label,label_original\n1.png,dog,cat\n3.png,cat,cat\n"),
        ("a.csv", "file;label\r\n1;cat\r\n2;dog\r\n3;x", "file;label;label_original\r\n1;dog;cat\r\n3;x;x"),
        ("a.csv", '"file","label"\n"1","cat"\n"2","dog"\n', '"file","label","label_original"\n"1","dog","cat"\n'),
        ("a.csv", "label,file\ncat,1\ndog,2\n", "label,file,label_original\ndog,1,cat\n"),
        ("a.csv", "file, label\n1, cat\n2, dog\n", "file, label, label_original\n1, dog, cat\n"),
        ("a.csv", "sep=;\nfile;label\n1;cat\n2;dog\n;\n", "sep=;\nfile;label;label_original\n1;dog;cat\n;\n"),
        ("a.csv", "\n\nfile,label\n\n1,cat\n\n2,dog\n\n", "\n\nfile,label,label_original\n\n1,dog,cat\n\n\n"),
        ("a.csv", 'file,label\n"a ""b"", c\n1",cat\n2,dog\n', 'file,label,label_original\n"a ""b"", c\n1",dog,cat\n'),
        ("a.tsv", "file\tlabel\n1,x\tcat\n2\tdog\n", "file\tlabel\tlabel_original\n1,x\tdog\tcat\n"),
        ("a.txt", "file label\n1 cat\n2 dog\n", "file label label_original\n1 dog cat\n"),
        ("a.csv", "file,label\r1,cat\r2,dog\r", "file,label,label_original\r1,dog,cat\r"),
        ("a.csv", "file,label,label_original\n1,cat,fox\n2,dog,dog\n", "file,label,label_original\n1,dog,fox\n"),
    ],
)
def test_only_the_cell_changes(name: str, before: str, after: str, tmp_path: Path) -> None:
    found = edit(tmp_path, name, before.encode(), labels={0: "dog"}, removed=frozenset({1}))
    assert found == after.encode()


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
def test_encoding_and_byte_order_mark_stay(mark: bytes, encoding: str, tmp_path: Path) -> None:
    before = mark + "file,label\n1,Käfer\n2,Bär\n".encode(encoding)
    found = edit(tmp_path, "a.csv", before, labels={0: "Bär"})
    assert found == mark + "file,label,label_original\n1,Bär,Käfer\n2,Bär,Bär\n".encode(encoding)


def test_new_cells_are_quoted_if_needed(tmp_path: Path) -> None:
    found = edit(tmp_path, "a.csv", b"file,label\n1,cat\n2,dog\n", labels={0: 'a,"b"', 1: "two\nlines"})
    assert found == b'file,label,label_original\n1,"a,""b""",cat\n2,"two\nlines",dog\n'
    found = edit(tmp_path, "a.csv", b"file,label\n1,cat\n2,dog\n", labels={0: '"b', 1: 'say "hi"'})
    assert found == b'file,label,label_original\n1,"""b",cat\n2,"say ""hi""",dog\n'


def test_of_columns_with_one_name_the_right_one_changes(tmp_path: Path) -> None:
    found = edit(tmp_path, "a.csv", b"file,label,label\n1,cat,x\n2,dog,y\n", column="label (column 3)", labels={1: "z"})
    assert found == b"file,label,label,label (column 3)_original\n1,cat,x,x\n2,dog,z,y\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (
            "a.jsonl",
            '{"file": "1", "label": "cat"}\n{"file": "2", "label": "dog"}\n{"file": "3"}\n',
            '{"file": "1", "label": "dog", "label_original": "cat"}\n{"file": "3"}\n',
        ),
        ("a.ndjson", '{"label":3,"file":"1"}\r\n\r\n{"label":4,"file":"2"}', '{"label":4,"file":"1","label_original":3}\r\n\r\n'),
        ("a.json", '[{"l":1,"label":"cat"},{"label":"dog"}]\n', '[{"l":1,"label":"dog","label_original":"cat"}]\n'),
        (
            "a.json",
            '[\n  {"label": "cat",\n   "f": ["}"]},\n  {"label": "dog"},\n  {"label": "y"}\n]',
            '[\n  {"label": "dog",\n   "f": ["}"],\n   "label_original": "cat"},\n  {"label": "y", "label_original": "y"}\n]',
        ),
        ("a.json", '{"label":"cat"}\n{"label":"dog"}', '{"label":"dog", "label_original":"cat"}\n'),
        ("a.jsonl", '{"label": true}\n{"label": false}\n', '{"label": false, "label_original": true}\n'),
        ("a.jsonl", '{"label": 1.0}\n{"label": 2.0}\n', '{"label": 2.0, "label_original": 1.0}\n'),
        ("a.jsonl", '{"label": "K\\u00e4fer"}\n{"label": "dog"}\n', '{"label": "dog", "label_original": "K\\u00e4fer"}\n'),
    ],
)
def test_only_the_value_changes(name: str, before: str, after: str, tmp_path: Path) -> None:
    second = json.loads(before.replace("\r", "").strip().split("\n")[-1]) if name != "a.json" else None
    label = {"a.ndjson": "4"}.get(name, "dog")
    if second is not None and not isinstance(second.get("label", ""), str):
        label = str(int(second["label"])) if not isinstance(second["label"], bool) else str(second["label"])
    assert edit(tmp_path, name, before.encode(), labels={0: label}, removed=frozenset({1})) == after.encode()


def test_characters_outside_ascii_are_spelled_as_in_the_file(tmp_path: Path) -> None:
    assert edit(tmp_path, "a.jsonl", '{"label": "é"}\n'.encode(), labels={0: "ü"}).decode().startswith('{"label": "ü"')
    assert edit(tmp_path, "a.jsonl", b'{"label": "e"}\n', labels={0: "ü"}).decode().startswith('{"label": "\\u00fc"')


def test_first_rows_of_a_list_can_be_removed(tmp_path: Path) -> None:
    rows = b'[{"label": "a"}, {"label": "b"}, {"label": "c"}]'
    assert edit(tmp_path, "a.json", rows, column=None, removed=frozenset({0, 1})) == b'[{"label": "c"}]'
    assert edit(tmp_path, "a.json", rows, column=None, removed=frozenset({0, 2})) == b'[{"label": "b"}]'
    assert edit(tmp_path, "a.json", rows, column=None, removed=frozenset({1, 2})) == b'[{"label": "a"}]'


@pytest.mark.parametrize(
    "content",
    [
        '{"1.png": "cat", "2.png": "dog"}',
        '{"cat": ["1.png"], "dog": ["2.png"]}',
        '{"columns": ["file", "label"], "data": [["1.png", "cat"]]}',
        '{"file": {"0": "1.png"}, "label": {"0": "cat"}}',
    ],
)
def test_one_object_for_all_rows_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"one JSON object for all rows, .*--format changes"):
        edit(tmp_path, "a.json", content.encode(), labels={0: "dog"})


def test_a_class_that_does_not_fit_the_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'dog' cannot be stored in column 'label' of a.jsonl, which does not hold text"):
        edit(tmp_path, "a.jsonl", b'{"label": 1}\n{"label": 2}\n', labels={0: "dog"})
    assert b'"label": 7' in edit(tmp_path, "a.jsonl", b'{"label": 1}\n{"label": 2}\n', labels={0: "7"})


def test_a_file_that_would_be_read_differently_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.applying.delimited_file._spelled", lambda text, *_: text.upper())
    with pytest.raises(AuditError, match=r"'label' of a.csv would be read differently"):
        edit(tmp_path, "a.csv", b"file,label\n1,cat\n", labels={0: "dog"})


cells = st.text(st.sampled_from('ab,;"\n\r\t |é ') | st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)


@given(
    rows=st.lists(st.tuples(cells, cells.filter(str.strip), cells), min_size=1, max_size=6),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
@settings(max_examples=20, deadline=None)
def test_any_table_is_read_as_edited(
    rows: list[tuple[str, str, str]],
    separator: str,
    quoting: Any,
    line_end: str,
    data: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("table")
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, quoting=quoting, lineterminator=line_end)
    writer.writerows([("file", "label", "more"), *rows])
    (folder / "a.csv").write_bytes(stream.getvalue().encode())
    try:
        before = read_table(folder / "a.csv")
    except DatasetError:  # the cells do not make clear which separator is meant
        return
    if list(before.columns) != ["file", "label", "more"]:
        return
    numbers = st.integers(0, len(before) - 1)
    labels = data.draw(st.dictionaries(numbers, cells.filter(str.strip), max_size=4))
    removed = data.draw(st.frozensets(numbers, max_size=len(before) - 1))
    rewrite_table(folder / "a.csv", folder / "new.csv", TableEdits("label", labels, removed))
    after = read_table(folder / "new.csv")
    kept = [row for row in range(len(before)) if row not in removed]
    assert after.columns["label"] == [labels.get(row, before.columns["label"][row]) for row in kept]
    assert after.columns["label_original"] == [before.columns["label"][row] for row in kept]
    for column in ("file", "more"):
        assert after.columns[column] == [before.columns[column][row] for row in kept]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=2), max_leaves=3
)


@given(
    rows=st.lists(st.dictionaries(st.sampled_from(["a", "b", 'k"']), values, max_size=3), min_size=1, max_size=5),
    indent=st.sampled_from([None, 2]),
    is_list=st.booleans(),
    data=st.data(),
)
@settings(max_examples=20, deadline=None)
def test_any_objects_are_read_as_edited(
    rows: list[dict[str, Any]], indent: int | None, is_list: bool, data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("objects")
    rows = [{**row, "label": data.draw(st.sampled_from(["cat", "dog"]))} for row in rows]
    ascii_only = data.draw(st.booleans())
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only) if is_list else "\n".join(lines)
    name = "a.json" if is_list else "a.jsonl"
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    numbers = st.integers(0, len(rows) - 1)
    labels = data.draw(st.dictionaries(numbers, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)))
    labels = {row: label for row, label in labels.items() if label.strip()}
    removed = data.draw(st.frozensets(numbers, max_size=len(rows) - 1))
    rewrite_table(folder / name, folder / f"new-{name}", TableEdits("label", labels, removed))
    found = (folder / f"new-{name}").read_bytes().decode("utf-8", "surrogatepass")
    after = json.loads(found) if is_list else [json.loads(line) for line in found.split("\n") if line]
    expected = [
        {**row, "label": labels.get(number, row["label"]), "label_original": row["label"]}
        for number, row in enumerate(rows)
        if number not in removed
    ]
    assert after == expected
