"""The page of a search for duplicates: search -> view -> page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curv_issues.auditing.images import reduced_image
from curv_issues.data.image_files import image_files
from curv_issues.report.duplicates_view import duplicates_view
from curv_issues.report.html.page import render_page
from curv_issues.report.thumbnails import CARD, thumbnail

if TYPE_CHECKING:
    from curv_issues.auditing.duplicate_search import DuplicateSearch


def search_page(found: DuplicateSearch) -> bytes:
    """Return the page of a search as HTML, UTF-8: one file that needs no network and has at most about 15 MB."""

    def thumbnail_of(row: int, of_other: bool) -> bytes | None:
        data = found.others if of_other else found.data
        assert data is not None
        image = reduced_image(data, int(np.searchsorted(data.rows, row)))
        return None if image is None else thumbnail(image, CARD)

    view = duplicates_view(found.table, found.summary, _files_to_choose_from(found), thumbnail_of)
    return render_page(view, page="duplicates").encode("utf-8", "backslashreplace")


def _files_to_choose_from(found: DuplicateSearch) -> list[str | None]:
    """Return the files that a person may remove: also the kept image of a group, unless a link leads to it."""
    if found.name == "copies":
        return found.files.tolist()
    data, table = found.data, found.table
    files = np.where(table["keep"], image_files(data, np.searchsorted(data.rows, table["row"])), found.files)
    is_link = ~table["keep"].to_numpy() & np.array([file is None for file in found.files], dtype=bool)
    fixed = set(table["group"][is_link])
    return [
        None if keep and group in fixed else file for file, keep, group in zip(files, table["keep"], table["group"], strict=True)
    ]
