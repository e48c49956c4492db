from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from torch import Tensor

from curv_issues import from_features
from curv_issues.duplicates import nearest
from curv_issues.duplicates.base import BYTES, NEAR, PIXELS, ComparedImages
from curv_issues.duplicates.search import compare_within
from curv_issues.findings import duplicate_conflict
from curv_issues.findings.duplicate_conflict import (
    LARGE,
    NEIGHBOURS,
    DuplicateConflicts,
    find_duplicate_conflicts,
)
from curv_issues.findings.samples import evidence_of_data
from curv_issues.options import FindingOptions
from tests.duplicates.links import cases, compared, copies, labels_of, near, reference_groups


def probabilities(*right: Sequence[float]) -> np.ndarray:
    return np.array(right, dtype=np.float16)


# --- slow reference -----------------------------------------------------------------------------------------------------------


def labels_around(i: int, group: Sequence[int], labels: np.ndarray, features: np.ndarray) -> list[int]:
    """Labels of the 20 images outside the group whose whitened features have the largest cosine with those of image i."""
    centred = features.astype(np.float64) - features.astype(np.float64).mean(0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    white = left[:, values > 1e-4 * max(values.max(), 1e-9)]
    cosine = [float(row @ white[i] / max(1e-12, np.linalg.norm(row) * np.linalg.norm(white[i]))) for row in white]
    outside = [j for j in range(len(labels)) if j not in group]
    return [int(labels[j]) for j in sorted(outside, key=lambda j: -cosine[j])[:20]]


def reference_conflicts(
    pairs: ComparedImages, labels: np.ndarray, pred_probs: np.ndarray | None, features: np.ndarray | None
) -> pd.DataFrame:
    """Return the judgement, computed per sample and label: one row per sample, one column per attribute."""
    n, threshold = len(labels), pairs.threshold
    links = list(zip(pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), strict=True))
    number, conflicts = [-1] * n, [False] * n
    suspect, suggested = [False] * n, labels.tolist()
    similarity, majority, probability, neighbours = [0.0] * n, [math.nan] * n, [math.nan] * n, [math.nan] * n
    for i in range(n):
        for one, other, value in links:
            if i in (one, other) and labels[one] != labels[other]:
                similarity[i] = max(similarity[i], value)
    for count, group in enumerate(
        reference_groups([link[:2] for link in links if np.float32(link[2]) >= np.float32(threshold)], n)
    ):
        own = [int(labels[i]) for i in group]
        for i in group:
            number[i] = count
        if len(set(own)) == 1:
            continue
        around = [] if features is None else [label for i in group for label in labels_around(i, group, labels, features)]
        known, evidence = {}, {}
        for label in sorted(set(own)):
            fraction, mean, near_by = own.count(label) / len(own), math.nan, math.nan
            if pred_probs is not None:
                mean = math.prod(max(1e-3, float(pred_probs[i, label])) ** (1 / len(group)) for i in group)
            if features is not None:
                near_by = around.count(label) / max(1, len(around))
            known[label] = fraction, mean, near_by
            evidence[label] = fraction * (1 if math.isnan(mean) else mean) * (1 if math.isnan(near_by) else max(1e-3, near_by))
        best = [label for label in evidence if math.isclose(evidence[label], max(evidence.values()), rel_tol=1e-9)]
        for i in group:
            conflicts[i] = True
            majority[i], probability[i], neighbours[i] = known[int(labels[i])]
            suspect[i] = len(best) > 1 or labels[i] != best[0]
            others = [label for label in best if label != labels[i]]
            suggested[i] = others[0] if len(best) > 1 else best[0]
    return pd.DataFrame(
        {
            "groups": number,
            "in_conflict": conflicts,
            "suspect": suspect,
            "suggested": suggested,
            "similarity": similarity,
            "majority": majority,
            "probability": probability,
            "neighbours": neighbours,
        }
    )


def check(judged: DuplicateConflicts, expected: pd.DataFrame) -> None:
    assert [field.name for field in fields(judged)] == list(expected.columns)
    for name in expected.columns:
        np.testing.assert_allclose(getattr(judged, name), expected[name].to_numpy(), rtol=1e-6, err_msg=name)


@settings(max_examples=300)
@given(cases())
def test_matches_the_reference(case: tuple[ComparedImages, np.ndarray, np.ndarray | None, np.ndarray | None]) -> None:
    pairs, labels, pred_probs, features = case
    judged = find_duplicate_conflicts(pairs, labels, pred_probs=pred_probs, features=features)
    check(judged, reference_conflicts(pairs, labels, pred_probs, features))


