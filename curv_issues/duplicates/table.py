"""Convert compared images to a table of a result and back, so that another threshold needs no new search."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curv_issues.duplicates.base import ComparedImages

COLUMNS = ("first", "second", "similarity", "test", "mirrored")
KEPT_FROM = 0.5
"""Minimum similarity of the pairs in the table, unless the threshold is lower."""


def pairs_table(compared: ComparedImages, rows: np.ndarray) -> pd.DataFrame:
    """Return the sufficiently similar pairs, most similar first, with row numbers instead of positions.

    Args:
        compared: pairs within one dataset of n samples.
        rows: int64 (n,), the row number of each sample.
    """
    kept = compared.taken(compared.similarity >= min(KEPT_FROM, compared.threshold))
    table = pd.DataFrame({name: getattr(kept, name) for name in COLUMNS})
    table = table.assign(first=rows[kept.first], second=rows[kept.second], similarity=kept.similarity.astype(np.float64))
    return table.sort_values(["similarity", "first", "second"], ascending=[False, True, True], kind="stable", ignore_index=True)


def compared_images(table: pd.DataFrame, rows: np.ndarray, threshold: float) -> ComparedImages:
    """Return the pairs of such a table, with a threshold."""
    position = pd.Series(np.arange(len(rows)), index=rows)
    return ComparedImages(
        first=position[table["first"]].to_numpy(),
        second=position[table["second"]].to_numpy(),
        similarity=table["similarity"].to_numpy(dtype=np.float32),
        test=table["test"].to_numpy(dtype=object),
        mirrored=table["mirrored"].to_numpy(),
        turns=np.zeros(len(table), dtype=np.int64),
        threshold=threshold,
    )
