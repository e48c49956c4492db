from __future__ import annotations

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.data.delimited import decode_text, read_delimited
from curv_issues.errors import DatasetError

# Any text that a file can hold: no lone surrogates, and no NUL, which a text file does not have.
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
SEPARATORS = st.sampled_from([",", ";", "\t", "|"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6),
    SEPARATORS,
    ENCODINGS,
    # Python's writer quotes cells with "\n" only if that is its own line terminator.
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)]),
)
def test_any_text_is_read_back(rows: list[tuple[str, ...]], separator: str, encoding: str, style: tuple[str, int]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=style[0], quoting=style[1])
    writer.writerow(["file name", "label", "note"])
    writer.writerows(rows)
    content = buffer.getvalue().encode(encoding)
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    read = read_delimited(decode_text(mark + content, "x.csv"), "x.csv")
    assert read.header == ["file name", "label", "note"]
    assert read.rows == [list(row) for row in rows if any(map(str.strip, row))]


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        ("file,label\na.jpg,x;y\n", ["file", "label"], [["a.jpg", "x;y"]]),  # a separator in the rows only
        ("file;a,b\na.jpg;c\n", ["file", "a,b"], [["a.jpg", "c"]]),  # the separator that splits all lines evenly
        ('file,"a;b;c"\nx,y\n', ["file", "a;b;c"], [["x", "y"]]),  # separators inside quotes
        ("sep=|\r\nfile|a,b\r\n1|2,3\r\n", ["file", "a,b"], [["1", "2,3"]]),  # Excel's hint
        ("label\nbig cat\n", ["label"], [["big cat"]]),  # one column
        ("file, label\na.jpg, cat\n", ["file", "label"], [["a.jpg", "cat"]]),  # spaces after commas
        ("file,label\na.jpg, cat\n", ["file", "label"], [["a.jpg", " cat"]]),  # a space that is part of the value
        ("a,b\n\n1,2\n\n", ["a", "b"], [["1", "2"]]),  # empty lines
        ("a,b\n", ["a", "b"], []),
    ],
)
def test_separators(text: str, header: list[str], rows: list[list[str]]) -> None:
    read = read_delimited(text, "x.csv")
    assert (read.header, read.rows) == (header, rows)


def test_tabs_and_spaces_by_file_extension() -> None:
    text = "file\ta, b, c\nx\ty, z, w\n"
    assert read_delimited(text, "x.tsv", prefer_tabs=True).rows == [["x", "y, z, w"]]
    assert read_delimited("file label\na.jpg 0\n", "x.txt", allow_spaces=True).rows == [["a.jpg", "0"]]
    assert read_delimited("label\nbig cat\n", "x.txt", allow_spaces=True).rows == [["big cat"]]


def test_long_cells() -> None:
    assert read_delimited(f"a,b\n{'x' * 200_000},1\n", "x.csv").rows == [["x" * 200_000, "1"]]


def test_line_numbers_include_quoted_lines_and_the_hint() -> None:
    assert read_delimited('a,b\n"1\n2",3\n4,5\n', "x.csv").lines == [3, 4]
    assert read_delimited("sep=,\na,b\n1,2\n", "x.csv").lines == [3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.csv has no header; expected column names in the first line, such as file,label."),
        (",,\n1,2,3\n", "x.csv has no header; expected column names in the first line, such as file,label."),
        (
            "a,b\n1,2\n1,2,3\n",
            "x.csv, line 3: 3 cells, but the header has 2 columns (the separator is ','); "
            "expected one cell per column: quote cells that contain the separator.",
        ),
        (
            "a\tb\n1\n",
            "x.csv, line 2: 1 cell, but the header has 2 columns (the separator is tab); "
            "expected one cell per column: quote cells that contain the separator.",
        ),
        ('a,b\n1,"2\n', "x.csv cannot be read as a table: unexpected end of data; check for a quote that is not closed."),
    ],
)
def test_text_that_is_not_a_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_delimited(text, "x.csv")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nbé\n".encode("latin-1"), "x.csv is not UTF-8: byte 0xe9 at position 3, line 2; save it as UTF-8."),
        (codecs.BOM_UTF8 + b"a\n\xff", "x.csv is not UTF-8: byte 0xff at position 5, line 2; save it as UTF-8."),
        ("a,b".encode("utf-16-le"), "x.csv is not a text file: line 1 contains a null character; save it as UTF-8."),
        ("a".encode("utf-32"), "x.csv is encoded as UTF-32; save it as UTF-8."),
        (
            codecs.BOM_UTF16_LE + b"a\0\n\0b",
            "x.csv is not UTF-16, which its byte order mark indicates: byte 0x62 at position 6, line 2; save it as UTF-8.",
        ),
    ],
)
def test_other_encodings_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        decode_text(content, "x.csv")
    assert str(caught.value) == message


def test_blank_rows_are_skipped():
    found = read_delimited('file;label;\n1.jpg;cat;\n;;\n" ";\t;\n2.jpg;dog;\n;;;;\n', "labels.csv")
    assert [row[:2] for row in found.rows] == [["1.jpg", "cat"], ["2.jpg", "dog"]]
    assert found.lines == [2, 5]