# --- which images are in conflict ---------------------------------------------------------------------------------------------


def test_pairs_with_two_labels_are_conflicts() -> None:
    judged = find_duplicate_conflicts(near((0, 1), (2, 4)), labels_of(0, 1, 2, 0, 2))
    assert judged.groups.tolist() == [0, 0, 1, -1, 1]
    assert judged.in_conflict.tolist() == [True, True, False, False, False]
    assert judged.suspect.tolist() == [True, True, False, False, False]
    assert judged.suggested.tolist() == [1, 0, 2, 0, 2]


def test_chain_is_a_conflict_even_if_its_ends_were_not_compared() -> None:
    pairs = compared([(0, 1, 0.92, NEAR), (1, 2, 0.97, NEAR), (2, 3, 0.93, NEAR)])
    judged = find_duplicate_conflicts(pairs, labels_of(0, 0, 0, 1))
    assert judged.in_conflict.all()
    assert judged.suspect.tolist() == [False, False, False, True]
    assert judged.suggested.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(judged.similarity, [0, 0, 0.93, 0.93])


def test_only_pairs_at_or_above_the_threshold_form_groups() -> None:
    pairs = compared([(0, 1, 0.9, NEAR), (2, 3, 0.8999, NEAR)])
    judged = find_duplicate_conflicts(pairs, labels_of(0, 1, 0, 1))
    assert judged.groups.tolist() == [0, 0, -1, -1]
    assert judged.in_conflict.tolist() == [True, True, False, False]
    np.testing.assert_allclose(judged.similarity, [0.9, 0.9, 0.8999, 0.8999])


def test_one_other_label_makes_many_copies_a_conflict() -> None:
    members = list(range(0, 400, 2))
    labels = np.full(400, 2, dtype=np.int64)
    labels[398] = 0
    judged = find_duplicate_conflicts(copies(*members), labels)
    assert np.flatnonzero(judged.in_conflict).tolist() == members
    assert np.flatnonzero(judged.suspect).tolist() == [398]
    assert (judged.suggested == 2).all()
    np.testing.assert_allclose(judged.majority[members], [199 / 200] * 199 + [1 / 200])
    assert np.isnan(judged.majority[1::2]).all()
    labels[398] = 2
    judged = find_duplicate_conflicts(copies(*members), labels)
    assert not judged.in_conflict.any()
    assert not judged.similarity.any()
    assert judged.groups[members].tolist() == [0] * 200


def test_no_pairs_give_no_conflicts() -> None:
    for n in (0, 3):
        judged = find_duplicate_conflicts(
            near(), np.arange(n), pred_probs=np.full((n, 3), 1 / 3), features=np.eye(3, dtype=np.float16)[:n]
        )
        assert judged.groups.tolist() == [-1] * n
        assert not judged.in_conflict.any()
        assert not judged.suspect.any()
        assert judged.suggested.tolist() == list(range(n))
        assert judged.similarity.tolist() == [0] * n
        for name in ("majority", "probability", "neighbours"):
            assert np.isnan(getattr(judged, name)).all()
            assert getattr(judged, name).shape == (n,)


def test_given_labels_are_unchanged() -> None:
    labels = labels_of(0, 0, 1)
    judged = find_duplicate_conflicts(near((0, 1), (1, 2)), labels)
    assert judged.suggested.tolist() == [0, 0, 0]
    assert labels.tolist() == [0, 0, 1]
    types = [getattr(judged, field.name).dtype for field in fields(judged)]
    assert types == [np.int64, bool, bool, np.int64, *[np.float64] * 4]


# --- which label is judged right ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "suspect", "suggested"),
    [
        ([1, 0, 1], [0, 1, 0], [1, 1, 1]),
        ([0, 1, 2, 2], [1, 1, 0, 0], [2, 2, 2, 2]),
        ([2, 0, 1], [1, 1, 1], [0, 1, 0]),  # a tie of three: the first other label
        ([0, 0, 2, 2], [1, 1, 1, 1], [2, 2, 0, 0]),
        ([0, 1, 1, 2, 2], [1, 1, 1, 1, 1], [1, 2, 2, 1, 1]),  # the single label is not one of the two that tie
    ],
)
def test_without_a_probe_the_majority_decides(labels: list[int], suspect: list[int], suggested: list[int]) -> None:
    judged = find_duplicate_conflicts(copies(*range(len(labels))), labels_of(*labels))
    assert judged.suspect.tolist() == [bool(each) for each in suspect]
    assert judged.suggested.tolist() == suggested
    assert judged.majority.tolist() == [labels.count(label) / len(labels) for label in labels]
    assert np.isnan(judged.probability).all()
    assert np.isnan(judged.neighbours).all()


