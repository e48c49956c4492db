"""What a kind of finding shows to people beside the list of findings."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Section:
    """A table of a kind, as text.

    Attributes:
        title: a line above it.
        rows: what is shown: text that may hold anything, numbers, or missing values; may be empty.
        text_columns: names of the columns that are text and stand to the left.
        total: number of rows that could be shown.
        remark: a sentence without its full stop, for people; None: nothing to say.
        file: where all rows are; the remark names it.
    """

    title: str
    rows: pd.DataFrame
    total: int
    remark: str | None = None
    file: str | None = None
