"""A headless browser. Without Playwright or Chromium the tests of this folder are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curv_issues.report.writing import report_page
from curv_issues.results.result import AuditResult

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs the browser Chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page in the browser, with everything that it requested and complained about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def cards(self) -> list[int]:
        """Return the rows of the cards, in their order on the page."""
        return self.page.eval_on_selector_all(".card", "cards => cards.map(card => Number(card.dataset.row))")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def status(self) -> str:
        return self.page.inner_text("#status")

    def decided(self) -> str:
        return self.page.inner_text("#count")


def serious_faults(opened: Opened) -> list[tuple[str, list[str]]]:
    """Return what axe-core finds that hinders people with disabilities; the page must be open with bypass_csp=True."""
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="needs the package axe-core-python")
    return [
        (fault["id"], [node["html"][:200] for node in fault["nodes"][:3]])
        for fault in axe.Axe().run(opened.page)["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


Open = Callable[..., Opened]


@pytest.fixture
def open_file(browser: Any) -> Iterator[Open]:
    """Open a page from disk. A page of the same context sees the same storage of the browser."""
    contexts = []

    def open_it(path: Path, *, context: Any = None, **options: Any) -> Opened:
        if context is None:
            context = browser.new_context(**options)
            contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.goto(path.as_uri())
        opened.page.wait_for_selector(".card")
        return opened

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(open_file: Open, tmp_path: Path) -> Open:
    """Open the page of a result from disk; see `open_file`."""

    def open_it(result: AuditResult, *, name: str = "report.html", **options: Any) -> Opened:
        path = tmp_path / name
        path.write_bytes(report_page(result, **options.pop("report", {})))
        return open_file(path, **options)

    return open_it
