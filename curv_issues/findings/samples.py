"""The samples of a dataset as a table: the columns that every table of a result begins with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curv_issues.data.base import LabeledData
from curv_issues.tables import text_column


def sample_table(data: LabeledData) -> pd.DataFrame:
    """A row a sample: `row`, `split`, `path`, `given` (the name of its class)."""
    names = np.array(data.class_names, dtype=object)
    return pd.DataFrame(
        {
            "row": data.rows,
            "split": text_column(data.splits),
            "path": text_column(data.paths),
            "given": text_column(names[data.labels]),
        }
    )
