from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as drawn_from
from hypothesis import strategies as st

from curv_issues.confusions.random_errors import LEAST_CLASSES, LEAST_LAST, fraction_random


def flipped(rate: float, *, hardness: float, n: int = 20_000, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (n, k) in which each class is mistaken for the next one, more often the harder it is, and flipped labels."""
    random = np.random.default_rng(0)
    true = random.integers(0, k, n)
    scores = random.normal(size=(n, k)) + 6 * np.eye(k)[true] + hardness * np.eye(k)[(true + 1) % k]
    others = (true + random.integers(1, k, n)) % k
    return scores, np.where(random.random(n) < rate, others, true)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.4])
@pytest.mark.parametrize("hardness", [0.0, 6.0])
def test_labels_drawn_at_random_are_counted_however_hard_the_classes_are(rate: float, hardness: float) -> None:
    assert fraction_random(*flipped(rate, hardness=hardness)) == pytest.approx(rate, rel=0.1, abs=0.002)


def test_labels_of_the_next_best_class_are_not_counted() -> None:
    scores, true = flipped(0.0, hardness=3.0)
    assert fraction_random(scores, (true + 1) % 10) == pytest.approx(0.0, abs=0.01)


@drawn_from(st.integers(LEAST_CLASSES, 14) | st.integers(30, 45), st.integers(0, 2**31))
def test_it_matches_a_slow_version(k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, given = random.normal(size=(12, k)), random.integers(0, k, 12)
    fractions = []
    for first in (place for place in range(1, k) if (k - place) / (k - 1) >= LEAST_LAST):
        among = [sum(other > row[label] for other in row) >= first for row, label in zip(scores, given, strict=True)]
        fractions.append(sum(among) / 12 / ((k - first) / (k - 1)))
    assert fraction_random(scores, given) == pytest.approx(min(fractions))


def test_few_classes_show_none() -> None:
    assert fraction_random(np.zeros((5, LEAST_CLASSES - 1)), np.ones(5, np.int64)) == 0.0
