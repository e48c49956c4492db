from __future__ import annotations

import csv
import io
import json
import math
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from curv_issues.errors import UsageError
from curv_issues.plugins import load_attribute
from curv_issues.report import FORMATS, render, table
from curv_issues.results.result import AuditResult
from curv_issues.visible import cut_middle, visible
from tests.made_up import make_result, result_parts

HOSTILE = ["[red]a[/]|`x`", 'say "hi", 日本\r\nnext\ttab \x1b[31m\x00\u202e', "😀 <b>&amp;</b> :smile: *a* _b_ \\| @me"]
any_names = st.lists(st.text(max_size=20), min_size=3, max_size=3, unique=True)
any_path = st.none() | st.text(max_size=40)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def original(cell: str) -> str:
    """Return the text of a CSV cell, without the apostrophe that marks formulas."""
    return cell.removeprefix("'")


def make_any(names: list[str], path: str | None) -> AuditResult:
    return make_result(names=names, paths=[path] * 8)


@pytest.mark.parametrize("name", FORMATS)
class TestEveryFormat:
    def test_text_has_no_outer_line_breaks(self, name: str) -> None:
        text = load_attribute(FORMATS[name])(make_result())
        assert text
        assert text == text.strip("\n") == render(make_result(), name)

    def test_limit(self, name: str) -> None:
        text = render(make_result(), name, limit=2)
        assert "cat" in text
        for row, there in ((50, True), (40, True), (10, False)):
            assert (str(row) in text.replace("-", " ").replace(",", " ").split()) == there

    def test_limit_zero_shows_no_finding(self, name: str) -> None:
        text = render(make_result(), name, limit=0)
        assert "label_issue" not in text
        assert "40" not in text

    def test_hostile_names_are_escaped_on_a_terminal(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout", Terminal())
        monkeypatch.setenv("NO_COLOR", "1")
        text = render(make_result(names=HOSTILE), name)
        assert not set(text) & {"\x1b", "\x00", "\r", "\t", "\u202e"}
        assert text.isascii() or "日本" in text


def test_unknown_format_and_negative_limit() -> None:
    with pytest.raises(UsageError, match=r"^Unknown format 'xml'; choose one of: table, json, csv, md\.$"):
        render(make_result(), "xml")
    with pytest.raises(UsageError, match=r"^The limit of findings to show is -1; expected 0 or more\.$"):
        render(make_result(), "json", limit=-1)


@pytest.mark.parametrize(("name", "shown"), [("table", 20), ("md", 20), ("json", 45), ("csv", 45)])
def test_table_and_markdown_show_twenty_findings_and_others_all(name: str, shown: int) -> None:
    result = make_result(n=50, flagged=range(5, 50))
    text = render(result, name)
    assert sum(f"{10 * index}" in text.replace('"row": ', " ").replace(",", " ").split() for index in range(50)) == shown
    assert "490" in text


class TestJson:
    def test_is_the_summary_with_the_findings(self) -> None:
        result = make_result(split=None)
        content = json.loads(render(result, "json"), parse_constant=lambda name: pytest.fail(name))
        findings = content.pop("findings")
        assert content.pop("conflicts") == []
        assert content == result.summary
        assert next(iter(content)) == "schema_version"
        assert [finding["row"] for finding in findings] == [50, 40, 10]
        assert findings[0] == {
            "row": 50,
            "split": None,
            "path": None,
            "kind": "label_issue",
            "given": "bird",
            "suggested": "dog",
            "suspicion": 5 / 7,
            "p_wrong": None,
            "verdict": None,
            "image_sha256": f"{5:064x}",
        }

    @settings(max_examples=40, deadline=None)
    @given(names=any_names, path=any_path)
    def test_any_text_is_parsed_back(self, names: list[str], path: str | None) -> None:
        text = render(make_any(names, path), "json")
        assert text.isascii()  # so that it survives any encoding of stdout
        findings = json.loads(text)["findings"]
        assert [(f["given"], f["suggested"], f["path"]) for f in findings] == [
            (names[i % 3], names[(i + 1) % 3], path) for i in (5, 4, 1)
        ]


class TestCsv:
    def test_plain(self) -> None:
        assert render(make_result(split=None, names=("a,b", 'say "c"', "d")), "csv", limit=1) == (
            '"row","split","path","kind","given","suggested","suspicion","p_wrong","verdict","image_sha256"\n'
            f'50,"","","label_issue","d","a,b",{5 / 7!r},"","","{5:064x}"'
        )

    def test_no_findings_give_the_header(self) -> None:
        assert render(make_result(flagged=()), "csv") == (
            '"row","split","path","kind","given","suggested","suspicion","p_wrong","verdict","image_sha256"'
        )

    @settings(max_examples=40, deadline=None)
    @given(names=any_names, path=any_path)
    def test_any_text_is_read_back(self, names: list[str], path: str | None) -> None:
        result = make_any(names, path)
        header, *rows = csv.reader(io.StringIO(render(result, "csv"), newline=""))
        assert header == list(result.findings.columns)
        expected = [(path or "", names[i % 3], names[(i + 1) % 3]) for i in (5, 4, 1)]
        assert [tuple(map(original, (row[2], row[4], row[5]))) for row in rows] == expected
        assert [float(row[6]) for row in rows] == result.findings["suspicion"].tolist()

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "'", "\uff1d"])
    def test_text_is_never_a_spreadsheet_formula(self, start: str) -> None:
        name = f"{start}cmd|' /C calc'!A0"
        text = render(make_result(names=("cat-1", name, "b=c")), "csv")
        rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
        assert {row[4] for row in rows} <= {"'" + name, "cat-1", "b=c"}
        assert "'" + name in {row[4] for row in rows}

    def test_names_are_unchanged_when_piped(self) -> None:
        assert HOSTILE[1].replace('"', '""') in render(make_result(names=HOSTILE), "csv")

    def test_pandas_reads_the_csv(self) -> None:
        parts = result_parts(names=("NA", "null", "a\nb"), paths=[f"{i}.png" for i in range(8)])
        parts["findings"] = parts["findings"].assign(p_wrong=0.5, verdict="rare")
        result = AuditResult(**parts)
        types = {"image_sha256": result.findings["image_sha256"].dtype}
        frame = pd.read_csv(io.StringIO(render(result, "csv")), keep_default_na=False, dtype=types)
        pd.testing.assert_frame_equal(frame, result.findings)


