from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curv_issues.errors import UsageError
from curv_issues.findings.ranking import late_margin, rank_by_default, rank_by_score
from curv_issues.trackers import SCORES
from tests import reference

DIRECTIONS = {name: info.direction for name, info in SCORES.items()}
VALUES = st.sampled_from([-2.5, -1.0, 0.0, 1.0, 1e-9, 7.0, 1e12])
MARGINS = hnp.arrays(np.float32, (9, 4), elements=st.floats(-50, 50, width=32))


@given(MARGINS, st.integers(1, 4))
def test_late_margin_matches_the_reference(margins: np.ndarray, epochs: int) -> None:
    for sample, got in enumerate(late_margin(margins, epochs)):
        repeated = [float(margins[sample, epoch]) for epoch in range(epochs) for _ in range(epoch + 1)]
        assert got == pytest.approx(sum(repeated) / len(repeated), rel=1e-9, abs=1e-9)


@given(MARGINS, st.integers(1, 4))
def test_default_ranks_by_late_margin(margins: np.ndarray, epochs: int) -> None:
    ranking = rank_by_default(margins, epochs, {}, on_features=False)
    expected = reference.rank_mean({"margin": late_margin(margins, epochs).tolist()}, {"margin": "low"})
    np.testing.assert_allclose(ranking.suspicion, expected, rtol=1e-12)
    assert (ranking.score, ranking.epochs, ranking.parts) == ("default", epochs, ("late_margin",))


def test_later_epochs_weigh_more_up_to_the_limit() -> None:
    margins = np.array([[0.0, 3.0, -99.0], [3.0, 0.0, 99.0]])
    assert late_margin(margins, 2).tolist() == [2.0, 1.0]
    assert late_margin(margins, 1).tolist() == [0.0, 3.0]
    assert rank_by_default(margins, 2, {}, on_features=False).suspicion.tolist() == [0.25, 0.75]


LOSSES = hnp.arrays(np.float64, (3, 9), elements=st.floats(0, 30))


@given(MARGINS, LOSSES, st.booleans())
def test_default_adds_log_odds_of_ranks(margins: np.ndarray, losses: np.ndarray, on_features: bool) -> None:
    scores = dict(zip(("cumulative_loss", "fitted_loss", "held_out_loss"), losses, strict=True))
    ranking = rank_by_default(margins, 3, scores, on_features=on_features)
    if on_features:
        parts = {name: scores[name] for name in ("cumulative_loss", "held_out_loss")}
    else:
        parts = {"late_margin": -late_margin(margins, 3), "fitted_loss": losses[1], "held_out_loss": losses[2]}
    odds = np.zeros(9)
    for values in parts.values():
        suspicion = np.array(reference.rank_mean({"x": values.tolist()}, {"x": "high"}))
        odds += np.log(suspicion / (1 - suspicion))
    order = [sum(other < own - 1e-9 for other in odds) for own in odds]
    for i, j in np.ndindex(9, 9):
        if order[i] < order[j]:
            assert ranking.suspicion[i] < ranking.suspicion[j]
    assert ranking.parts == tuple(parts)
    assert ranking.epochs == (None if on_features else 3)


def test_class_confusion_moves_samples_by_its_log_odds() -> None:
    margins = np.array([[4.0], [3.0], [2.0], [1.0]])
    before = rank_by_default(margins, 1, {}, on_features=False).suspicion
    confusion = np.array([0.0, 9.0, 0.0, 0.0])
    found = rank_by_default(margins, 1, {"class_confusion": confusion}, on_features=False)
    assert found.suspicion.argsort().tolist() == [0, 2, 3, 1]
    assert found.parts == ("late_margin", "class_confusion")
    small = rank_by_default(margins, 1, {"class_confusion": confusion / 100}, on_features=False)
    np.testing.assert_array_equal(small.suspicion, before)


