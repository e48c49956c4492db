"""How many epochs of a training pass come before it memorises labels of like classes."""

from __future__ import annotations

import numpy as np

from curv_issues.confusions.calibration import part_to_fit
from curv_issues.confusions.label_noise import fit_confusions, late_mean

MOST_FITTED = 5_000  # samples
SHORTER, WINDOWS = 0.7, 5  # benchmarks/README.md explains how these were chosen
LEAST_EPOCHS = 5  # labels are memorised by being seen often
CLEARLY_LESS = 0.5
LEAST_ACCURACY = 0.75
CHANCE_DEVIATION = 0.45  # of the gain


def epochs_before_memorising(history: np.ndarray, given: np.ndarray, epochs: int) -> int:
    """Return a number of first epochs, at most `epochs`, in which labels that are confused look wrong.

    A network that memorises labels of like classes makes them look right, and random labels, which are of other classes, do not
    tell when it begins. So shorter and shorter windows, down to five epochs, are tried. From the one in which `class_confusion`
    varies most, longer ones are taken as long as it varies at least half as much. Where classes are confused evenly, it varies by
    chance in all, and that leads to `epochs` itself. So it is if the classes are still being learned at the end: then little is
    memorised, and in shorter windows, samples that are not learned yet would look wrong.

    Args:
        history: float (n, e, k), log-probabilities of the classes in the training pass by epoch.
        given: int64 (n,), the given classes.
        epochs: number of epochs to start from, at most e; see `compare_with_null`.
    """
    numbers = [number for index in range(WINDOWS) if (number := round(epochs * SHORTER**index)) >= LEAST_EPOCHS]
    if len(numbers) < 2 or are_being_learned(history, given, epochs):
        return epochs
    part = part_to_fit(history[:, 0], MOST_FITTED)
    history, given = history[part], given[part]
    variances = [fit_confusions(late_mean(history, number), given)[2].var() + CHANCE_DEVIATION**2 for number in numbers]
    place = int(np.argmax(variances))
    while place > 0 and variances[place - 1] >= CLEARLY_LESS * max(variances):
        place -= 1
    return numbers[place]


def are_being_learned(history: np.ndarray, given: np.ndarray, epochs: int) -> bool:
    """Return whether fewer than three quarters of the given labels are predicted in the last of the first `epochs` epochs.

    Args:
        history: float (n, e, k), log-probabilities of the classes in the training pass by epoch.
        given: int64 (n,), the given classes.
        epochs: at most e.
    """
    return bool((history[:, epochs - 1].argmax(axis=1) == given).mean() < LEAST_ACCURACY)
