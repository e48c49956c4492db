from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.made_up import make_result

HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)> & 'a'", "line\nbreak \x1b[31m\u202e"]


class Reader(HTMLParser):
    """Collect the tags and the text of each cell."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list]] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, attributes))
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.tags[-1][0] in ("th", "td"):
            self.cells[-1] += data


def test_counts_and_the_first_findings() -> None:
    result = make_result(paths=["a/1.png"] * 8)
    html = result._repr_html_()
    assert "8 samples, 3 classes, 3 label_issue findings" in html
    assert Reader(html).cells == [
        *("row", "split", "path", "kind", "given", "suggested", "suspicion"),
        *("50", "train", "a/1.png", "label_issue", "bird", "dog", "0.7143"),
        *("40", "train", "a/1.png", "label_issue", "cat", "bird", "0.5714"),
        *("10", "train", "a/1.png", "label_issue", "cat", "bird", "0.1429"),
    ]
    assert "<th>path</th>" not in make_result(split=None)._repr_html_()


def test_at_most_ten_findings_are_shown() -> None:
    html = make_result(n=30, flagged=range(12))._repr_html_()
    assert html.count("<tr>") == 1 + 10
    assert "The first 10 of 12 findings" in html
    nothing = make_result(flagged=())._repr_html_()
    assert "<table>" not in nothing
    assert "no findings" in nothing


def test_hostile_names_are_text() -> None:
    result = make_result(names=HOSTILE, paths=[HOSTILE[1]] * 8)
    result.summary["dataset"]["source"] = "<b onclick=alert(1)>"
    html = result._repr_html_()
    found = Reader(html)
    assert {tag for tag, _ in found.tags} == {"p", "table", "tr", "th", "td"}
    assert all(attributes == [] for _, attributes in found.tags)
    assert set(HOSTILE[:2]) | {"line\\nbreak \\x1b[31m\\u202e"} <= set(found.cells)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", html)
