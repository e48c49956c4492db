"""Which samples a page shows."""

from __future__ import annotations

import numpy as np
import pytest

from curv_issues.report.choice import EXTREMES, LEAST_CARDS, NEIGHBOURS, choose
from tests.made_up import make_result, result_of, result_parts
from tests.report.test_conflicts import with_conflicts


def test_cards_are_the_findings_the_most_suspect_and_the_samples_to_check() -> None:
    n = 1000
    flagged = range(3, 503, 10)
    choice = choose(make_result(n=n, flagged=flagged))
    assert choice.label_issues == list(reversed(flagged))  # suspicion grows with the position
    assert len(choice.to_check) == 45
    top = range(n - LEAST_CARDS, n)
    assert set(choice.cards) == {*flagged, *choice.to_check, *top}
    assert choice.cards == sorted(choice.cards, reverse=True)


def test_the_number_of_findings_is_limited() -> None:
    choice = choose(make_result(n=1000, flagged=range(1000)), most=7)
    assert choice.label_issues == list(range(999, 992, -1))


def test_groups_are_complete_or_left_out() -> None:
    result = with_conflicts()
    groups = [len(group) for group in choose(result).groups]
    assert sum(groups) == len(result.conflicts)
    assert choose(result, most=groups[0]).groups == choose(result).groups[:1]
    assert set(np.concatenate(choose(result).groups)) <= set(choose(result).cards)


def test_neighbours_are_the_nearest_of_each_class_without_the_sample_itself() -> None:
    result = make_result(n=30)
    choice = choose(result)
    vectors = result.embeddings.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    given, suggested = result.scores["given"].to_numpy(), result.scores["suggested"].to_numpy()
    for place in choice.cards:
        for found, label in zip(choice.neighbours[place], (given[place], suggested[place]), strict=True):
            others = [other for other in range(30) if given[other] == label and other != place]
            expected = sorted(others, key=lambda other, place=place: -vectors[place] @ vectors[other])[:NEIGHBOURS]
            assert found == expected


def test_without_embeddings_there_are_no_neighbours() -> None:
    parts = result_parts()
    choice = choose(result_of({**parts, "embeddings": None}))
    assert (choice.neighbours, choice.small) == ({}, [])


@pytest.mark.parametrize("n", [60, 12])
def test_extremes_are_the_lowest_and_the_highest_of_each_class(n: int) -> None:
    parts = result_parts(n=n)
    values = np.random.default_rng(0).random(n)
    values[0] = np.nan
    scores = parts["scores"].assign(input_curvature=values)
    metadata = {**parts["score_metadata"], "input_curvature": {"direction": "high", "source": "Somebody"}}
    result = result_of({**parts, "scores": scores, "score_metadata": metadata})
    found = choose(result).extremes
    assert [extreme.label for extreme in found] == [0, 1, 2]
    for extreme in found:
        members = [place for place in range(n) if place % 3 == extreme.label and not np.isnan(values[place])]
        ranked = sorted(members, key=lambda place: values[place])
        number = min(EXTREMES, len(members) // 2)
        assert extreme.lowest == ranked[:number]
        assert extreme.highest == ranked[::-1][:number]
        assert set(extreme.lowest).isdisjoint(extreme.highest)
