"""Find groups of duplicate images, without training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from curv_issues.data.base import LabeledData, check_type
from curv_issues.duplicates.table import pairs_table
from curv_issues.findings.judgement import judge
from curv_issues.findings.samples import evidence_of_data
from curv_issues.options import DuplicateOptions, FindingOptions
from curv_issues.results.kinds import DUPLICATE_CONFLICT


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Duplicate images, identical or nearly so.

    Attributes:
        conflicts: one row per member of a group whose labels differ, columns as in conflicts.parquet: `group`, `row`, `split`,
            `path`, `given`, `suspect`, `suggested`, `similarity`, `test`, `majority`, `probability`, `neighbours`.
        same_label: one row per member of a group with one label, columns as in duplicates.parquet.
        pairs: one row per compared pair with a similarity >= 0.5, columns as in pairs.parquet.
        threshold: minimum similarity at which two images count as duplicates.
    """

    conflicts: pd.DataFrame
    same_label: pd.DataFrame
    pairs: pd.DataFrame
    threshold: float


def find_duplicates(
    data: LabeledData,
    *,
    pred_probs: np.ndarray | None = None,
    features: np.ndarray | None = None,
    threshold: float | None = None,
    device: str = "auto",
) -> Duplicates:
    """Find duplicate images, identical or nearly so, and conflicts between their labels, without training.

    `audit` includes this search, and also uses the features and probabilities of its probe.

    Args:
        data: n samples; see `from_arrays` and `load_data`.
        pred_probs: float (n, k), class probabilities from your own model; without them, the suspect members are found from the
            majority of the group and from `features`.
        features: float (n, d) from your own model, for more candidate pairs and for the labels of similar images.
        threshold: minimum similarity of aligned pixels at which two images count as duplicates, in (0, 1]; None: from the data.
        device: as in `TrainingOptions`.

    Raises:
        UsageError: an option is wrong.
    """
    check_type(data)
    wanted = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    from curv_issues.duplicates.search import compare_within  # imports torch, so only after the checks above

    compared = compare_within(data, features=features, threshold=wanted, device=device)
    evidence = evidence_of_data(data, compared=compared, pred_probs=pred_probs, features=features)
    tables = judge(evidence, FindingOptions(), kinds=[DUPLICATE_CONFLICT]).tables
    return Duplicates(tables["conflicts"], tables["duplicates"], pairs_table(compared, data.rows), compared.threshold)
