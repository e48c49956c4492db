"""What the page of a search for duplicates shows."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curv_issues.auditing.search_page import search_page
from curv_issues.report.duplicates_view import duplicates_view
from tests.auditing.test_duplicate_search import search
from tests.duplicates.photos import photo, save, write_photos


def view_of(page: bytes) -> dict[str, Any]:
    (data,) = re.findall(r'<script type="application/json" id="view">(.*?)</script>', page.decode(), flags=re.DOTALL)
    return json.loads(data)


def removable(view: dict[str, Any]) -> list[list[tuple[str, bool, bool]]]:
    """Return path, whether it is kept, and whether it can be removed, of the images of each group."""
    groups = [[(card["path"], card["keep"], card["file"] is not None) for card in group] for group in view["groups"]]
    return sorted(groups)


def test_groups_begin_with_the_image_to_keep(tmp_path: Path) -> None:
    view = view_of(search_page(search(write_photos(tmp_path), turned=True)))
    assert removable(view) == [
        [("0.png", True, True), ("copies/0 small.jpg", False, True)],
        [("1.png", True, True), ("copies/1-high.jpg", False, True), ("copies/1-low.jpg", False, True)],
        [("2.png", True, True), ("copies/2.png", False, True)],
        [("3.png", True, True), ("copies/3-turned.jpg", False, True)],
    ]
    cards = {card["path"]: card for group in view["groups"] for card in group}
    assert cards["copies/3-turned.jpg"]["orientation"] == "90°"
    assert cards["copies/0 small.jpg"]["pixels"] == "48 x 48"
    assert cards["copies/2.png"]["file"] == str(tmp_path / "copies/2.png")
    uri = view["images"][cards["copies/0 small.jpg"]["image"]]
    assert Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).size == (48, 48)
    assert ["Images", "13"] in view["facts"]
    assert view["headline"].startswith("4 groups of duplicates; 5 images")


def test_copies_stand_beside_the_image_of_the_other_dataset(tmp_path: Path) -> None:
    write_photos(tmp_path / "new")
    save(tmp_path / "old", "one.png", photo(1))
    view = view_of(search_page(search(tmp_path / "new", tmp_path / "old")))
    ((other, *copies),) = view["groups"]
    assert (other["path"], other["is_other"], other["file"]) == ("one.png", True, None)
    assert other["image"] is not None
    assert {card["path"] for card in copies} == {"1.png", "copies/1-high.jpg", "copies/1-low.jpg"}
    assert not any(card["keep"] or card["is_other"] for card in copies)


def test_a_file_with_links_to_it_stays(tmp_path: Path) -> None:
    save(tmp_path / "photos", "1.png", photo(1))
    save(tmp_path / "photos", "2.png", photo(2))
    (tmp_path / "linked").symlink_to(tmp_path / "photos")
    found = search([str(tmp_path / "photos" / "1.png"), str(tmp_path / "linked" / "1.png"), str(tmp_path / "photos" / "2.png")])
    assert found.summary["num_links"] == 1
    assert [file for _, _, file in removable(view_of(search_page(found)))[0]] == [False, False]


def test_names_that_are_not_text_cannot_be_removed_by_the_page(tmp_path: Path) -> None:
    write_photos(tmp_path)
    try:
        os.rename(tmp_path / "copies/2.png", os.fsencode(tmp_path) + b"/copies/\xff.png")
    except OSError:
        pytest.skip("this file system has no such names")
    groups = removable(view_of(search_page(search(tmp_path))))
    assert [can_be_removed for group in groups for path, _, can_be_removed in group].count(False) == 1


def test_an_image_that_is_gone_leaves_a_gap(tmp_path: Path) -> None:
    found = search(write_photos(tmp_path))
    (tmp_path / "copies/2.png").unlink()
    cards = {card["path"]: card for group in view_of(search_page(found))["groups"] for card in group}
    assert (cards["copies/2.png"]["image"], cards["copies/2.png"]["file"]) == (None, str(tmp_path / "copies/2.png"))
    assert cards["2.png"]["image"] is not None


def test_groups_are_shown_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    found = search(write_photos(tmp_path))
    view = duplicates_view(found.table, found.summary, found.files.tolist(), lambda row, of_other: b"image", most=4)
    assert [len(group) for group in view["groups"]] == [2, 2]
    assert view["num_groups"] == 3


def test_no_duplicates(tmp_path: Path) -> None:
    save(tmp_path, "1.png", photo(1))
    save(tmp_path, "2.png", photo(2))
    view = view_of(search_page(search(tmp_path)))
    assert (view["groups"], view["images"]) == ([], [])
