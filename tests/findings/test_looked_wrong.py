from __future__ import annotations

import numpy as np
import pytest

from curv_issues.findings.looked_wrong import learned_epochs, looked_wrong


def constant(p90: float, p99: float, epochs: int) -> dict[str, list[float]]:
    return {"p90": [p90] * epochs, "p99": [p99] * epochs}


def test_labels_below_the_90th_percentile_look_wrong() -> None:
    margins = np.array([[-2.0, -4.0], [1.0, -4.0], [0.0, 0.0], [-3.0, 5.0]])  # means -3, -1.5, 0, 1
    found = looked_wrong(margins, constant(-1.0, 3.0, 2))
    assert found.mask.tolist() == [True, True, False, False]
    assert (found.epochs, found.margin_threshold) == (2, -1.0)


def test_counting_stops_once_the_labels_are_learned() -> None:
    # 5 wrong labels: low at first, memorised later; 95 right ones are clear of the reference from epoch 2 on
    right = np.tile([0.0, 6.0, 9.0, 9.0, 9.0], (95, 1))
    wrong = np.tile([-2.0, -2.0, 4.0, 9.0, 9.0], (5, 1))
    margins = np.concatenate([right, wrong])
    found = looked_wrong(margins, constant(-1.0, 1.0, 5))
    assert found.epochs == 2
    assert found.mask.tolist() == [False] * 95 + [True] * 5
    assert (margins.mean(axis=1) > -1).all()  # all epochs together would show nothing


@pytest.mark.parametrize(("between", "epochs"), [(5, 1), (6, 3)])
def test_95_percent_have_to_be_clear(between: int, epochs: int) -> None:
    margins = np.concatenate([np.full((between, 3), 0.5), np.full((100 - between, 3), 2.0)])
    assert learned_epochs(margins, constant(0.0, 1.0, 3)) == epochs


def test_all_epochs_count_where_no_label_is_ever_learned() -> None:
    assert learned_epochs(np.full((10, 4), -5.0), constant(0.0, 1.0, 4)) == 4
    assert looked_wrong(np.full((10, 4), -5.0), constant(0.0, 1.0, 4)).mask.all()


def test_the_percentiles_of_each_epoch_are_compared_with_the_mean_up_to_it() -> None:
    margins = np.array([[0.0, 4.0]] * 9 + [[0.0, -4.0]])  # means up to the epochs: 0, then 2 or -2
    reference = {"p90": [-1.0, -1.0], "p99": [0.5, 1.5]}
    found = looked_wrong(margins, reference)
    assert found.epochs == 2
    assert found.mask.tolist() == [False] * 9 + [True]
