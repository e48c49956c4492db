from __future__ import annotations

import csv
import io
import json
import os
import subprocess

import pandas as pd
import pytest

from curv_issues.errors import UsageError
from curv_issues.report.duplicates import TOP, describe_search, readable_size, render_paths, render_search
from curv_issues.results.search_tables import COPIES, GROUPS

FIRST = [
    [0, 5, "train", "a.png", True, None, None, False, 0, 480, 640, 3_400_000],
    [0, 7, "test", "b\n\x1b[1m|.png", False, 0.99951, "near", True, 90, 240, 320, 812],
]


def groups(rows: list[list[object]] = FIRST) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=GROUPS.names).astype({"similarity": float})


def summary(**more: object) -> dict[str, object]:
    plain = {"dataset": {"source": "photos"}, "other": {"source": "test"}, "threshold": 0.91, "num_groups": 1, "num_removable": 1}
    return {**plain, "removable_bytes": 812, **more}


def copies(n: int = 1, **columns: object) -> pd.DataFrame:
    row = {"row": 3, "split": "train", "path": "x.png", "other_row": 9, "other_split": "test", "other_path": "y.png"}
    row |= {"similarity": 1.0, "test": "identical bytes", "mirrored": False, "turned": 0, "height": 2, "width": 3, "bytes": 0}
    return pd.DataFrame([{**row, **columns}] * n, columns=COPIES.names)


class TestTable:
    def test_groups(self) -> None:
        header, _, first, second = render_search(groups(), summary(), "table").rstrip().splitlines()
        assert header.split() == ["group", "keep", "row", "split", "path", "pixels", "size", "similarity", "test", "orientation"]
        assert first.split() == ["0", "keep", "5", "train", "a.png", "640", "x", "480", "3.4", "MB"]
        assert second.split() == [
            *("0", "7", "test", "b\\n\\x1b[1m|.png", "320", "x", "240", "812", "B", "1.000", "near", "mirrored,", "90°")
        ]

    def test_columns_that_say_nothing_are_left_out(self) -> None:
        plain = groups().assign(split=None, path=None, mirrored=False, turned=0, bytes=0)
        header = render_search(plain, summary(), "table").splitlines()[0]
        assert header.split() == ["group", "keep", "row", "pixels", "size", "similarity", "test"]

    def test_copies(self) -> None:
        *header, _, line = render_search(copies(), summary(), "table").rstrip().splitlines()
        assert " ".join(header).split() == ["other", "other", "row", "path", "row", "path", "pixels", "size", "similarity", "test"]
        assert line.split() == ["3", "x.png", "9", "y.png", "3", "x", "2", "1.000", "identical", "bytes"]

    def test_only_the_first_are_shown(self) -> None:
        many = pd.concat([groups([[number, *row[1:]] for row in FIRST]) for number in range(TOP + 5)], ignore_index=True)
        text = render_search(many, summary(), "table")
        assert text.count("keep") == TOP + 1
        assert render_search(copies(TOP + 5), summary(), "table").count("x.png") == TOP
        assert len(json.loads(render_search(many, summary(), "json"))["groups"]) == 2 * (TOP + 5)

    @pytest.mark.parametrize("format", ["table", "md"])
    def test_nothing(self, format: str) -> None:
        text = render_search(groups([]), summary(), format)
        assert text == "No duplicates." if format == "table" else text.startswith("| group | keep |")
        assert render_search(copies(0), summary(), format) is not None


def test_markdown_is_escaped() -> None:
    lines = render_search(groups(), summary(), "md").splitlines()
    assert lines[0].startswith("| group | keep | row | split | path |")
    assert "b&#92;n&#92;x1b\\[1m&#124;.png" in lines[3]
    assert len({line.count(" | ") for line in lines}) == 1


def test_json_is_complete() -> None:
    found = json.loads(render_search(groups(), summary(), "json"))
    assert found["threshold"] == 0.91
    assert found["groups"][0] == dict(zip(GROUPS.names, FIRST[0], strict=True))
    assert found["groups"][1]["path"] == FIRST[1][3]
    assert json.loads(render_search(copies(), summary(), "json"))["copies"][0]["other_path"] == "y.png"


def test_csv_is_complete_and_defused() -> None:
    rows = list(csv.reader(io.StringIO(render_search(groups().assign(path=["=1+1", "b\nc"]), summary(), "csv"))))
    assert rows[0] == GROUPS.names
    assert [row[3] for row in rows[1:]] == ["'=1+1", "b\nc"]
    assert rows[1][5] == ""  # the kept one has no similarity


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_449_999, "3.4 MB"), (2e9, "2.0 GB"), (5e15, "5000.0 TB")]
)
def test_sizes(number: float, text: str) -> None:
    assert readable_size(number) == text


class TestDescription:
    def test_groups(self) -> None:
        line = "1 group of duplicates; 1 image (812 B) beside those to keep; threshold 0.910."
        assert describe_search(groups(), summary(), is_cut=True) == line
        many = summary(num_groups=1_234, num_removable=2_000, removable_bytes=0)
        line = "of duplicates; 2,000 images beside those to keep; threshold 0.910."
        assert describe_search(groups(), many, is_cut=True) == f"The first 20 of 1,234 groups {line}"
        assert describe_search(groups(), many, is_cut=False) == f"1,234 groups {line}"

    def test_copies(self) -> None:
        line = "1 image (812 B) of photos that also appears in test; threshold 0.910."
        assert describe_search(copies(), summary(), is_cut=True) == line
        line = "The first 20 of 25 images (812 B) of photos that also appear in test; threshold 0.910."
        assert describe_search(copies(25), summary(), is_cut=True) == line
        assert describe_search(copies(25), summary(), is_cut=False).startswith("25 images (812 B)")


class TestPaths:
    def test_lines(self) -> None:
        assert render_paths(["/a/b.png", "/a/ü.png"], null=False) == "/a/b.png\n/a/ü.png\n".encode()
        assert render_paths(["/a b\n.png"], null=True) == b"/a b\n.png\0"
        assert render_paths([], null=False) == render_paths([], null=True) == b""

    @pytest.mark.parametrize("name", ["a b", "a\nb", "a\tb", "a'b", 'a"b', "a\\b", "a\rb"])
    def test_names_that_xargs_would_change_are_refused(self, name: str) -> None:
        with pytest.raises(UsageError, match=r"^1 of 2 paths contain spaces, .* use --format paths0"):
            render_paths(["/x/plain.png", f"/x/{name}.png"], null=False)
        assert render_paths([f"/x/{name}.png"], null=True) == f"/x/{name}.png\0".encode()

    @pytest.mark.skipif(os.name != "posix", reason="needs xargs")
    def test_xargs_reads_them(self) -> None:
        odd = ["/x/a b.png", "/x/c\nd.png", "/x/e'f\"g\\h.png", os.fsdecode(b"/x/\xff.png"), "/x/é.png"]
        done = subprocess.run(
            ["xargs", "-0", "printf", "%s\\0"], input=render_paths(odd, null=True), capture_output=True, check=True
        )
        assert done.stdout.split(b"\0")[:-1] == [os.fsencode(path) for path in odd]
        plain = [*odd[3:], "/x/-rf", "/x/a,b;c&d$e*f.png"]
        done = subprocess.run(["xargs", "printf", "%s\\0"], input=render_paths(plain, null=False), capture_output=True, check=True)
        assert done.stdout.split(b"\0")[:-1] == [os.fsencode(path) for path in plain]