@pytest.mark.parametrize("right", [0, 1])
def test_probe_decides_between_two_labels(right: int) -> None:
    sure, unsure = [0.1, 0.1], [0.4, 0.4]
    sure[right], unsure[1 - right] = 0.8, 0.5
    judged = find_duplicate_conflicts(near((0, 1)), labels_of(0, 1), pred_probs=probabilities(sure, unsure))
    assert judged.suspect.tolist() == [right == 1, right == 0]
    assert judged.suggested.tolist() == [right, right]
    expected = {right: math.sqrt(0.8 * 0.4), 1 - right: math.sqrt(0.1 * 0.5)}
    np.testing.assert_allclose(judged.probability, [expected[0], expected[1]], rtol=1e-3)


def test_probe_can_outweigh_the_majority() -> None:
    labels = labels_of(0, 0, 1)
    for other, suspect in ((0.3, [False, False, True]), (0.7, [True, True, False])):
        judged = find_duplicate_conflicts(copies(0, 1, 2), labels, pred_probs=probabilities(*[[1 - other, other]] * 3))
        assert judged.suspect.tolist() == suspect
        np.testing.assert_allclose(judged.majority, [2 / 3, 2 / 3, 1 / 3])


def test_probability_zero_is_clipped() -> None:
    judged = find_duplicate_conflicts(near((0, 1)), labels_of(0, 1), pred_probs=probabilities([0, 1], [1, 0.5]))
    np.testing.assert_allclose(judged.probability, [math.sqrt(1e-3), math.sqrt(0.5)])
    assert judged.suspect.tolist() == [True, False]


