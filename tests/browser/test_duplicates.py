"""The page of a search for duplicates in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curv_issues.auditing.search_page import search_page
from tests.auditing.test_duplicate_search import search
from tests.browser.conftest import Opened, serious_faults
from tests.duplicates.photos import photo, save, write_photos

OpenSearch = Callable[..., Opened]


@pytest.fixture
def open_search(open_file: OpenSearch, tmp_path: Path) -> OpenSearch:
    def open_it(folder: Path, against: Path | None = None, **options: Any) -> Opened:
        path = tmp_path / "report.html"
        if not path.exists():
            path.write_bytes(search_page(search(folder, against)))
        return open_file(path, **options)

    return open_it


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


def paths(opened: Opened) -> list[str]:
    return opened.page.locator(".card .name").all_inner_texts()


def saved(opened: Opened) -> tuple[str, str]:
    """Save the list and return its name and content."""
    with opened.page.expect_download() as started:
        opened.page.click("#download")
    return started.value.suggested_filename, Path(started.value.path()).read_text()


def test_opens_from_disk_without_requests_and_complaints(open_search: OpenSearch, photos: Path) -> None:
    opened = open_search(photos)
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.page.url]
    assert opened.complaints == []
    assert len(opened.cards()) == 7
    assert opened.page.evaluate("Promise.all([...document.images].map(image => image.decode())).then(() => true)")
    assert opened.decided().startswith("4 files to remove (")


def test_the_list_of_files_follows_the_keys(open_search: OpenSearch, photos: Path) -> None:
    opened = open_search(photos)
    name, content = saved(opened)  # "0 small.jpg" has a space
    assert name == "files-to-remove0.txt"
    copies = ("0 small.jpg", "1-high.jpg", "1-low.jpg", "2.png")
    assert set(content.split("\0")[:-1]) == {str(photos / "copies" / each) for each in copies}
    assert "xargs -0 rm -- < files-to-remove0.txt" in opened.status()
    opened.page.fill("#search", "2.png")
    opened.press("Escape", "j", "x")
    assert "keep another one first" in opened.status()
    opened.press("j", "g", "k", "x")
    assert opened.status() == "2.png: to be removed."
    assert {str(photos / "2.png")} == {file for file in saved(opened)[1].split("\0") if file.endswith("2.png")}
    opened.press("z", "z")
    assert saved(opened)[1] == content


def test_a_list_of_plain_names_has_lines(open_search: OpenSearch, tmp_path: Path) -> None:
    save(tmp_path / "photos", "1.png", photo(1))
    save(tmp_path / "photos", "1.jpg", photo(1), quality=95)
    save(tmp_path / "photos", "2.png", photo(2))
    assert saved(open_search(tmp_path / "photos")) == ("files-to-remove.txt", f"{tmp_path / 'photos' / '1.jpg'}\n")


def test_choices_survive_a_reload(open_search: OpenSearch, photos: Path) -> None:
    first = open_search(photos)
    first.press("j", "j", "g")
    again = open_search(photos, context=first.page.context)
    assert again.decided() == first.decided()
    assert again.decided().startswith("3 files")


def test_filters_and_sorting(open_search: OpenSearch, photos: Path) -> None:
    opened = open_search(photos)
    opened.page.select_option("[data-filter=found]", "identical")
    assert paths(opened) == ["2.png", "copies/2.png"]
    opened.page.select_option("[data-filter=found]", "")
    opened.page.select_option("[data-filter=sort]", "images")
    assert paths(opened)[0] == "1.png"
    opened.page.select_option("[data-filter=status]", "changed")
    assert paths(opened) == []


def test_images_of_the_other_dataset_are_never_removed(open_search: OpenSearch, photos: Path, tmp_path: Path) -> None:
    save(tmp_path / "old", '"><img src=x onerror=alert(1)>.png', photo(1))
    opened = open_search(photos, tmp_path / "old")
    assert opened.complaints == []
    assert paths(opened)[0] == '"><img src=x onerror=alert(1)>.png'
    opened.press("j", "x")
    assert "is not a file that can be removed" in opened.status()
    assert saved(opened)[1].split("\n")[:-1] == [str(photos / path) for path in paths(opened)[1:]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_for_people_with_disabilities(open_search: OpenSearch, photos: Path, scheme: str) -> None:
    opened = open_search(photos, color_scheme=scheme, bypass_csp=True, viewport={"width": 400, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 400
    assert serious_faults(opened) == []
