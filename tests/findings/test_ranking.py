from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curv_issues.errors import UsageError
from curv_issues.findings.ranking import DEFAULT_SCORES, rank_samples
from curv_issues.trackers import SCORES
from tests import reference

DIRECTIONS = {name: info.direction for name, info in SCORES.items()}
VALUES = hnp.arrays(np.float64, (len(SCORES), 9), elements=st.sampled_from([-2.5, -1.0, 0.0, 1.0, 1e-9, 7.0, 1e12]))


def table(values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(SCORES, values, strict=True))


def test_the_default_is_made_of_scores_of_the_table() -> None:
    assert len(DEFAULT_SCORES) == len(set(DEFAULT_SCORES)) >= 1
    assert set(DEFAULT_SCORES) <= set(SCORES)


@given(VALUES)
def test_default_equals_its_twin(values: np.ndarray) -> None:
    scores = table(values)
    expected = reference.rank_mean({name: scores[name].tolist() for name in DEFAULT_SCORES[:2]}, DIRECTIONS)
    ranking = rank_samples(scores, DIRECTIONS)
    np.testing.assert_allclose(ranking.suspicion, expected, rtol=1e-12)
    assert (ranking.scores, ranking.memorised_share) == (DEFAULT_SCORES[:2], None)


@pytest.mark.parametrize(("predicted", "joins"), [(0, True), (2, True), (3, False), (20, False)])
def test_the_final_margin_joins_until_wrong_labels_are_memorised(predicted: int, joins: bool) -> None:
    rng = np.random.default_rng(0)
    final = rng.normal(5, 1, 100)
    final[:20] = -1.0
    final[:predicted] = 1.0  # of the 20 labels that looked wrong in training, so many are given back in the end
    margin = np.concatenate([np.full(20, -3.0), rng.normal(4, 1, 80).clip(0.1)])
    scores = {"cumulative_loss": rng.random(100), "margin": margin, "final_margin": final}
    ranking = rank_samples(scores, DIRECTIONS, looked_wrong=margin < 0)
    assert ranking.memorised_share == predicted / 20
    assert ranking.scores == (DEFAULT_SCORES if joins else DEFAULT_SCORES[:2])
    expected = reference.rank_mean({name: scores[name].tolist() for name in ranking.scores}, DIRECTIONS)
    np.testing.assert_allclose(ranking.suspicion, expected, rtol=1e-12)


def test_without_any_label_that_looked_wrong_the_final_margin_stays_out() -> None:
    scores = table(np.ones((len(SCORES), 9)))
    ranking = rank_samples(scores, DIRECTIONS, looked_wrong=np.zeros(9, dtype=bool))
    assert (ranking.scores, ranking.memorised_share) == (DEFAULT_SCORES[:2], None)


@given(VALUES, st.sampled_from(list(SCORES)))
def test_a_named_score_is_its_own_rank(values: np.ndarray, name: str) -> None:
    scores = table(values)
    got = rank_samples(scores, DIRECTIONS, score=name).suspicion
    np.testing.assert_allclose(got, reference.rank_mean({name: scores[name].tolist()}, DIRECTIONS), rtol=1e-12)
    assert got.dtype == np.float64
    assert ((got > 0) & (got < 1)).all()
    assert got.mean() == pytest.approx(0.5)
    sign = 1 if DIRECTIONS[name] == "high" else -1
    for i, j in np.ndindex(9, 9):
        assert np.sign(got[i] - got[j]) == sign * np.sign(scores[name][i] - scores[name][j])


def test_range_and_ties() -> None:
    scores = {"margin": np.array([3.0, 1.0, 1.0, -2.0])}
    np.testing.assert_allclose(rank_samples(scores, {"margin": "low"}, score="margin").suspicion, [1 / 8, 4 / 8, 4 / 8, 7 / 8])
    np.testing.assert_allclose(rank_samples(scores, {"margin": "high"}, score="margin").suspicion, [7 / 8, 4 / 8, 4 / 8, 1 / 8])
    np.testing.assert_allclose(rank_samples({"margin": np.zeros(5)}, {"margin": "low"}, score="margin").suspicion, 0.5)


def test_what_was_never_measured_is_left_out() -> None:
    rng = np.random.default_rng(0)
    scores = table(rng.random((len(SCORES), 9)))
    for missing in DEFAULT_SCORES[:2]:
        part = {**scores, missing: np.full(9, np.nan)}
        rest = {name: scores[name].tolist() for name in DEFAULT_SCORES[:2] if name != missing}
        np.testing.assert_allclose(rank_samples(part, DIRECTIONS).suspicion, reference.rank_mean(rest, DIRECTIONS))
        del part[missing]
        np.testing.assert_allclose(rank_samples(part, DIRECTIONS).suspicion, reference.rank_mean(rest, DIRECTIONS))


def test_a_score_that_is_not_there() -> None:
    scores = {"margin": np.zeros(3), "residual": np.full(3, np.nan), "final_loss": np.array([0, np.nan, 1])}
    for name in ("residual", "final_loss", "input_curvature"):
        with pytest.raises(UsageError) as caught:
            rank_samples(scores, DIRECTIONS, score=name)
        assert str(caught.value) == f"The score {name!r} was not measured in this run; it has: margin."
    with pytest.raises(UsageError, match="The score 'default' was not measured in this run; it has: residual"):
        rank_samples({"residual": np.zeros(3)}, DIRECTIONS)
