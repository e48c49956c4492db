"""Build the evidence that needs no training from a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curv_issues.data.base import LabeledData
from curv_issues.duplicates.base import ComparedImages
from curv_issues.findings.judgement import Evidence, OtherSplit
from curv_issues.results.arrow import text_column


def sample_table(data: LabeledData) -> pd.DataFrame:
    """Return one row per sample: `row`, `split`, `path`, `given` (the name of its class)."""
    names = np.array(data.class_names, dtype=object)
    return pd.DataFrame(
        {
            "row": data.rows,
            "split": text_column(data.splits),
            "path": text_column(data.paths),
            "given": text_column(names[data.labels]),
        }
    )


def evidence_of_data(data: LabeledData, **more: Any) -> Evidence:
    """Return the evidence that a dataset gives without training, plus `more` fields of `Evidence`."""
    return Evidence(
        samples=sample_table(data), image_sha256=data.image_sha256, class_names=data.class_names, labels=data.labels, **more
    )


def other_split(others: LabeledData, compared: ComparedImages) -> OtherSplit:
    """Return another split and the image pairs that were compared with it."""
    description = {
        "source": others.source.source,
        "split": others.source.split,
        "n": len(others),
        "fingerprint": others.fingerprint,
    }
    return OtherSplit(compared, sample_table(others), others.image_sha256, description)
