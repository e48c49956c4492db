from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings

from curv_issues.duplicates.base import BYTES, NEAR, PIXELS, ComparedImages
from curv_issues.findings.duplicate_conflict import find_duplicate_conflicts, group_tables
from curv_issues.results.arrow import conform, schema_of
from curv_issues.results.tables import TABLES as RESULT_TABLES
from tests.duplicates.links import cases, compared, labels_of, near, reference_groups
from tests.made_up import result_parts

CLASSES = ("dog", "cat", "bird")


def tables(pairs: ComparedImages, labels: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of a dataset whose sample i has row 10 i and the path "i.png"."""
    n = len(labels)
    scores = result_parts(n=n, paths=[f"{i}.png" for i in range(n)])["scores"]
    scores["given"] = np.array(CLASSES)[labels]
    pred_probs = np.random.default_rng(0).dirichlet(np.ones(3), n).astype(np.float16)
    features = np.random.default_rng(1).normal(size=(n, 4)).astype(np.float16)
    judged = find_duplicate_conflicts(pairs, labels, pred_probs=pred_probs, features=features)
    conflicts, duplicates = group_tables(judged, pairs, scores, CLASSES)
    for table in (conflicts, duplicates):
        position = table["row"].to_numpy() // 10
        assert table["path"].tolist() == [f"{i}.png" for i in position]
        assert (table["split"] == "train").all()
        assert table["given"].tolist() == [CLASSES[label] for label in labels[position]]
    own = conflicts["row"].to_numpy() // 10
    assert conflicts["suggested"].tolist() == [CLASSES[label] for label in judged.suggested[own]]
    for name in ("suspect", "majority", "probability", "neighbours"):
        np.testing.assert_array_equal(conflicts[name], getattr(judged, name)[own])
        assert not conflicts[name].isna().any()
    return conflicts, duplicates


LINKS = [
    (1, 2, 0.93, NEAR),
    (3, 9, 0.97, NEAR),
    (3, 5, 0.95, NEAR),
    (0, 6, 0.94, NEAR),
    (7, 8, 1.0, PIXELS),
    (4, 10, 1.0, BYTES),
    (0, 11, 0.8, NEAR),
]
LABELS = labels_of(2, 0, 1, 0, 1, 2, 2, 1, 0, 0, 1, 0)


def test_conflicts_are_sorted_and_numbered_by_similarity() -> None:
    conflicts, _ = tables(compared(LINKS), LABELS)
    assert conflicts.columns.tolist() == RESULT_TABLES["conflicts"].names
    assert conflicts["group"].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert conflicts["row"].tolist() == [70, 80, 30, 50, 90, 10, 20]
    np.testing.assert_allclose(conflicts["similarity"], [1, 1, 0.97, 0.95, 0.97, 0.93, 0.93], rtol=1e-6)
    assert conflicts["test"].tolist() == [PIXELS] * 2 + [NEAR] * 5
    pd.testing.assert_frame_equal(
        conform(conflicts, schema_of(RESULT_TABLES["conflicts"]), table="conflicts"), conflicts, check_dtype=False
    )


def test_groups_with_one_label_have_their_own_table() -> None:
    _, duplicates = tables(compared(LINKS), LABELS)
    assert duplicates.columns.tolist() == RESULT_TABLES["duplicates"].names
    assert duplicates["group"].tolist() == [0, 0, 1, 1]
    assert duplicates["row"].tolist() == [40, 100, 0, 60]
    np.testing.assert_allclose(duplicates["similarity"], [1, 1, 0.94, 0.94], rtol=1e-6)
    assert duplicates["test"].tolist() == [BYTES, BYTES, NEAR, NEAR]
    pd.testing.assert_frame_equal(
        conform(duplicates, schema_of(RESULT_TABLES["duplicates"]), table="duplicates"), duplicates, check_dtype=False
    )


def test_equally_similar_groups_are_sorted_by_first_member() -> None:
    conflicts, duplicates = tables(near((6, 7), (2, 5), (0, 8), (3, 4), (1, 9)), labels_of(0, 0, 0, 1, 1, 1, 0, 2, 0, 1))
    assert conflicts["row"].tolist() == [10, 90, 20, 50, 60, 70]
    assert conflicts["group"].tolist() == [0, 0, 1, 1, 2, 2]
    assert duplicates["row"].tolist() == [0, 80, 30, 40]
    assert duplicates["group"].tolist() == [0, 0, 1, 1]


def test_no_groups_give_empty_tables() -> None:
    conflicts, duplicates = tables(compared([(0, 1, 0.5, NEAR)]), labels_of(0, 1, 2))
    for table, schema in ((conflicts, schema_of(RESULT_TABLES["conflicts"])), (duplicates, schema_of(RESULT_TABLES["duplicates"]))):
        assert table.columns.tolist() == schema.names
        assert len(conform(table, schema, table="it")) == 0


@settings(max_examples=30)
@given(cases())
def test_each_member_of_a_group_is_in_exactly_one_table(
    case: tuple[ComparedImages, np.ndarray, np.ndarray | None, np.ndarray | None],
) -> None:
    pairs, labels, _, _ = case
    if len(labels) < 2:
        return
    conflicts, duplicates = tables(pairs, labels)
    expected = reference_groups(list(zip(pairs.same().first.tolist(), pairs.same().second.tolist(), strict=True)), len(labels))
    for table, differ in ((conflicts, True), (duplicates, False)):
        found = [(group["row"] // 10).tolist() for _, group in table.groupby("group")]
        assert sorted(found) == [group for group in expected if (len({int(labels[i]) for i in group}) > 1) == differ]
        assert table["group"].drop_duplicates().tolist() == list(range(len(found)))
        assert table["group"].is_monotonic_increasing
        assert table.groupby("group")["similarity"].max().is_monotonic_decreasing
