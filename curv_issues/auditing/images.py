"""Make what the report shows of the data of a finished audit: contact sheet, thumbnails, and text of columns."""

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
        tables: `thumbnails`, without rows for images that cannot be read any more; see `TABLES`.
    """

    contact_sheet: bytes
    tables: dict[str, pd.DataFrame]


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
            reduced[index] = reduced_image(data, index)
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
    return DrawnImages(sheet, {"thumbnails": pd.DataFrame(found, columns=TABLES["thumbnails"].names)})


def shown_table(data: LabeledData, result: AuditResult) -> pd.DataFrame:
    """Return the text of each sample that the report shows; see `TABLES`."""
    cards = choose(result).cards
    found = [(int(data.rows[index]), name, texts[index]) for index in cards for name, texts in data.shown.items()]
    return pd.DataFrame(found, columns=TABLES["shown"].names)


def reduced_image(data: LabeledData, index: int) -> Image.Image | None:
    """Return an image of the size of a card at most; None if it cannot be read any more, which must not fail the audit."""
    try:
        image = as_rgb(data.image(index))
        image.thumbnail((SIDES[CARD], SIDES[CARD]), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return image
    except Exception:
        return None
