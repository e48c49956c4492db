"""The section of a text report that a kind of finding fills."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Section:
    """A table of one kind, to be shown as text.

    Attributes:
        title: line above the table.
        rows: the rows shown: unsanitised text, numbers or missing values; may be empty.
        remark: sentence without its full stop; None: no remark.
        file: file with all rows, which the remark names.
    """

    title: str
    rows: pd.DataFrame
    remark: str | None = None
    file: str | None = None
