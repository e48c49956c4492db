"""Draw the images of a finished audit: the contact sheet, and the thumbnails for the report."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from PIL import Image

from curv_issues.data.base import LabeledData
from curv_issues.report.choice import choose
from curv_issues.report.contact_sheet import as_rgb, contact_sheet
from curv_issues.report.thumbnails import CARD, SIDES, SMALL, thumbnail
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import TABLES

SHEET_IMAGES = 50


class DrawnImages(NamedTuple):
    """What is drawn of the images of an audit.

    Attributes:
        contact_sheet: PNG of the most suspect samples, flagged or not.
        thumbnails: see `TABLES`; without rows for images that cannot be read any more.
    """

    contact_sheet: bytes
    thumbnails: pd.DataFrame


def draw_images(data: LabeledData, result: AuditResult) -> DrawnImages | None:
    """Return contact sheet and thumbnails; None without images.

    Args:
        data: the samples that were audited.
        result: of the audit.
    """
    if data.images is None:
        return None
    choice, rows = choose(result), data.rows.tolist()
    reduced: dict[int, Image.Image | None] = {}

    def card(index: int) -> Image.Image | None:
        """Return the reduced image, which is kept: an image of native size may take hundreds of megabytes."""
        if index not in reduced:
            reduced[index] = _reduced(data, index)
        return reduced[index]

    scores = result.scores
    top = scores.sort_values(["suspicion", "row"], ascending=[False, True], kind="stable").head(SHEET_IMAGES)
    name = " ".join(part for part in (data.source.source, data.source.split) if part)
    sheet = contact_sheet(
        map(card, top.index),
        list(zip(top["given"], top["suggested"], top["suspicion"], strict=True)),
        title=f"Most suspect labels of {name}",
        subtitle=f"{int(scores['flagged'].sum()):,} of {len(scores):,} labels flagged (framed); given, suggested class, suspicion",
        rows=top["row"].tolist(),
        marked=top["flagged"].tolist(),
    )
    found = [(rows[index], CARD, thumbnail(image, CARD)) for index in choice.cards if (image := card(index)) is not None]
    found += [(rows[index], SMALL, thumbnail(data.probe_image(index), SMALL)) for index in choice.small]
    return DrawnImages(sheet, pd.DataFrame(found, columns=TABLES["thumbnails"].names))


def _reduced(data: LabeledData, index: int) -> Image.Image | None:
    """Return an image of the size of a card at most; None if it cannot be read any more, which must not fail the audit."""
    try:
        image = as_rgb(data.image(index))
        image.thumbnail((SIDES[CARD], SIDES[CARD]), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return image
    except Exception:
        return None