def around_a_pair(side: int, other: int, *, group: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels: a group with labels 1, 0, ..., 0, `side` images near it and `other` images far away."""
    features = np.array([4.0] * (group + side) + [-4.0] * other) + np.random.default_rng(0).normal(0, 0.05, group + side + other)
    labels = [1] + [0] * (group - 1) + [1] * side + [0] * other
    return features[:, None], labels_of(*labels)


def test_neighbours_decide_between_two_labels() -> None:
    features, labels = around_a_pair(NEIGHBOURS, NEIGHBOURS)
    judged = find_duplicate_conflicts(near((0, 1)), labels, features=features)
    assert judged.neighbours[:2].tolist() == [1, 0]  # only the 20 images near it are used
    assert np.isnan(judged.neighbours[2:]).all()
    assert judged.suspect[:2].tolist() == [False, True]
    assert judged.suggested[:2].tolist() == [1, 1]
    labels[2:] = 2
    judged = find_duplicate_conflicts(near((0, 1)), labels, features=features)
    assert judged.neighbours[:2].tolist() == [0, 0]
    assert judged.suspect[:2].tolist() == [True, True]


def test_label_without_neighbours_is_not_impossible() -> None:
    features, labels = around_a_pair(NEIGHBOURS, NEIGHBOURS)
    for of_other, suspect in ((0.0, [True, True]), (0.01, [False, True])):  # at 0, one piece of evidence is against each label
        pred_probs = np.tile([1.0, of_other], (len(labels), 1))
        judged = find_duplicate_conflicts(near((0, 1)), labels, pred_probs=pred_probs, features=features)
        assert judged.suspect[:2].tolist() == suspect


@pytest.mark.parametrize("group", [2, 3, 30, 99, 100, 250])
def test_members_of_the_same_group_are_not_neighbours(group: int) -> None:
    features, labels = around_a_pair(NEIGHBOURS, NEIGHBOURS, group=group)
    judged = find_duplicate_conflicts(copies(*range(group)), labels, features=features)
    assert judged.neighbours[:group].tolist() == [1, *[0] * (group - 1)]


def test_members_of_other_groups_are_neighbours() -> None:
    features, labels = around_a_pair(NEIGHBOURS, NEIGHBOURS)
    judged = find_duplicate_conflicts(near((0, 1), (2, 3), (3, 4)), labels, features=features)
    assert judged.neighbours[:2].tolist() == [1, 0]


def test_all_images_are_neighbours_if_fewer_than_twenty() -> None:
    features, labels = around_a_pair(3, 1)
    judged = find_duplicate_conflicts(near((0, 1)), labels, features=features)
    assert judged.neighbours[:2].tolist() == [0.75, 0.25]
    features, labels = around_a_pair(0, 0)
    judged = find_duplicate_conflicts(near((0, 1)), labels, features=features)
    assert judged.neighbours.tolist() == [0, 0]  # there are no neighbours
    assert judged.suspect.all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("large", [1, 3, LARGE])
def test_neighbours_match_the_reference_for_many_images(large: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_conflict, "LARGE", large)  # a group of eight, and pairs
    rng = np.random.default_rng(seed)
    n, k = 150, 4
    labels = rng.integers(0, k, n)
    features = (rng.normal(size=(n, 5)) * [1, 10, 0.1, 3, 5] + labels[:, None]).astype(np.float16)  # axes of unequal length
    drawn = rng.choice(n, (15, 2), replace=False)
    drawn[1:4, 0] = drawn[0, 0]
    pairs = near(*[(min(pair), max(pair)) for pair in drawn.tolist()])
    pred_probs = rng.dirichlet(np.ones(k), n).astype(np.float16)
    judged = find_duplicate_conflicts(pairs, labels, pred_probs=pred_probs, features=features)
    assert np.unique(judged.neighbours[judged.in_conflict]).size > 5
    check(judged, reference_conflicts(pairs, labels, pred_probs, features))


@pytest.mark.parametrize("others", [0, 7, 500])
def test_many_copies_do_not_request_as_many_neighbours(others: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    search = nearest.nearest

    def spy(queries: Tensor, gallery: Tensor, k: int, **options: Any) -> tuple[Tensor, Tensor]:
        asked.append(k)
        return search(queries, gallery, k, **options)

    monkeypatch.setattr(nearest, "nearest", spy)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1000 + others)
    features = np.concatenate([np.ones((1000, 3)), rng.normal(size=(others, 3))])
    judged = find_duplicate_conflicts(copies(*range(1000)), labels, features=features)
    fractions = [judged.neighbours[:1000][labels[:1000] == label][0] for label in (0, 1)]
    assert sum(fractions) == pytest.approx(1.0 if others else 0.0)
    assert max(asked) < NEIGHBOURS + LARGE


# --- similarity ---------------------------------------------------------------------------------------------------------------


def test_similarity_is_the_largest_to_an_image_with_another_label() -> None:
    pairs = compared(
        [
            (0, 1, 0.4, NEAR),
            (0, 2, 0.6, NEAR),
            (0, 3, 0.8, NEAR),  # with its own label
            (4, 5, -0.7, NEAR),
            (6, 7, 1.0, PIXELS),
            (2, 6, 0.7, NEAR),
        ]
    )
    judged = find_duplicate_conflicts(pairs, labels_of(0, 1, 1, 0, 0, 1, 0, 1))
    np.testing.assert_allclose(judged.similarity, [0.6, 0.4, 0.7, 0, 0, 0, 1, 1])
    assert judged.in_conflict.tolist() == [False] * 6 + [True] * 2


def test_similarity_does_not_depend_on_the_threshold() -> None:
    links = [(0, 1, 1.0, BYTES), (1, 2, 0.99, NEAR), (0, 2, 0.5, NEAR), (3, 4, 0.99, NEAR)]
    for threshold in (0.3, 0.95, 0.995):
        judged = find_duplicate_conflicts(compared(links, threshold=threshold), labels_of(0, 0, 1, 2, 2))
        np.testing.assert_allclose(judged.similarity, [0.5, 0.99, 0.99, 0, 0])


def test_similarity_stays_within_its_range_for_any_threshold() -> None:
    links = [(0, 1, -0.5, NEAR), (1, 2, 0.2, NEAR)]
    for threshold in (-1.0, 0.1, 1.5):
        judged = find_duplicate_conflicts(compared(links, threshold=threshold), labels_of(0, 1, 1))
        assert ((judged.similarity >= 0) & (judged.similarity <= 1)).all()


@pytest.mark.parametrize(("equal", "is_noted"), [(9, False), (10, True), (60, True)])
def test_many_equal_rows_with_different_labels_are_noted(equal: int, is_noted: bool) -> None:
    values = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    values[:equal] = values[0]
    for labels, has_conflicts in ((np.arange(100) % 2, True), (np.arange(100) // 60, False)):
        data = from_features(values, labels)
        judged = duplicate_conflict.judge(evidence_of_data(data, compared=compare_within(data, device="cpu")), FindingOptions())
        assert judged is not None
        notes = [
            f"{equal} of 100 rows have the same features as another row. If features have few different values, equal rows with "
            "different labels need not be wrong: the features may not tell the classes apart."
        ]
        assert judged.notes == (notes if is_noted and has_conflicts else [])
