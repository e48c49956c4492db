from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curv_issues.errors import UsageError
from curv_issues.findings.ranking import DEFAULT_SCORES, suspicion
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
    expected = reference.rank_mean({name: scores[name].tolist() for name in DEFAULT_SCORES}, DIRECTIONS)
    np.testing.assert_allclose(suspicion(scores, DIRECTIONS), expected, rtol=1e-12)


@given(VALUES, st.sampled_from(list(SCORES)))
def test_a_named_score_is_its_own_rank(values: np.ndarray, name: str) -> None:
    scores = table(values)
    got = suspicion(scores, DIRECTIONS, score=name)
    np.testing.assert_allclose(got, reference.rank_mean({name: scores[name].tolist()}, DIRECTIONS), rtol=1e-12)
    assert got.dtype == np.float64
    assert ((got > 0) & (got < 1)).all()
    assert got.mean() == pytest.approx(0.5)
    sign = 1 if DIRECTIONS[name] == "high" else -1
    for i, j in np.ndindex(9, 9):
        assert np.sign(got[i] - got[j]) == sign * np.sign(scores[name][i] - scores[name][j])


def test_range_and_ties() -> None:
    scores = {"margin": np.array([3.0, 1.0, 1.0, -2.0])}
    np.testing.assert_allclose(suspicion(scores, {"margin": "low"}, score="margin"), [1 / 8, 4 / 8, 4 / 8, 7 / 8])
    np.testing.assert_allclose(suspicion(scores, {"margin": "high"}, score="margin"), [7 / 8, 4 / 8, 4 / 8, 1 / 8])
    np.testing.assert_allclose(suspicion({"margin": np.zeros(5)}, {"margin": "low"}, score="margin"), 0.5)


def test_what_was_never_measured_is_left_out() -> None:
    rng = np.random.default_rng(0)
    scores = table(rng.random((len(SCORES), 9)))
    for missing in DEFAULT_SCORES:
        part = {**scores, missing: np.full(9, np.nan)}
        rest = {name: scores[name].tolist() for name in DEFAULT_SCORES if name != missing}
        np.testing.assert_allclose(suspicion(part, DIRECTIONS), reference.rank_mean(rest, DIRECTIONS))
        del part[missing]
        np.testing.assert_allclose(suspicion(part, DIRECTIONS), reference.rank_mean(rest, DIRECTIONS))


def test_a_score_that_is_not_there() -> None:
    scores = {"margin": np.zeros(3), "residual": np.full(3, np.nan), "final_loss": np.array([0, np.nan, 1])}
    for name in ("residual", "final_loss", "input_curvature"):
        with pytest.raises(UsageError) as caught:
            suspicion(scores, DIRECTIONS, score=name)
        assert str(caught.value) == f"The score {name!r} was not measured in this run; it has: margin."
    with pytest.raises(UsageError, match="The score 'default' was not measured in this run; it has: residual"):
        suspicion({"residual": np.zeros(3)}, DIRECTIONS)
