"""find_duplicates(): groups of images that show the same, without a training."""

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
    """Images that show the same.

    Attributes:
        conflicts: a row a member of a group whose labels differ, columns as in conflicts.parquet: `group`, `row`, `split`, `path`,
            `given`, `suspect`, `suggested`, `similarity`, `test`, `majority`, `probability`, `neighbours`.
        same_label: the same for groups under one label, columns as in duplicates.parquet.
        pairs: a row a pair of compared images at least 0.5 alike, columns as in pairs.parquet.
        threshold: similarity from which on images count as the same.
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
    """Find images that show the same, identical or nearly so, and those of them under different labels, without a training.

    `audit` does this too, with a probe's features and probabilities as further candidates and evidence.

    Args:
        data: n samples; see `from_arrays` and `load_data`.
        pred_probs: float (n, k), probabilities of the classes from a model of yours; without them the suspect members are told by
            the majority of the group, and by `features`.
        features: float (n, d) of a model of yours, for more candidates and for the labels of similar images.
        threshold: similarity of aligned pixels from which on images count as the same, above 0, at most 1; None: from the data.
        device: as in `TrainingOptions`.

    Raises:
        UsageError: an option is wrong.
    """
    check_type(data)
    wanted = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    from curv_issues.duplicates.search import compare_within  # imports torch, which errors above need not wait for

    compared = compare_within(data, features=features, threshold=wanted, device=device)
    evidence = evidence_of_data(data, compared=compared, pred_probs=pred_probs, features=features)
    tables = judge(evidence, FindingOptions(), kinds=[DUPLICATE_CONFLICT]).tables
    return Duplicates(tables["conflicts"], tables["duplicates"], pairs_table(compared, data.rows), compared.threshold)
