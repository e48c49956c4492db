from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import curv_issues
from curv_issues import LabeledData, UsageError, find_leakage, from_arrays
from curv_issues.duplicates.base import BYTES, NEAR, PIXELS
from curv_issues.results.tables import TABLES as RESULT_TABLES
from tests.duplicates.images import brighter, textured

IMAGES = textured(60)
NAMES = ("cat", "dog", "owl")


def data_of(images: np.ndarray, labels: list[int], **changes: object) -> LabeledData:
    return replace(from_arrays(np.ascontiguousarray(images), np.array(labels), class_names=NAMES), **changes)  # type: ignore[arg-type]


@pytest.fixture
def ours() -> LabeledData:
    return data_of(np.concatenate([IMAGES[:30], IMAGES[[4, 4]]]), [i % 3 for i in range(30)] + [1, 0])


@pytest.fixture
def theirs() -> LabeledData:
    copies = [IMAGES[7], IMAGES[4], IMAGES[4], IMAGES[9][:, ::-1], brighter(IMAGES[[11]])[0]]
    return data_of(np.concatenate([IMAGES[40:], copies]), [i % 3 for i in range(20)] + [1, 0, 0, 2, 2])


def listed(table: pd.DataFrame) -> set[tuple[int, int, str, str, bool]]:
    columns = ["row", "other_row", "given", "other_given", "agree"]
    return set(table[columns].itertuples(index=False, name=None))


def test_common_images_with_both_labels(ours: LabeledData, theirs: LabeledData) -> None:
    table, threshold = find_leakage(ours, theirs, device="cpu")
    assert list(table.columns) == RESULT_TABLES["leakage"].names
    assert threshold == 0.9
    # row 4 and its two copies all appear in the other split; the two copies there have one label and count once
    copies = {(4, 21, "dog", "cat", False), (30, 21, "dog", "cat", False), (31, 21, "cat", "cat", True)}
    near = {(9, 23, "cat", "owl", False), (11, 24, "owl", "owl", True)}
    assert listed(table) == {(7, 20, "dog", "dog", True), *copies, *near}
    assert table["agree"].tolist() == [False] * 3 + [True] * 3
    assert table["row"][table["test"] == PIXELS].tolist() == [4, 30, 7, 31]  # equally similar ones by row
    by_row = table.set_index("row")
    assert (by_row["test"][7], by_row["test"][9], by_row["test"][11]) == (PIXELS, NEAR, NEAR)
    assert by_row["mirrored"].to_dict() == {row: row == 9 for row in by_row.index}
    assert by_row["similarity"][4] == 1
    assert (table["similarity"] >= threshold).all()


def test_copies_of_one_row_are_in_the_order_of_the_other_split() -> None:
    ours, theirs = data_of(IMAGES[:20], [0] * 20), data_of(np.concatenate([IMAGES[20:40], IMAGES[[3, 3]]]), [1] * 21 + [2])
    table, _ = find_leakage(ours, theirs, device="cpu")
    assert table[["row", "other_row", "other_given"]].values.tolist() == [[3, 20, "dog"], [3, 21, "owl"]]


def test_swapping_the_splits_swaps_the_columns(ours: LabeledData, theirs: LabeledData) -> None:
    there, _ = find_leakage(ours, theirs, device="cpu")
    back, _ = find_leakage(theirs, ours, device="cpu")
    assert {(b, a) for a, b in zip(back["row"], back["other_row"], strict=True)} >= {
        (a, b) for a, b in zip(there["row"], there["other_row"], strict=True) if a not in (30, 31)
    }


def test_identical_files_are_reported(ours: LabeledData, theirs: LabeledData) -> None:
    mine, other = np.array(ours.file_sha256), np.array(theirs.file_sha256)
    mine[7] = other[20] = "f" * 64
    table, _ = find_leakage(replace(ours, file_sha256=mine), replace(theirs, file_sha256=other), device="cpu")
    assert table.set_index("row")["test"][7] == BYTES


def test_labels_are_compared_by_name(ours: LabeledData, theirs: LabeledData) -> None:
    renamed = replace(theirs, class_names=("dog", "cat", "bird"))
    table, _ = find_leakage(ours, renamed, device="cpu")
    assert not table.set_index("row")["agree"][7]


def test_no_common_images(ours: LabeledData) -> None:
    table, _ = find_leakage(ours, data_of(textured(20, seed=9), [0, 1] * 10), device="cpu")
    assert len(table) == 0
    assert list(table.columns) == RESULT_TABLES["leakage"].names


def test_invalid_options_are_refused(ours: LabeledData, theirs: LabeledData) -> None:
    with pytest.raises(UsageError, match="decoded at 32 pixels, those to compare them with at 16; load both"):
        find_leakage(ours, replace(theirs, images=np.ascontiguousarray(theirs.images[:, ::2, ::2])))
    with pytest.raises(UsageError, match="duplicate_threshold must be a number > 0 and <= 1, got 3"):
        find_leakage(ours, theirs, threshold=3)


def test_audit_lists_the_same_leakage(ours: LabeledData, theirs: LabeledData, tmp_path) -> None:
    result = curv_issues.audit(ours, epochs=2, device="cpu", against=theirs)
    table, threshold = find_leakage(ours, theirs, threshold=result.summary["duplicates"]["threshold"], device="cpu")
    pd.testing.assert_frame_equal(result.leakage, table, check_dtype=False)
    against = result.summary["other_split"]
    assert (against["n"], against["rows"], against["other_rows"], against["differing_rows"]) == (25, 6, 4, 3)
    assert (against["threshold"], against["fingerprint"]) == (threshold, theirs.fingerprint)
    result.save(tmp_path)
    again = curv_issues.AuditResult.load(tmp_path)
    pd.testing.assert_frame_equal(again.leakage, result.leakage)
    pd.testing.assert_frame_equal(curv_issues.rejudge(again, cut_off="5%").leakage, result.leakage)


def test_audit_without_duplicates_also_finds_leakage(ours: LabeledData, theirs: LabeledData) -> None:
    result = curv_issues.audit(ours, epochs=1, device="cpu", duplicates=False, against=theirs)
    pd.testing.assert_frame_equal(result.leakage, find_leakage(ours, theirs, device="cpu")[0], check_dtype=False)
    assert result.summary["duplicates"] is None


def test_audit_without_another_split_has_no_leakage(ours: LabeledData) -> None:
    assert curv_issues.audit(ours, epochs=1, device="cpu").leakage is None
