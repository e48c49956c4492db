"""Draw the contact sheet of an audit."""

from __future__ import annotations

import pandas as pd
from PIL import Image

from curv_issues.data.base import LabeledData
from curv_issues.report.contact_sheet import contact_sheet

SHEET_IMAGES = 50


def draw_sheet(data: LabeledData, scores: pd.DataFrame) -> bytes | None:
    """Return a contact sheet (PNG) of the most suspect samples, flagged or not; None without images."""
    if data.images is None:
        return None
    top = scores.sort_values(["suspicion", "row"], ascending=[False, True], kind="stable").head(SHEET_IMAGES)
    name = " ".join(part for part in (data.source.source, data.source.split) if part)
    return contact_sheet(
        (_image_or_none(data, index) for index in top.index),  # one at a time, as an image may take hundreds of megabytes
        list(zip(top["given"], top["suggested"], top["suspicion"], strict=True)),
        title=f"Most suspect labels of {name}",
        subtitle=f"{int(scores['flagged'].sum()):,} of {len(scores):,} labels flagged (framed); given, suggested class, suspicion",
        rows=top["row"].tolist(),
        marked=top["flagged"].tolist(),
    )


def _image_or_none(data: LabeledData, index: int) -> Image.Image | None:
    """Return an image; None if it cannot be read any more, which must not fail the audit."""
    try:
        return data.image(index)
    except Exception:
        return None
