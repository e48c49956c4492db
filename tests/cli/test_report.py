"""The page that an audit writes, the command `report`, and decisions in the next audit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision, decisions_json
from tests.cli.running import audit, check_error, messages_of, run, summary_of


def view_of(page: Path) -> dict[str, Any]:
    (data,) = re.findall(r'<script type="application/json" id="view">(.*?)</script>', page.read_text("utf-8"), flags=re.DOTALL)
    return json.loads(data)


@pytest.fixture
def audited(pets: Path, here: Path) -> Path:
    assert audit(pets, "--output", "out", "--cut-off", "25%").exit_code == 0
    return here / "out"


def test_an_audit_says_where_the_page_is(pets: Path) -> None:
    assert audit(pets, "--output", "out").stdout.splitlines()[-2:] == ["Report: out/report.html", "Results: out"]


def test_an_audit_writes_the_page_with_images(audited: Path) -> None:
    view = view_of(audited / "report.html")
    assert len(view["label_issues"]) == 6
    assert view["has_images"]
    assert all(card["image"] is not None for card in view["cards"])


def test_the_page_is_left_out_on_request(pets: Path) -> None:
    assert audit(pets, "--output", "out", "--no-report").exit_code == 0
    assert not Path("out/report.html").exists()
    assert Path("out/findings.png").exists()


def test_no_images_are_stored_for_private_data(pets: Path) -> None:
    assert audit(pets, "--output", "out", "--no-images").exit_code == 0
    names = {path.name for path in Path("out").iterdir()}
    assert "report.html" in names
    assert not names & {"findings.png", "thumbnails.parquet"}
    assert not view_of(Path("out/report.html"))["has_images"]


def test_the_page_is_written_again_without_training(audited: Path) -> None:
    before = (audited / "report.html").read_bytes()
    (audited / "report.html").unlink()
    result = run("report", audited)
    assert (result.exit_code, result.stdout) == (0, f"Report: {audited / 'report.html'}\n")
    assert (audited / "report.html").read_bytes() == before
    assert run("report", audited, "--no-images", "--output", "private.html").exit_code == 0
    assert b"data:image/webp" not in Path("private.html").read_bytes()


def test_a_result_without_images_is_said(pets: Path) -> None:
    audit(pets, "--output", "out", "--no-images", "--no-report")
    result = run("report", "out")
    assert "The result has no images" in result.stderr


def decide(folder: Path, row: int, action: str = "keep") -> None:
    """Write a decision about a row of a result into its folder."""
    result = AuditResult.load(folder)
    place = result.scores.index[result.scores["row"] == row][0]
    decision = Decision(result.images["image_sha256"][place], result.scores["given"][place], action, row=row)
    (folder / "decisions.json").write_bytes(decisions_json([decision], {}))


def test_the_next_audit_does_not_flag_what_was_kept(audited: Path, pets: Path) -> None:
    row = int(AuditResult.load(audited).findings["row"][0])
    decide(audited, row)
    result = audit(pets, "--output", audited, "--cut-off", "25%", "--overwrite")
    assert result.exit_code == 0
    assert row not in AuditResult.load(audited).findings["row"].tolist()
    assert any("Decisions of a person count for 1 sample;" in line for line in messages_of(result))
    assert view_of(audited / "report.html")["decisions"][0]["row"] == row
    assert (audited / "decisions.json").exists()
    assert summary_of(audited)["decisions"]["num_rows"] == 1


def test_decisions_of_another_file(audited: Path, pets: Path) -> None:
    row = int(AuditResult.load(audited).findings["row"][0])
    decide(audited, row)
    assert audit(pets, "--output", "again", "--cut-off", "25%", "--decisions", audited / "decisions.json").exit_code == 0
    assert row not in AuditResult.load("again").findings["row"].tolist()


@pytest.mark.parametrize("name", ["missing.json", "other.json"])
def test_bad_decisions_are_refused_before_training(pets: Path, name: str) -> None:
    Path("other.json").write_text("{}")
    check_error(audit(pets, "--output", "out", "--decisions", name), 2, name)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing",), ("missing", "does not exist")),
        (("out", "--output", "nowhere/report.html"), ("nowhere", "existing folder")),
        (("out", "--decisions", "missing.json"), ("missing.json", "does not exist")),
    ],
)
def test_errors_of_report(audited: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    check_error(run("report", *arguments), 2, *words)
    assert audited.exists()


def test_texts_of_a_table_are_shown(here: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    texts = [f'<b>"{i}"</b> ' + "word " * (200 if i == 3 else 2) for i in range(40)]
    pd.DataFrame({"text": texts, "year": range(40), "label": labels}).to_csv("texts.csv", index=False)
    np.save("emb.npy", rng.normal(size=(40, 8)) + 3 * labels[:, None])
    features = ("audit", "texts.csv", "--features", "emb.npy", "--label-column", "label")
    result = run(*features, "--output", "out", "--cut-off", "10%", "--show-column", "text", "--show-column", "year")
    assert result.exit_code == 0
    cards = {card["row"]: card for card in view_of(Path("out/report.html"))["cards"]}
    assert cards[7]["shown"] == [["text", texts[7]], ["year", "7"]]
    assert cards[3]["shown"][0][1] == f"{texts[3][:497]}..."
    assert "<b>" not in Path("out/report.html").read_text()
    assert AuditResult.load("out").shown["text"][0] == texts[int(AuditResult.load("out").shown["row"][0])][:500]
    result = run(*features, "--show-column", "title")
    assert result.exit_code == 3
    assert "has no column 'title' that can be shown" in result.stderr.splitlines()[-1]
    assert result.stderr.endswith("its columns are text, year, label.\n")
