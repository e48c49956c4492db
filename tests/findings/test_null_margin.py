from __future__ import annotations

import numpy as np
import pytest

from curv_issues.findings.null_margin import compare_with_null, fractions_above_null


def constant(p90: float, p99: float, epochs: int, *, predicted: float = 0.0) -> dict[str, list[float]]:
    return {"p90": [p90] * epochs, "p99": [p99] * epochs, "predicted": [predicted] * epochs}


def test_labels_below_the_90th_percentile_look_wrong() -> None:
    margins = np.array([[-2.0, -4.0], [1.0, -4.0], [0.0, 0.5], [-2.0, 4.5]])  # means -3, -1.5, 0.25, 1.25
    found = compare_with_null(margins, {"p90": [-9.0, -1.0], "p99": [8.0, 1.0], "predicted": [0.0, 0.0]})
    assert found.below_null.tolist() == [True, True, False, False]
    assert (found.epochs, found.margin_threshold, found.fraction_above) == (2, -1.0, 0.5)


def test_epochs_after_learning_are_ignored() -> None:
    # 5 wrong labels: low at first, memorised later; 95 right ones are above the reference from epoch 2
    right = np.tile([0.0, 6.0, 9.0, 9.0, 9.0], (95, 1))
    wrong = np.tile([-2.0, -2.0, 4.0, 9.0, 9.0], (5, 1))
    margins = np.concatenate([right, wrong])
    found = compare_with_null(margins, constant(-1.0, 1.0, 5))
    assert (found.epochs, found.fraction_above) == (2, 1.0)
    assert found.below_null.tolist() == [False] * 95 + [True] * 5
    assert (margins.mean(axis=1) > -1).all()  # all epochs together would show nothing


@pytest.mark.parametrize(("between", "epochs"), [(1, 1), (2, 2)])
def test_first_epoch_within_a_hundredth_of_the_best_is_used(between: int, epochs: int) -> None:
    margins = np.concatenate([np.tile([0.5, 3.0], (between, 1)), np.full((100 - between, 2), 2.0)])
    found = compare_with_null(margins, constant(0.0, 1.0, 2))
    assert (found.epochs, found.fraction_above) == (epochs, pytest.approx(0.99 if between == 1 else 1.0))
    np.testing.assert_allclose(fractions_above_null(margins, constant(0.0, 1.0, 2)), [1 - between / 100, 1.0])


@pytest.mark.parametrize(("predicted", "epochs"), [(0.0, 2), (0.19, 2), (0.21, 3)])
def test_epochs_in_which_wrong_labels_are_memorised_are_ignored(predicted: float, epochs: int) -> None:
    # hard classes: in each epoch more labels are above the reference; of the 10 wrong labels 5 are predicted in the third epoch
    right = np.array([[0.5, 2.0, 2.0]] * 60 + [[0.5, 0.5, 4.0]] * 30)
    wrong = np.array([[-9.0, -9.0, 1.0]] * 5 + [[-9.0, -9.0, -9.0]] * 5)
    reference = constant(0.0, 1.0, 3, predicted=predicted)
    found = compare_with_null(np.concatenate([right, wrong]), reference)
    assert found.epochs == found.unmemorised_epochs == epochs
    assert found.below_null.tolist() == [False] * 90 + [True] * 10


def test_unmemorised_epochs_continue_after_learning() -> None:
    right = np.tile([0.0, 6.0, 9.0, 9.0, 9.0], (95, 1))
    wrong = np.tile([-9.0, -9.0, -9.0, 4.0, 9.0], (5, 1))  # predicted in the fourth epoch
    found = compare_with_null(np.concatenate([right, wrong]), constant(-1.0, 1.0, 5))
    assert (found.epochs, found.unmemorised_epochs) == (2, 3)


def test_right_labels_learned_late_are_not_memorised() -> None:
    early, wrong = np.tile([0.0, 9.0, 9.0, 9.0], (80, 1)), np.full((5, 4), -9.0)
    late = np.tile([-9.0, -9.0, 6.0, 20.0], (15, 1))  # predicted in the third epoch, when their mean is still low
    assert compare_with_null(np.concatenate([early, late, wrong]), constant(-1.0, 1.0, 4)).unmemorised_epochs == 4
    stay = np.tile([-9.0, -9.0, 6.0, 6.0], (15, 1))  # memorised: still low on average in the epoch after
    assert compare_with_null(np.concatenate([early, stay, wrong]), constant(-1.0, 1.0, 4)).unmemorised_epochs == 2


def test_memorisation_in_the_last_epoch_is_detected() -> None:
    right, wrong = np.tile([0.0, 9.0, 9.0], (80, 1)), np.tile([-9.0, -9.0, 2.0], (20, 1))
    assert compare_with_null(np.concatenate([right, wrong]), constant(-1.0, 1.0, 3)).unmemorised_epochs == 2


@pytest.mark.parametrize(("epochs", "unmemorised"), [(1, 5), (2, 2)])
def test_memorisation_needs_two_epochs_in_a_row(epochs: int, unmemorised: int) -> None:
    right, wrong = np.tile([0.0, 9.0, 9.0, 9.0, 9.0], (80, 1)), np.full((20, 5), -9.0)
    wrong[:, 2 : 2 + epochs] = 2.0
    assert compare_with_null(np.concatenate([right, wrong]), constant(-1.0, 1.0, 5)).unmemorised_epochs == unmemorised


def test_tied_label_is_not_predicted() -> None:
    right, wrong = np.tile([0.0, 9.0, 9.0], (80, 1)), np.tile([-9.0, 0.0, 0.0], (20, 1))
    assert compare_with_null(np.concatenate([right, wrong]), constant(-1.0, 1.0, 3)).unmemorised_epochs == 3


def test_first_epoch_is_never_memorised() -> None:
    margins = np.array([[2.0, 2.0], [3.0, 3.0]])  # below the reference, and predicted
    assert compare_with_null(margins, constant(5.0, 6.0, 2)).unmemorised_epochs == 1


def test_labels_that_look_wrong_do_not_lower_the_fraction_above() -> None:
    assert compare_with_null(np.array([[5.0], [-5.0]]), constant(0.0, 1.0, 1)).fraction_above == 1


def test_all_labels_look_wrong_if_none_is_learned() -> None:
    found = compare_with_null(np.full((10, 4), -5.0), constant(0.0, 1.0, 4))
    assert found.below_null.all()
    assert found.fraction_above == 0


def test_percentiles_are_compared_with_the_mean_up_to_their_epoch() -> None:
    margins = np.array([[0.0, 4.0]] * 9 + [[0.0, -4.0]])  # means up to the epochs: 0, then 2 or -2
    reference = {"p90": [-1.0, -1.0], "p99": [0.5, 1.5], "predicted": [0.0, 0.0]}
    found = compare_with_null(margins, reference)
    assert found.epochs == 2
    assert found.below_null.tolist() == [False] * 9 + [True]
