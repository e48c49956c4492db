"""Pictures of one dataset that stand in another, such as the training pictures of a test split, with both labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curv_issues.config import DuplicateOptions
from curv_issues.data.against import check_comparable
from curv_issues.data.base import LabeledData, check_type
from curv_issues.duplicates.base import ComparedPictures
from curv_issues.findings.samples import sample_table
from curv_issues.result_tables import TABLES


def find_overlap(
    data: LabeledData, others: LabeledData, *, threshold: float | None = None, device: str = "auto"
) -> tuple[pd.DataFrame, float]:
    """List the pictures of one dataset that stand in another, identical or nearly so.

    Args:
        data: n samples.
        others: m samples, at the same resolution; classes are the same if their names are.
        threshold: similarity from which on pictures count as the same, above 0, at most 1; None: from the data.
        device: as in `TrainingOptions`.

    Returns:
        A row a pair of pictures, those with differing labels first, then the most similar: `row`, `split`, `path`, `given` in
        `data`, `other_row`, `other_split`, `other_path`, `other_given` in `others`, `similarity`, `test` (identical bytes,
        identical pixels, near), `mirrored`, `agree` (bool); and the threshold. Of identical pictures in `others` under one label,
        the first stands for all.

    Raises:
        UsageError: the resolutions differ, or an option is wrong.
    """
    from curv_issues.duplicates.search import compare_between  # imports torch, which errors above need not wait for

    wanted = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    check_type(data)
    check_type(others)
    check_comparable(data, others)
    compared = compare_between(data, others, threshold=wanted, device=device)
    return overlap_table(compared, data, others), compared.threshold


def overlap_table(compared: ComparedPictures, data: LabeledData, others: LabeledData) -> pd.DataFrame:
    """The pairs that show the same, with their labels; see `find_overlap`."""
    same = compared.same()
    # one picture stood for all that are identical to it: bring them back, of the others one a label
    pairs = pd.DataFrame(
        {
            "hash": data.image_sha256[same.first],
            "other_hash": others.image_sha256[same.second],
            "similarity": same.similarity.astype(np.float64),
            "test": same.test,
            "mirrored": same.mirrored,
        }
    )
    mine = sample_table(data).assign(hash=data.image_sha256)
    theirs = sample_table(others).assign(other_hash=others.image_sha256).rename(columns=lambda name: _OTHER.get(name, name))
    theirs = theirs.drop_duplicates(["other_hash", "other_given"])
    table = pairs.merge(mine, on="hash").merge(theirs, on="other_hash")
    table["agree"] = (table["given"] == table["other_given"]).astype(bool)
    table = table.sort_values(["agree", "similarity", "row", "other_row"], ascending=[True, False, True, True], kind="stable")
    return table[TABLES["overlap"].names].reset_index(drop=True)


_OTHER = {name: f"other_{name}" for name in ("row", "split", "path", "given")}
