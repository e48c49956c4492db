from __future__ import annotations

import numpy as np
import pytest

from curv_issues.confusions import window
from curv_issues.confusions.window import epochs_before_memorising
from tests.confusions.test_transition import noisy, with_errors

UNIFORM = np.full((5, 5), 0.05) + 0.75 * np.eye(5)
EPOCHS = 20


def memorised(transition: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities (n, 20, 5) of a network that memorises all labels from epoch `first` on, and the given labels."""
    scores, given, _ = noisy(transition)
    late = np.repeat((scores + 5 * np.eye(5)[given])[:, None], EPOCHS - first, axis=1)
    return np.concatenate([np.repeat(scores[:, None], first, axis=1), late], axis=1), given


@pytest.mark.parametrize(("first", "expected"), [(5, 7), (8, 10), (11, 14), (20, 20)])
def test_epochs_in_which_confused_labels_are_memorised_are_left_out(first: int, expected: int) -> None:
    history, given = memorised(with_errors((0, 1, 0.3)), first)
    assert epochs_before_memorising(history, given, EPOCHS) == expected


@pytest.mark.parametrize(
    ("deviations", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0, 1.0), 20),
        ((0.1, 3.0, 3.0, 4.0, 3.9), 14),  # variances of at least half of the greatest
        ((4.0, 4.0, 0.5, 5.0, 4.0), 7),  # not the longer ones beyond a gap, which vary by chance
        ((0.1, 0.1, 0.1, 0.1, 5.0), 5),
    ],
)
def test_longer_windows_are_taken_as_long_as_confusions_vary_in_them(
    deviations: tuple[float, ...], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, given = memorised(UNIFORM, 5)
    gains = iter([np.array([-deviation, deviation]) for deviation in deviations])
    monkeypatch.setattr(window, "fit_confusions", lambda scores, given: (None, None, next(gains)))
    assert window.epochs_before_memorising(history, given, EPOCHS) == expected


def test_few_epochs_are_all_kept() -> None:
    history, given = memorised(with_errors((0, 1, 0.3)), 1)
    assert epochs_before_memorising(history, given, 5) == 5


@pytest.mark.parametrize("epochs", [1, 9, 20])
def test_all_epochs_are_kept_where_classes_are_confused_evenly(epochs: int) -> None:
    history, given = memorised(UNIFORM, 5)
    assert epochs_before_memorising(history, given, epochs) == epochs


def test_all_epochs_are_kept_while_classes_are_being_learned() -> None:
    history, given = memorised(with_errors((0, 1, 0.3)), 5)
    assert epochs_before_memorising(history, given, EPOCHS) == 7
    history[:, -1] = -history[:, -1]  # few labels are predicted at the end
    assert epochs_before_memorising(history, given, EPOCHS) == EPOCHS