def cells_of_markdown(text: str) -> list[list[str]]:
    """Return the cells of the rendered table; fail on markup in a cell."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            kinds = {child.type for child in token.children or []}
            assert kinds <= {"text"}, kinds
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


class TestMarkdown:
    def test_plain(self) -> None:
        assert render(make_result(), "md", limit=2, verbose=True).splitlines() == [
            "| row | given | suggested | suspicion | cumulative\\_loss | margin | training\\_gradient |",
            "| ---: | --- | --- | ---: | ---: | ---: | ---: |",
            "| 50 | bird | dog | 0.7143 | 7.50 | -0.714 | 1.00e-06 |",
            "| 40 | cat | bird | 0.5714 | 6.00 | -0.571 | 1.00e-05 |",
        ]

    def test_no_findings_give_the_header(self) -> None:
        assert render(make_result(flagged=()), "md").splitlines() == [
            "| row | given | suggested | suspicion |",
            "| ---: | --- | --- | ---: |",
        ]

    def test_hostile(self) -> None:
        rows = cells_of_markdown(render(make_result(names=HOSTILE), "md"))
        assert rows[1][1] == HOSTILE[2]
        assert rows[2][1] == 'say "hi", 日本\\r\\nnext\\ttab \\x1b[31m\\x00\\u202e'
        assert rows[1][2] == HOSTILE[0]

    def test_urls_are_not_links(self) -> None:
        text = render(make_result(names=("http://a.b", "www.a.b", ":smile: WWW.c")), "md")
        assert not re.search(r"://|www\.|:smile:", text, re.IGNORECASE)
        assert {"http://a.b", "www.a.b", ":smile: WWW.c"} <= {cell for row in cells_of_markdown(text) for cell in row}

    @settings(max_examples=100, deadline=None)
    @given(names=any_names, path=any_path)
    def test_any_text_stays_in_its_cell(self, names: list[str], path: str | None) -> None:
        text = render(make_any(names, path), "md")
        assert len(text.splitlines()) == 2 + 3
        header, *rows = cells_of_markdown(text)
        assert len(rows) == 3
        for row, i in zip(rows, (5, 4, 1), strict=True):
            shown = dict(zip(header, row, strict=True))
            assert shown["given"].strip() == visible(names[i % 3]).strip()
            assert shown["suggested"].strip() == visible(names[(i + 1) % 3]).strip()
            assert shown.get("path", "").strip() == visible(path or "").strip()


class TestTable:
    def test_plain(self) -> None:
        lines = render(make_result(paths=["a b/1.png"] * 8), verbose=True).splitlines()
        assert [line.split() for line in lines[:2]] == [
            ["cumulative", "training"],
            ["row", "path", "given", "suggested", "suspicion", "loss", "margin", "gradient"],
        ]
        assert set(lines[2]) == {"─"}
        assert lines[3].split() == ["50", "a", "b/1.png", "bird", "dog", "0.7143", "7.50", "-0.714", "1.00e-06"]
        assert len(lines) == 6

    def test_probability_and_verdict_are_shown_if_there_are_any(self) -> None:
        parts = result_parts()
        parts["findings"] = parts["findings"].assign(p_wrong=[0.123, math.nan, 1.0], verdict=["rare", None, "outlier"])
        lines = render(AuditResult(**parts)).splitlines()
        assert lines[1].split() == ["row", "given", "suggested", "suspicion", "wrong", "verdict"]
        assert [line.split()[4:] for line in lines[3:]] == [["1.00", "outlier"], [], ["0.12", "rare"]]

    def test_raw_scores_are_shown_if_verbose(self) -> None:
        for name in ("table", "md"):
            plain, verbose = (render(make_result(), name, verbose=verbose) for verbose in (False, True))
            words = "cumulative", "margin", "gradient", "7.50"
            assert [word in plain for word in words] == [False] * 4
            assert [word in verbose for word in words] == [True] * 4
        assert render(make_result()).splitlines()[0].split() == ["row", "given", "suggested", "suspicion"]
        for name in ("json", "csv"):
            assert render(make_result(), name) == render(make_result(), name, verbose=True)

    def test_uninformative_columns_are_left_out(self) -> None:
        parts = result_parts(split=None)
        parts["findings"] = pd.concat([parts["findings"], parts["findings"].assign(kind="other")])
        parts["findings"]["split"] = ["train", "test"] * 3
        header = render(AuditResult(**parts)).splitlines()[0].split()
        assert header[:5] == ["row", "split", "kind", "given", "suggested"]
        parts["findings"] = parts["findings"].assign(path="x")
        assert render(AuditResult(**parts)).splitlines()[0].split()[:4] == ["row", "split", "kind", "path"]

    def test_other_scores_if_the_usual_ones_are_missing(self) -> None:
        parts = result_parts()
        names = {"cumulative_loss": "el2n", "margin": "b", "training_gradient": "c"}
        parts["scores"] = parts["scores"].rename(columns=names).assign(d=1.0)
        parts["score_metadata"] = {name: {"direction": "high", "source": "x"} for name in "bcd"}
        parts["score_metadata"]["el2n"] = {"direction": "high", "source": "x"}
        assert render(AuditResult(**parts), verbose=True).split()[:7] == [
            "row",
            "given",
            "suggested",
            "suspicion",
            "el2n",
            "b",
            "c",
        ]

    def test_missing_scores_are_blank(self) -> None:
        row = render(make_result(flagged=(2,)), verbose=True).splitlines()[-1]
        assert row.split() == ["20", "bird", "dog", "0.2857", "3.00", "0.00100"]

    def test_markup_and_emoji_codes_are_shown_literally(self) -> None:
        text = render(make_result(names=HOSTILE, flagged=(3, 5)))
        for name in HOSTILE:
            assert visible(name) in text

    def test_no_findings(self) -> None:
        assert render(make_result(flagged=())) == "No findings."

    @settings(max_examples=40, deadline=None)
    @given(names=any_names, path=any_path)
    def test_any_text_stays_on_its_line_without_markup(self, names: list[str], path: str | None) -> None:
        lines = render(make_any(names, path)).splitlines()
        assert len(lines) == 5
        for line, i in zip(lines[2:], (5, 4, 1), strict=True):
            for text in (names[i % 3], names[(i + 1) % 3], path or ""):
                assert visible(text).strip() in line

    @pytest.mark.parametrize(
        "path", ["train/a_class_with_a_name/0123456789abcdef0123456789abcdef.jpg", "照" * 30 + "/0123456789.jpg"]
    )
    def test_narrow_tables_cut_paths_in_the_middle(self, path: str) -> None:
        lines = table.render(make_result(paths=[path] * 8, flagged=(4, 5)), width=80, verbose=True).splitlines()
        assert max(map(cell_len, lines)) <= 80
        assert len(lines) == 3 + 2
        for line in lines[3:]:
            (shown,) = (word for word in line.split() if "..." in word)
            start, end = shown.split("...")
            assert path.startswith(start)
            assert path.endswith(end)
            assert len(end) > len(start) > 0
        assert "1.00e-05" in lines[4]
        assert path in table.render(make_result(paths=[path] * 8, flagged=(4,)), width=200)

    @given(text=any_path.map(lambda path: path or ""), width=st.integers(5, 40))
    def test_cut_text_fits_and_keeps_both_ends(self, text: str, width: int) -> None:
        text = visible(text)
        cut = cut_middle(text, width)
        assert cell_len(cut) <= width
        if cell_len(text) <= width:
            assert cut == text
        else:
            start, _, end = cut.partition("...")
            assert text.startswith(start)
            assert text.endswith(end)

    def test_colour_only_on_terminals_without_no_color(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "70")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert "\x1b[" not in render(make_result())
        monkeypatch.setattr(table.sys, "stdout", Terminal())
        assert "\x1b[31mbird" in render(make_result())
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[" not in render(make_result())
        assert max(map(len, render(make_result()).splitlines())) <= 70
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        assert "\x1b[" not in render(make_result())

    def test_colour_and_width_options(self) -> None:
        assert "\x1b[32mdog" in table.render(make_result(), color=True, width=100)
        assert "\x1b[" not in table.render(make_result(), color=False)