def test_probabilities_move_samples_where_margins_are_all_there_is_and_classes_are_confused() -> None:
    margins = np.arange(9.0, 0.0, -1.0)[:, None]
    uneven, even = np.array([2.0, 0, 0, 0, 0, 0, 0, 0, 2.0]), np.array([0.01, 0, 0, 0, 0, 0, 0, 0, 0.01])
    wrong = np.array([0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    held_out = np.arange(9.0)

    def ranked(confusion: np.ndarray, *, on_features: bool = False, **scores: np.ndarray) -> tuple[list[int], tuple[str, ...]]:
        found = rank_by_default(margins, 1, {"class_confusion": confusion, "p_wrong": wrong, **scores}, on_features=on_features)
        return found.suspicion.argsort().tolist(), found.parts

    assert ranked(uneven)[0].index(1) > 4  # the second least suspect by its margin
    assert ranked(uneven)[1] == ("late_margin", "class_confusion", "p_wrong")
    assert ranked(even)[0].index(1) == 1
    assert "p_wrong" not in ranked(uneven, on_features=True, cumulative_loss=held_out)[1]


@pytest.mark.parametrize("on_features", [False, True])
def test_probabilities_beside_held_out_losses_count_the_more_the_more_labels_are_wrong(on_features: bool) -> None:
    values = np.arange(9.0)
    scores = {"cumulative_loss": values, "held_out_loss": values, "class_confusion": np.zeros(9)}

    def place(rate: float) -> int:
        wrong = np.full(9, rate * 0.9)
        wrong[1] = rate * 1.8  # their mean is the rate
        found = rank_by_default(-values[:, None], 1, {**scores, "p_wrong": wrong}, on_features=on_features)
        assert found.parts[-1] == "p_wrong"
        return found.suspicion.argsort().tolist().index(1)

    assert [place(rate) for rate in (0.05, 0.2, 0.5)] == [1, 3, 6]
    assert rank_by_default(-values[:, None], 1, {**scores, "p_wrong": np.zeros(9)}, on_features=on_features).parts[-1] != "p_wrong"


@pytest.mark.parametrize("confusion", [np.zeros(4), np.full(4, 3.0), np.array([0.0, 1e-9, 0, 0]), np.full(4, np.nan)])
def test_class_confusion_that_is_alike_or_missing_is_no_part(confusion: np.ndarray) -> None:
    margins = np.array([[4.0], [3.0], [2.0], [1.0]])
    found = rank_by_default(margins, 1, {"class_confusion": confusion}, on_features=False)
    assert found.parts == ("late_margin",)


def test_default_of_features_without_cross_fitting_is_the_cumulative_loss() -> None:
    scores = {"cumulative_loss": np.array([1.0, 3.0, 2.0]), "held_out_loss": np.full(3, np.nan)}
    ranking = rank_by_default(np.zeros((3, 2)), 2, scores, on_features=True)
    np.testing.assert_allclose(ranking.suspicion, [1 / 6, 5 / 6, 3 / 6])
    assert ranking.parts == ("cumulative_loss",)
    assert rank_by_default(np.zeros((3, 2)), 2, {}, on_features=True).parts == ("late_margin",)


@given(hnp.arrays(np.float64, 9, elements=VALUES), st.sampled_from(list(SCORES)))
def test_named_score_ranks_by_its_values(values: np.ndarray, name: str) -> None:
    ranking = rank_by_score({name: values}, DIRECTIONS, name)
    got = ranking.suspicion
    np.testing.assert_allclose(got, reference.rank_mean({name: values.tolist()}, DIRECTIONS), rtol=1e-12)
    assert (ranking.score, ranking.epochs) == (name, None)
    assert got.dtype == np.float64
    assert ((got > 0) & (got < 1)).all()
    assert got.mean() == pytest.approx(0.5)
    sign = 1 if DIRECTIONS[name] == "high" else -1
    for i, j in np.ndindex(9, 9):
        assert np.sign(got[i] - got[j]) == sign * np.sign(values[i] - values[j])


def test_range_and_ties() -> None:
    scores = {"margin": np.array([3.0, 1.0, 1.0, -2.0])}
    np.testing.assert_allclose(rank_by_score(scores, {"margin": "low"}, "margin").suspicion, [1 / 8, 4 / 8, 4 / 8, 7 / 8])
    np.testing.assert_allclose(rank_by_score(scores, {"margin": "high"}, "margin").suspicion, [7 / 8, 4 / 8, 4 / 8, 1 / 8])
    np.testing.assert_allclose(rank_by_score({"margin": np.zeros(5)}, {"margin": "low"}, "margin").suspicion, 0.5)
    np.testing.assert_allclose(rank_by_default(np.zeros((5, 2)), 2, {}, on_features=False).suspicion, 0.5)


def test_missing_score_is_refused() -> None:
    scores = {"margin": np.zeros(3), "residual": np.full(3, np.nan), "final_loss": np.array([0, np.nan, 1])}
    for name in ("residual", "final_loss", "input_curvature"):
        with pytest.raises(UsageError) as caught:
            rank_by_score(scores, DIRECTIONS, name)
        assert str(caught.value) == f"The score {name!r} was not measured in this run; expected one of: margin."
