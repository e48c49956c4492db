from __future__ import annotations

import io
import re
import sys

import numpy as np
import pytest
from markdown_it import MarkdownIt

from curv_issues.baselines import BASELINES
from curv_issues.bench.table import HEADER, by_noise, markdown, remarks, render, rows_of, spread, title_of
from curv_issues.trackers import SCORES
from curv_issues.visible import visible
from tests.bench.cells import make_cell


def test_spread() -> None:
    assert spread([0.5, 0.7]) == "0.600 ± 0.141"
    assert spread([0.98765], 4) == "0.9877"
    assert spread([None, 0.25, None]) == "0.250"
    assert spread([None]) == spread([]) == "n/a"


def test_rows_are_means_over_seeds_sorted_by_auroc() -> None:
    cells = [make_cell(seed=seed, methods=("margin", "default", "el2n")) for seed in (0, 1, 2)]
    rows = rows_of(cells)
    assert [row[0] for row in rows] == ["margin", "default", "el2n"]
    default = dict(zip(HEADER, rows[1], strict=True))
    aurocs = [cell["methods"]["default"]["detection"]["auroc"] for cell in cells]
    assert default["AUROC"] == f"{np.mean(aurocs):.4f} ± {np.std(aurocs, ddof=1):.4f}"
    assert default["cost"] == "2.00"
    assert default["flagged: recall"] != ""
    assert dict(zip(HEADER, rows[0], strict=True))["flagged: recall"] == ""  # it only ranks


def test_no_planted_errors() -> None:
    (row, _) = rows_of([make_cell("none")])
    assert row[1:4] == ("n/a", "n/a", "n/a")
    assert title_of([make_cell("none")]) == "none: 0 errors in 200 samples, 1 seed"


def test_a_method_that_some_cells_lack_is_left_out() -> None:
    rows = rows_of([make_cell(methods=("default", "margin")), make_cell(seed=1, methods=("default",))])
    assert [row[0] for row in rows] == ["default"]


def test_remarks_explain_failures_and_missing_flags() -> None:
    cells = [make_cell(seed=seed) for seed in (0, 1, 2)]
    assert remarks(cells) == []
    cells[1]["decision"]["cut_off"]["note"] = "More than half look wrong."
    for cell in cells:
        cell["methods"]["margin"]["failed"] = "too few of \x1b[31m"
    note = "Flags of the default: More than half look wrong. (Only with seed 1.)"
    assert remarks(cells) == ["margin failed: too few of \x1b[31m", note]
    assert {r"margin failed: too few of \x1b[31m", note} <= set(render(cells).splitlines())
    assert {r"margin failed: too few of &#92;x1b\[31m", note} <= set(markdown(cells).splitlines())


HOSTILE = "a`b`|\n# *c* <b>&amp;</b> [d](e) :smile: @me https://f www.g.com $h$ \x1b[31m\u202e\udcff"


def test_foreign_text_is_not_markup() -> None:
    cell = make_cell(f"file:{HOSTILE}:label")
    cell["cell"]["dataset"]["source"] = HOSTILE
    cell["made_by"]["machine"]["processor"] = HOSTILE
    cell["methods"]["margin"]["failed"] = HOSTILE
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown([cell]))
    inline = [token for token in tokens if token.type == "inline"]
    assert {child.type for token in inline for child in token.children or []} <= {"text", "softbreak"}
    assert sum(token.type == "heading_open" for token in tokens) == 2
    shown = ["".join(child.content for child in token.children or []) for token in inline]
    assert shown[0] == f"Benchmark on {visible(HOSTILE)}"
    assert sum(visible(HOSTILE) in text for text in shown) == 4
    assert not re.search(r"@|://|www\.|:smile:", markdown([cell]))
    markdown([cell]).encode("utf-8")
    assert visible(HOSTILE) in render([cell]).splitlines()[0]
    assert not {"\x1b", "\u202e"} & set(render([cell]))


def test_chosen_cut_off_is_reported() -> None:
    cell = make_cell()
    cell["cell"]["cut_off"] = "5%"
    assert remarks([cell]) == ["Flags of the default: cut-off 5%."]
    cell["cell"].update(cut_off="auto", precision=0.9)
    assert remarks([cell]) == ["Flags of the default: expected precision 0.9."]


def test_one_table_per_noise() -> None:
    cells = [make_cell("uniform:0.1"), make_cell("asymmetric:0.2"), make_cell("uniform:0.1", seed=1)]
    assert {noise: len(found) for noise, found in by_noise(cells).items()} == {"uniform:0.1": 2, "asymmetric:0.2": 1}
    tokens = MarkdownIt().enable("table").parse(markdown(cells))
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings == [
        "Benchmark on digits",
        "uniform:0.1: 20 errors in 200 samples, 2 seeds",
        "asymmetric:0.2: 20 errors in 200 samples, 1 seed",
    ]
    assert sum(token.type == "tr_open" for token in tokens) == 2 * 3
    text = render(cells)
    assert len(re.findall(r"^method .* cost$", text, re.MULTILINE)) == 2
    assert "asymmetric:0.2: 20 errors in 200 samples, 1 seed" in text


def test_plots_are_shown_with_the_table_of_their_noise() -> None:
    cells = [make_cell("uniform:0.1"), make_cell("uniform:0.2")]
    plots = [("uniform:0.2", "ROC [a]", "plots/a b(1).png"), (None, "By rate", "plots/rates.png")]
    text = markdown(cells, plots)
    images = [child for token in MarkdownIt().parse(text) for child in token.children or [] if child.type == "image"]
    assert [(image.content, image.attrs["src"]) for image in images] == [
        (r"ROC \[a\]", "plots/a%20b%281%29.png"),
        ("By rate", "plots/rates.png"),
    ]
    assert text.index("## uniform:0.2") < text.index("plots/a%20b") < text.index("## All noise rates") < text.index("rates.png")
    assert "![" not in markdown(cells)


def test_table_fits_100_columns_and_narrow_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("default", "margin", max(SCORES, key=len), max((score for b in BASELINES.values() for score in b.scores), key=len))
    cells = [make_cell(seed=seed, methods=names) for seed in (0, 1, 2)]
    cells[0]["methods"]["margin"]["cost"] = 99.0
    lines = render(cells).splitlines()
    assert max(map(len, lines)) <= 100
    default = dict(zip(HEADER, rows_of(cells)[0], strict=True))
    mean, deviation = default["AUROC"].split(" ± 0")
    assert f"{mean}±{deviation}" in next(line for line in lines if line.startswith("default ")).split()

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    narrow = render(cells).splitlines()
    assert max(map(len, narrow)) <= 80
    assert mean in next(line for line in narrow if line.startswith("default ")).split()
    assert "±" not in "".join(narrow)
    monkeypatch.setenv("COLUMNS", "200")
    assert render(cells).splitlines() == lines
