from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import curv_issues
from curv_issues import UsageError, find_copies, find_duplicates, from_arrays
from curv_issues.results.arrow import conform, schema_of
from curv_issues.results.search_tables import COPIES, GROUPS
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


class TestGroups:
    def test_one_image_of_each_group_is_kept(self) -> None:
        images = np.concatenate([IMAGES, IMAGES[[3, 5, 8, 8]], IMAGES[3:4] + 20])
        data = from_arrays(images, np.arange(65) % 3)
        sizes, lossless = data.sizes.copy(), data.is_lossless.copy()
        sizes[62] = [40, 40]  # a copy of 8
        lossless[64] = True
        found = find_duplicates(replace(data, sizes=sizes, is_lossless=lossless), device="cpu").groups
        assert list(found.columns) == GROUPS.names
        assert [(group, row, keep) for group, row, keep in zip(found["group"], found["row"], found["keep"], strict=True)] == [
            (0, 5, True),
            (0, 61, False),
            (1, 62, True),
            (1, 8, False),
            (1, 63, False),
            (2, 64, True),
            (2, 3, False),
            (2, 60, False),
        ]
        by_row = found.set_index("row")
        assert by_row["test"].isna().tolist() == by_row["keep"].tolist()
        assert by_row["test"].dropna().to_dict() == {
            **dict.fromkeys((3, 60), "near"),
            **dict.fromkeys((61, 8, 63), "identical pixels"),
        }
        assert by_row["similarity"].isna().tolist() == by_row["keep"].tolist()
        assert by_row["similarity"][61] == 1
        assert 0.9 < by_row["similarity"][3] < 1
        assert by_row.loc[62, ["height", "width", "bytes"]].tolist() == [40, 40, 0]

    def test_turned_images(self) -> None:
        images = np.concatenate([IMAGES[:30], np.rot90(IMAGES[4], -1)[None], IMAGES[7][None, ::-1]])  # clockwise; upside down
        data = from_arrays(images, np.arange(32) % 2)
        assert find_duplicates(data, device="cpu").groups.empty
        found = find_duplicates(data, turned=True, device="cpu").groups.set_index("row")
        assert found["turned"].to_dict() == {4: 0, 30: 90, 7: 0, 31: 180}
        assert found["mirrored"].to_dict() == {4: False, 30: False, 7: False, 31: True}
        larger = data.sizes.copy()
        larger[30] = 99  # now the other one is kept, and 4 is turned the other way
        found = find_duplicates(replace(data, sizes=larger), turned=True, device="cpu").groups.set_index("row")
        assert found["turned"].to_dict() == {30: 0, 4: 270, 7: 0, 31: 180}

    def test_no_duplicates(self) -> None:
        found = find_duplicates(from_arrays(IMAGES[:20], np.arange(20) % 2), device="cpu").groups
        assert len(found) == 0
        assert list(found.columns) == GROUPS.names
        conform(found, schema_of(GROUPS), table="groups")

    def test_types_are_those_of_the_table(self) -> None:
        found = find_duplicates(copied(), device="cpu").groups
        expected = conform(found, schema_of(GROUPS), table="groups")
        pd.testing.assert_frame_equal(found, expected)

    def test_features_without_images(self) -> None:
        values = np.random.default_rng(0).normal(size=(40, 20))
        values[30] = values[2]
        found = find_duplicates(curv_issues.from_features(values, np.arange(40) % 2), device="cpu").groups
        assert found[["row", "keep"]].to_numpy().tolist() == [[2, True], [30, False]]


class TestCopies:
    def test_images_that_appear_in_other_data(self) -> None:
        data = from_arrays(np.concatenate([IMAGES[:20], IMAGES[3:4]]), np.arange(21) % 3)
        others = from_arrays(np.concatenate([IMAGES[40:], IMAGES[[3, 5]], IMAGES[3:4] + 20, IMAGES[7:8] // 2]), np.arange(24) % 2)
        found, threshold = find_copies(data, others, device="cpu")
        assert list(found.columns) == COPIES.names
        assert threshold == 0.9
        assert found[["row", "other_row", "test"]].to_numpy().tolist() == [
            [3, 20, "identical pixels"],
            [5, 21, "identical pixels"],
            [20, 20, "identical pixels"],
            [7, 23, "near"],
        ]
        pd.testing.assert_frame_equal(found, conform(found, schema_of(COPIES), table="copies"))

    def test_the_most_similar_image_is_named(self) -> None:
        data = from_arrays(IMAGES[:10], np.arange(10) % 2)
        others = from_arrays(np.concatenate([IMAGES[3:4] // 2 + 60, IMAGES[20:30], IMAGES[3:4] + 1]), np.arange(12) % 2)
        found, _ = find_copies(data, others, device="cpu")
        assert found[["row", "other_row"]].to_numpy().tolist() == [[3, 11]]

    def test_identical_images_come_before_near_ones(self) -> None:
        data = from_arrays(IMAGES[:10], np.arange(10) % 2)
        others = from_arrays(np.concatenate([IMAGES[4:5] + 1, IMAGES[20:30], IMAGES[4:5], IMAGES[4:5] + 2]), np.arange(13) % 2)
        found, _ = find_copies(data, others, device="cpu")
        assert found[["row", "other_row", "similarity"]].to_numpy().tolist() == [[4, 11, 1.0]]

    def test_turned_images(self) -> None:
        data = from_arrays(np.concatenate([IMAGES[:10], np.rot90(IMAGES[30], -1)[None]]), np.arange(11) % 2)
        others = from_arrays(IMAGES[20:], np.arange(40) % 2)
        assert len(find_copies(data, others, device="cpu")[0]) == 0
        found, _ = find_copies(data, others, turned=True, device="cpu")
        assert found[["row", "other_row", "mirrored", "turned"]].to_numpy().tolist() == [[10, 10, False, 90]]

    def test_wrong_arguments(self) -> None:
        data = from_arrays(IMAGES[:6], np.arange(6) % 2)
        with pytest.raises(UsageError, match="must be a number > 0 and <= 1"):
            find_copies(data, data, threshold=2)
        with pytest.raises(UsageError, match="Expected LabeledData"):
            find_copies(data, "photos")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="decoded at 32 pixels, those to compare them with at 16"):
            find_copies(data, from_arrays(IMAGES[:6], np.arange(6) % 2, resolution=16))
        found, _ = find_copies(data, from_arrays(IMAGES[40:44], np.arange(4) % 2), threshold=0.99, device="cpu")
        assert (len(found), list(found.columns)) == (0, COPIES.names)
