from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.duplicates.feature_threshold import LEAST, choose_feature_threshold, exponents_of_columns
from curv_issues.duplicates.threshold import EXPECTED

K = 10
COLUMNS = np.ones((1, 100))  # continuous, so they allow any dimension


def distances(dimension: float, *, n: int = 200, greatest: float = 0.01) -> np.ndarray:
    """Return squared distances whose logarithms are those expected of neighbours in a space of that dimension."""
    steps = np.array([sum(1 / rank for rank in range(low, K)) for low in range(1, K + 1)])
    return np.tile(greatest * np.exp(-steps * 2 / dimension), (n, 1))


@pytest.mark.parametrize(("dimension", "pairs"), [(2, 100), (4, 100), (6.5, 25_000)])
def test_three_pairs_are_expected_at_the_threshold(dimension: float, pairs: int) -> None:
    squared = distances(dimension)
    difference = 1 - choose_feature_threshold(squared, squared, COLUMNS, num_pairs=pairs)
    assert pairs * K * (difference / 0.01) ** (dimension / 2) == pytest.approx(EXPECTED, rel=1e-6)


def test_differences_give_the_density_and_distances_the_dimension() -> None:
    one = choose_feature_threshold(distances(4), distances(4), COLUMNS, num_pairs=100)
    assert choose_feature_threshold(7 * distances(4), distances(4), COLUMNS, num_pairs=100) == pytest.approx(one, abs=1e-12)
    other = choose_feature_threshold(distances(4), 7 * distances(4), COLUMNS, num_pairs=100)
    assert 1 - other == pytest.approx(7 * (1 - one), abs=1e-12)


def test_copies_do_not_matter() -> None:
    squared = distances(4, n=1_000)
    before = choose_feature_threshold(squared, squared, COLUMNS, num_pairs=500)
    squared[:10] *= 1e-6  # groups of more than ten near copies
    squared[10:500, :4] *= 1e-6  # pairs and small groups
    assert choose_feature_threshold(squared, squared, COLUMNS, num_pairs=500) == pytest.approx(before, abs=1e-12)


def test_dense_places_give_the_dimension() -> None:
    dense, others = distances(4, n=100, greatest=0.001), distances(30, n=700)
    squared = np.concatenate([others, dense])
    difference = 1 - choose_feature_threshold(squared, squared, COLUMNS, num_pairs=400)
    expected = 50 * K * (difference / 0.001) ** 2 + 350 * K * (difference / 0.01) ** 2
    assert expected == pytest.approx(EXPECTED, rel=1e-6)


def test_all_of_few_rows_give_the_dimension() -> None:
    squared = np.concatenate([distances(4, n=10, greatest=0.009), distances(8, n=50)])
    difference = 1 - choose_feature_threshold(squared, squared, COLUMNS, num_pairs=60)
    exponent = 60 / (10 / 4 + 50 / 8) / 2
    expected = 10 * K * (difference / 0.009) ** exponent + 50 * K * (difference / 0.01) ** exponent
    assert expected == pytest.approx(EXPECTED, rel=1e-6)


def test_rows_with_equal_neighbours_do_not_count() -> None:
    squared = distances(4, n=400)
    before = choose_feature_threshold(squared[:200], squared[:200], COLUMNS, num_pairs=100)
    squared[200:, :5] = 0
    assert choose_feature_threshold(squared, squared, COLUMNS, num_pairs=200) == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("shape", [(0, 0), (0, 10), (5, 4), (5, 5)])
def test_only_equal_rows_are_duplicates_if_there_are_few(shape: tuple[int, int]) -> None:
    assert choose_feature_threshold(np.ones(shape), np.ones(shape), COLUMNS, num_pairs=5) == 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_only_equal_rows_are_duplicates_if_distances_say_nothing(value: float) -> None:
    assert choose_feature_threshold(np.full((50, K), value), np.full((50, K), value), COLUMNS, num_pairs=25) == 1


def column_squares(values: np.ndarray) -> np.ndarray:
    one, other = np.random.default_rng(1).integers(0, len(values), (2, 50_000))
    return (values[one] - values[other])[one != other] ** 2


def test_continuous_columns_add_half_an_exponent_and_gaps_nothing() -> None:
    rng = np.random.default_rng(0)
    normal, binary = rng.normal(size=(2_000, 2)), rng.integers(0, 2, (2_000, 3))
    constant = np.zeros((2_000, 1))
    squares = column_squares(np.concatenate([normal, binary, constant], axis=1))
    near, far = exponents_of_columns(squares, np.array([1e-3, 0.5]), enough=3)
    assert near == pytest.approx(1, abs=0.03)
    assert 1.2 < far < 2.5


def test_steps_count_only_where_the_distance_is_larger() -> None:
    squares = column_squares(np.random.default_rng(0).integers(0, 100, (2_000, 2)).astype(float))
    near, far = exponents_of_columns(squares, np.array([0.01, 100.0]), enough=1)
    assert near < 0.2
    assert far == pytest.approx(1, abs=0.1)


def test_columns_without_equal_values_set_no_limit() -> None:
    assert (exponents_of_columns(np.ones((9, 4)), np.array([0.1, 1.0]), enough=2) == np.inf).all()
    assert (exponents_of_columns(np.ones((9, 4)), np.array([0.1, 1.0]), enough=2.1) < 2.1).all()


def test_columns_with_few_values_raise_the_threshold() -> None:
    squares = np.concatenate([np.ones((90, 2)), np.tile([[0.0], [4.0]], (45, 3))], axis=1)
    free, limited = (choose_feature_threshold(distances(8), distances(8), each, num_pairs=100) for each in (COLUMNS, squares))
    assert 1 - limited < 0.5 * (1 - free)


@given(
    seed=st.integers(0, 100),
    n=st.integers(0, 60),
    k=st.integers(0, 12),
    columns=st.integers(1, 20),
    pairs=st.floats(1, 1e6),
    more=st.floats(1, 1e3),
)
def test_more_pairs_never_lower_the_threshold(seed: int, n: int, k: int, columns: int, pairs: float, more: float) -> None:
    squared = np.random.default_rng(seed).chisquare(columns, (n, k)).round(1)
    before = choose_feature_threshold(squared, squared / columns / 8, COLUMNS, num_pairs=pairs)
    after = choose_feature_threshold(squared, squared / columns / 8, COLUMNS, num_pairs=more * pairs)
    assert LEAST <= before <= after <= 1
    assert isinstance(before, float)
