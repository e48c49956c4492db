"""The page in a real browser, opened from disk."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from curv_issues.report.view import make_view
from curv_issues.review.decisions import Decision, decisions_json, match_result, read_decisions
from tests.browser.conftest import Open, playwright, serious_faults
from tests.report.pages import HOSTILE, conflicts_with_images, many_findings


def test_opens_from_disk_without_requests_and_complaints(open_page: Open) -> None:
    opened = open_page(many_findings())
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.page.url]
    assert opened.complaints == []
    assert opened.cards() == [10 * place for place in range(199, 159, -1)]
    assert opened.page.evaluate("Promise.all([...document.images].map(image => image.decode())).then(() => true)")
    assert opened.page.locator("#charts svg").count() == 3
    assert opened.page.inner_text("#estimate") == "About 41 of 200 labels are wrong (95% interval: 30 to 55)."


def test_names_from_strangers_stay_text_and_keep_the_layout(open_page: Open) -> None:
    opened = open_page(many_findings(names=HOSTILE), viewport={"width": 400, "height": 800})
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 400
    text = opened.page.inner_text("#gallery")
    assert "<script>alert(1)</script>" in text
    assert '"><img src=x onerror=alert(2)>' in text
    assert "\\u202edog\\u0000" in text
    assert "كلب" in text
    assert max(opened.page.eval_on_selector_all(".card", "cards => cards.map(card => card.offsetHeight)")) < 1000
    opened.press("j", "r")  # to the suggested class, whatever its name
    assert opened.decided().startswith("1 decision")


@pytest.mark.parametrize(("search", "rows"), [("1990", [1990]), ("41.png", [1410]), ("no such thing", [])])
def test_search_by_row_and_file(open_page: Open, search: str, rows: list[int]) -> None:
    opened = open_page(many_findings())
    opened.page.click("text=Most suspect")
    opened.page.fill("#search", search)
    assert opened.cards() == [row for row in rows if row in opened.cards()]
    assert set(opened.cards()) <= set(rows)
    assert len(opened.cards()) == len(rows) or search == "41.png"


def test_filters_and_sorting(open_page: Open) -> None:
    result = many_findings()
    opened = open_page(result)
    given = dict(zip(result.scores["row"], result.scores["given"], strict=True))
    opened.page.select_option("[data-filter=given]", label="cat")
    assert {given[row] for row in opened.cards()} == {"cat"}
    opened.page.select_option("[data-filter=sort]", "row")
    assert opened.cards() == sorted(opened.cards())
    opened.page.select_option("[data-filter=given]", "")
    opened.page.select_option("[data-filter=sort]", "curvature")
    curvature = dict(zip(result.scores["row"], result.scores["input_curvature"], strict=True))
    assert [curvature[row] for row in opened.cards()] == sorted((curvature[row] for row in opened.cards()), reverse=True)
    opened.page.select_option("[data-filter=verdict]", "mislabeled")
    assert len(opened.cards()) == 40
    opened.page.select_option("[data-filter=status]", "decided")
    assert opened.cards() == []


def test_a_cell_of_the_matrix_shows_its_samples(open_page: Open) -> None:
    result = many_findings()
    opened = open_page(result)
    cell = opened.page.locator(".matrix button").first
    wanted = cell.get_attribute("aria-label")
    cell.click()
    assert wanted == f"{len(opened.cards())} label issues: given dog, suggested cat"
    findings = result.findings
    expected = findings[(findings["given"] == "dog") & (findings["suggested"] == "cat")]["row"]
    assert sorted(opened.cards()) == sorted(expected)


def test_review_by_keys_and_undo(open_page: Open) -> None:
    opened = open_page(many_findings())
    opened.press("j", "g", "j", "r", "j", "x", "j", "u")
    assert opened.decided() == "4 decisions; 1 of 2 judged labels wrong"
    rows = opened.cards()
    assert "Decided: kept" in opened.page.inner_text(f".card[data-row='{rows[0]}']")
    assert opened.status() == f"Row {rows[3]}: unsure."
    opened.press("k", "k", "g")  # back to the second
    assert opened.decided() == "4 decisions; 0 of 2 judged labels wrong"
    opened.press("z")
    assert opened.decided() == "4 decisions; 1 of 2 judged labels wrong"
    opened.press("z", "z", "z", "z")
    assert opened.decided() == "0 decisions"
    opened.press("z")
    assert opened.status() == "There is nothing to undo."


def test_focus_follows_the_keys_and_tab_works(open_page: Open) -> None:
    opened = open_page(many_findings())
    opened.press("j", "j")
    row = opened.page.evaluate("document.activeElement.dataset.row")
    assert int(row) == opened.cards()[1]
    opened.press("g")
    assert opened.page.evaluate("document.activeElement.dataset.row") == row  # the card was drawn again
    opened.press("Tab", "Enter")  # its first button
    assert opened.page.evaluate("document.activeElement.closest('.card').dataset.row") == row


def test_another_class_is_chosen_from_the_list(open_page: Open) -> None:
    opened = open_page(many_findings())
    opened.press("j", "c")
    opened.page.keyboard.type("no such class")
    opened.press("Enter")
    assert "There is no class no such class" in opened.status()
    card = opened.page.locator(".card.current")
    card.locator("input").fill("bird")
    card.locator("input").press("Enter")
    assert "relabelled to bird" in opened.page.inner_text(".card.current") or "kept" in opened.page.inner_text(".card.current")


def test_decisions_survive_a_reload(open_page: Open) -> None:
    opened = open_page(many_findings())
    opened.press("j", "g", "j", "r")
    opened.page.reload()
    opened.page.wait_for_selector(".card")
    assert opened.decided() == "2 decisions; 1 of 2 judged labels wrong"


def test_a_decision_taken_back_stays_taken_back(open_page: Open) -> None:
    result = many_findings()
    decision = Decision(
        result.images["image_sha256"].iloc[-1], result.scores["given"].iloc[-1], "keep", decided_at="2026-01-01T00:00:00Z"
    )
    opened = open_page(result, report={"decisions": [decision]})
    assert opened.decided() == "1 decision; 0 of 1 judged label wrong"
    opened.press("j", "r", "z")
    assert opened.decided() == "1 decision; 0 of 1 judged label wrong"
    opened.page.reload()
    opened.page.wait_for_selector(".card")
    assert opened.decided() == "1 decision; 0 of 1 judged label wrong"


def test_the_saved_file_is_a_file_of_decisions(open_page: Open, tmp_path: Path) -> None:
    result = many_findings(names=HOSTILE)
    gone = Decision("gone", "cat", "remove", row=3, path="3.png")
    opened = open_page(result, report={"decisions": [gone]}, accept_downloads=True)
    opened.press("j", "g", "j", "r", "j", "x")
    with opened.page.expect_download() as download:
        opened.page.click("#download")
    assert download.value.suggested_filename == "decisions.json"
    download.value.save_as(tmp_path / "decisions.json")
    decisions = read_decisions(tmp_path / "decisions.json")
    assert decisions[0] == gone
    matched = match_result(decisions, result).by_row
    rows = opened.cards()
    assert [matched[row].action for row in rows[:3]] == ["keep", "relabel", "remove"]
    scores = result.scores.set_index("row")
    assert matched[rows[1]].label == scores["suggested"][rows[1]]
    assert matched[rows[2]].path == scores["path"][rows[2]]


def test_a_file_is_read_back(open_page: Open, tmp_path: Path) -> None:
    result = many_findings()
    first = Decision(result.images["image_sha256"].iloc[-1], result.scores["given"].iloc[-1], "keep")
    path = tmp_path / "saved.json"
    path.write_bytes(decisions_json([first, replace(first, image_sha256="gone")], {}))
    opened = open_page(result)
    opened.page.set_input_files("#read-back", path)
    playwright.expect(opened.page.locator("#count")).to_contain_text("1 decision")
    assert opened.status() == "1 decision read; 1 are about samples that this page does not show."
    for content in ("{", "[]", json.dumps({"curv_issues_decisions": 1, "decisions": [{"action": "burn"}]})):
        path.write_text(content)
        opened.page.set_input_files("#read-back", path)
        playwright.expect(opened.page.locator("#status")).to_contain_text("is not a file of decisions")
        opened.press("j", "g")
    assert opened.complaints == []


def test_groups_stand_side_by_side_with_the_suspect_side_marked(open_page: Open) -> None:
    opened = open_page(conflicts_with_images())
    opened.page.click("text=Conflicting duplicates")
    assert opened.page.locator(".group").count() == 2
    tops = opened.page.eval_on_selector_all(".group:first-child .card", "cards => cards.map(card => card.offsetTop)")
    assert len(tops) == 3
    assert len(set(tops)) == 1
    marked = opened.page.eval_on_selector_all(".card.suspect", "cards => cards.map(card => Number(card.dataset.row))")
    assert marked == [10, 70, 30, 40]


def test_curvature_shows_both_ends_of_each_class(open_page: Open) -> None:
    opened = open_page(many_findings())
    assert opened.page.locator("#extremes-list details").count() == 3
    assert opened.page.locator("#extremes-list .row img").count() == 3 * 20


def test_a_page_without_images_works(open_page: Open) -> None:
    opened = open_page(many_findings(), report={"with_images": False})
    opened.press("j", "g")
    assert opened.page.locator("img").count() == 0
    assert opened.decided().startswith("1 decision")
    assert opened.complaints == []


def test_fifty_thousand_findings_open_quickly_and_stay_small(open_page: Open, tmp_path: Path) -> None:
    result = many_findings(60_000, flagged=50_000)
    start = time.perf_counter()
    opened = open_page(result)
    assert (tmp_path / "report.html").stat().st_size < 15_000_000
    assert opened.page.evaluate("performance.now()") < 30_000  # 3 s on an idle machine; benchmarks measure speed
    assert time.perf_counter() > start
    assert len(make_view(result)["label_issues"]) == 400
    assert "The 400 most suspect of 50,000 findings are shown; all of them are in findings.parquet." in opened.page.inner_text(
        "#about"
    )
    opened.page.click("#more")
    assert len(opened.cards()) == 120


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_for_people_with_disabilities(open_page: Open, scheme: str) -> None:
    opened = open_page(many_findings(12, flagged=3), color_scheme=scheme, bypass_csp=True)
    for tab in ("Label issues", "Most suspect"):
        opened.page.click(f"text={tab}")
        opened.press("j", "g")
        assert serious_faults(opened) == []
