"""`curv-issues review` as a person uses it: the command in a process of its own, the page in a browser."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curv_issues.review.decisions import read_decisions
from tests.browser.conftest import Opened, playwright
from tests.cli.running import check_error, command, environment
from tests.report.pages import many_findings


@pytest.fixture
def result_folder(tmp_path: Path) -> Path:
    return many_findings().save(tmp_path / "photos-audit")


@pytest.fixture
def served(result_folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a running review, and its process."""
    line = [sys.executable, "-m", "curv_issues", "review", str(result_folder), "--no-browser"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip(), process
    process.kill()
    process.communicate()


def open_tab(context: Any, address: str) -> Opened:
    opened = Opened(context.new_page())
    opened.page.goto(address)
    opened.page.wait_for_selector(".card")
    return opened


def test_two_tabs_decide_and_lose_nothing(browser: Any, served: tuple[str, subprocess.Popen[str]], result_folder: Path) -> None:
    address, process = served
    context = browser.new_context()
    first, second = open_tab(context, address), open_tab(context, address)
    rows = first.cards()
    first.press("j", "g")
    playwright.expect(first.page.locator("#review")).to_contain_text("saved")
    second.press("j", "j", "r")
    playwright.expect(second.page.locator("#count")).to_contain_text("2 decisions")
    playwright.expect(first.page.locator("#count")).to_contain_text("2 decisions")  # of the other tab
    assert {each.row: each.action for each in read_decisions(result_folder / "decisions.json")} == {
        rows[0]: "keep",
        rows[1]: "relabel",
    }
    first.press("z")
    playwright.expect(first.page.locator("#count")).to_contain_text("1 decision;")
    assert [each.row for each in read_decisions(result_folder / "decisions.json")] == [rows[1]]
    assert all(url.startswith(address) for tab in (first, second) for url in tab.requests)
    assert first.complaints == second.complaints == []

    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=30)
    assert process.returncode == 0
    assert messages.splitlines()[-1] == f"1 decision in {result_folder / 'decisions.json'}."
    first.press("k", "x")
    playwright.expect(first.page.locator("#status")).to_contain_text("NOT saved")
    context.close()


def test_a_second_review_of_the_folder_is_refused(served: tuple[str, subprocess.Popen[str]], result_folder: Path) -> None:
    assert served[0]
    check_error(command("review", result_folder, "--no-browser", cwd=result_folder.parent), 2, "photos-audit")


def test_a_port_in_use_is_refused(served: tuple[str, subprocess.Popen[str]], tmp_path: Path) -> None:
    port = served[0].split(":")[2].partition("/")[0]
    other = many_findings().save(tmp_path / "other")
    check_error(command("review", other, "--no-browser", "--port", port, cwd=tmp_path), 2, f"Port {port} cannot be used", "--port")


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    check_error(command("review", tmp_path, "--no-browser", cwd=tmp_path), 2, "is not a result folder")
