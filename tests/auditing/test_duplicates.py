from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import curv_issues
from curv_issues import UsageError, find_duplicates, from_arrays
from curv_issues.results.tables import TABLES as RESULT_TABLES
from tests.duplicates.images import textured

IMAGES = textured(60)


def copied() -> curv_issues.LabeledData:
    images = np.concatenate([IMAGES, IMAGES[[3, 5, 8, 8]]])
    labels = np.concatenate([np.arange(60) % 3, [1, 2, 2, 0]])  # 3 was 0, 5 was 2, 8 was 2
    return from_arrays(images, labels)


def test_groups_without_training() -> None:
    found = find_duplicates(copied(), device="cpu")
    assert sorted(found.conflicts.groupby("group")["row"].apply(list)) == [[3, 60], [8, 62, 63]]
    assert found.same_label["row"].tolist() == [5, 61]
    assert found.threshold == 0.9
    assert list(found.conflicts.columns) == RESULT_TABLES["conflicts"].names
    assert list(found.same_label.columns) == RESULT_TABLES["duplicates"].names
    assert list(found.pairs.columns) == RESULT_TABLES["pairs"].names
    by_row = found.conflicts.set_index("row")
    assert by_row["suspect"].to_dict() == {3: True, 60: True, 8: False, 62: False, 63: True}  # a tie: both are suspect
    assert by_row["suggested"][63] == "2"
    assert by_row["probability"].isna().all()


def test_predicted_probabilities_decide_which_label_is_wrong() -> None:
    data = copied()
    pred_probs = np.full((64, 3), 0.05)
    pred_probs[np.arange(64), data.labels] = 0.9
    pred_probs[60] = pred_probs[3]
    found = find_duplicates(data, pred_probs=pred_probs, device="cpu")
    assert found.conflicts.set_index("row")["suspect"].to_dict() == {3: False, 60: True, 8: False, 62: False, 63: True}


def test_audit_finds_the_same_groups() -> None:
    data = copied()
    found = find_duplicates(data, device="cpu")
    result = curv_issues.audit(data, epochs=1, device="cpu")
    columns = ["row", "given", "similarity", "test"]
    by_row = [table[columns].sort_values("row", ignore_index=True) for table in (found.conflicts, result.conflicts)]
    pd.testing.assert_frame_equal(*by_row, check_dtype=False)


def test_threshold() -> None:
    assert find_duplicates(copied(), threshold=0.95, device="cpu").threshold == 0.95
    with pytest.raises(UsageError, match="duplicate_threshold must be a number > 0 and <= 1, got 0"):
        find_duplicates(copied(), threshold=0)
