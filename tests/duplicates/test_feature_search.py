from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from curv_issues import find_duplicates, find_leakage, from_features
from curv_issues.duplicates.feature_search import compare_vectors
from tests.small import CPU

VECTORS = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32))


def test_similarity_is_one_for_equal_vectors_only() -> None:
    vectors = VECTORS.clone()
    vectors[200:203] = vectors[:3]
    vectors[203:206] = 3 * vectors[3:6]  # cosine 1, another length
    found = compare_vectors(vectors, threshold=None, device=CPU)
    pairs = dict(zip(zip(found.first.tolist(), found.second.tolist(), strict=True), found.similarity.tolist(), strict=True))
    for first in range(3):
        assert pairs[first, first + 200] == pytest.approx(1, abs=1e-6)
        assert pairs[first + 3, first + 203] == pytest.approx(0.6, abs=1e-5)
    assert set(zip(found.same().first.tolist(), found.same().second.tolist(), strict=True)) == {(0, 200), (1, 201), (2, 202)}
    assert (np.diff(found.similarity) <= 0).all()
    assert (found.first < found.second).all()


def random_rows(columns: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(1_500, columns)).astype(np.float32))


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 6, 7, 8, 16, 64])
def test_random_rows_have_few_duplicates(columns: int) -> None:
    assert len(compare_vectors(random_rows(columns), threshold=None, device=CPU).same()) <= 10
    assert len(compare_vectors(random_rows(columns), random_rows(columns, 1), threshold=None, device=CPU).same()) <= 10


@pytest.mark.parametrize(("columns", "deviation"), [(2, 1e-4), (3, 1e-3), (6, 0.01), (7, 0.01), (16, 0.03), (64, 0.1)])
def test_near_copies_are_found_among_random_rows(columns: int, deviation: float) -> None:
    vectors, noise = random_rows(columns), deviation * random_rows(columns, 2)
    vectors[:30] = vectors[100:130] + noise[:30]
    vectors[30:45] = vectors[30] + noise[30:45]  # a group with more copies than compared neighbours
    found = compare_vectors(vectors, threshold=None, device=CPU).same()
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    planted = {(row, row + 100) for row in range(30)}
    assert len(planted & pairs) >= 27
    groups = {pair for pair in pairs if set(pair) <= set(range(30, 45))}
    assert len({row for pair in groups for row in pair}) == 15
    assert len(pairs - planted - groups) <= 10


MIXED: dict[str, Callable[[np.random.Generator, int], list[np.ndarray]]] = {
    "2 normal, 8 binary": lambda rng, n: [rng.normal(size=(n, 2)), rng.integers(0, 2, (n, 8))],
    "4 normal, 12 binary": lambda rng, n: [rng.normal(size=(n, 4)), rng.integers(0, 2, (n, 12))],
    "2 normal, 3 counts": lambda rng, n: [rng.normal(size=(n, 2)), rng.poisson(2, (n, 3))],
    "2 normal, 2 categories": lambda rng, n: [rng.normal(size=(n, 2)), *(np.eye(c)[rng.integers(0, c, n)] for c in (10, 5))],
}


def mixed_rows(name: str, n: int, seed: int) -> torch.Tensor:
    values = np.concatenate(MIXED[name](np.random.default_rng(seed), n), axis=1)
    return torch.from_numpy(((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32))


@pytest.mark.parametrize("n", [200, 1_000])
@pytest.mark.parametrize("name", MIXED)
def test_random_rows_with_few_values_in_some_columns_have_few_duplicates(name: str, n: int) -> None:
    one, other = mixed_rows(name, n, 0), mixed_rows(name, 2 * n, 1)
    assert len(compare_vectors(one, threshold=None, device=CPU).same()) <= 10
    assert len(compare_vectors(other[:n], other[n:], threshold=None, device=CPU).same()) <= 10


@pytest.mark.parametrize("name", ["2 normal, 3 counts", "4 normal, 12 binary"])
def test_near_copies_are_found_beside_columns_with_few_values(name: str) -> None:
    vectors, columns = mixed_rows(name, 1_500, 0), 2 if name.startswith("2") else 4
    vectors[:30] = vectors[100:130]
    vectors[:30, :columns] += 1e-4 * random_rows(columns, 2)[:30]
    found = compare_vectors(vectors, threshold=None, device=CPU).same()
    assert len({(row, row + 100) for row in range(30)} & set(zip(found.first.tolist(), found.second.tolist(), strict=True))) >= 29


def test_near_copies_are_found_if_most_values_are_zero() -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=(1_500, 20)) * (rng.random((1_500, 20)) > 0.7)
    values[:15] = values[100:115] * (1 + 0.001 * rng.normal(size=(15, 20)))
    vectors = torch.from_numpy(((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32))
    found = compare_vectors(vectors, threshold=None, device=CPU).same()
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(pairs & {(row, row + 100) for row in range(15)}) >= 14
    assert len(found) <= 25


def test_both_sets_are_searched_for_neighbours() -> None:
    vectors, others = random_rows(8), random_rows(8, 1)
    others[:20] = vectors[7] + 0.01 * random_rows(8, 2)[:20]  # more than ten near copies of one row
    found = compare_vectors(vectors, others, threshold=0.99, device=CPU).same()
    assert {(7, row) for row in range(20)} <= set(zip(found.first.tolist(), found.second.tolist(), strict=True))


def test_few_columns_are_compared_by_distance() -> None:
    vectors = torch.linspace(1, 2, 400)[:, None] * torch.tensor([[1.0, 2.0]])  # all in one direction
    found = compare_vectors(vectors, threshold=0.9, device=CPU)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert {(row, row + 1) for row in range(399)} <= pairs


def test_many_equal_rows_are_not_paired_with_themselves() -> None:
    found = compare_vectors(torch.ones(30, 3), threshold=None, device=CPU)
    assert (found.first < found.second).all()
    assert (found.similarity == 1).all()


def test_only_equal_rows_reach_a_threshold_of_one() -> None:
    vectors = random_rows(1)
    vectors[0] = vectors[1]
    found = compare_vectors(vectors, threshold=None, device=CPU)
    assert found.threshold == 1
    assert list(zip(found.same().first, found.same().second, strict=True)) == [(0, 1)]


def test_every_similarity_is_that_of_its_pair() -> None:
    found = compare_vectors(VECTORS, threshold=0.5, device=CPU)
    one, other = VECTORS[found.first].double(), VECTORS[found.second].double()
    expected = 2 * (one * other).sum(1) / ((one**2).sum(1) + (other**2).sum(1))
    np.testing.assert_allclose(found.similarity, expected, atol=1e-6)
    assert len(set(zip(found.first.tolist(), found.second.tolist(), strict=True))) == len(found)


def test_duplicates_and_conflicts_without_images() -> None:
    values = VECTORS.numpy().copy()
    values[100], values[101] = values[0], values[1] + 0.001
    labels = np.arange(300) % 3
    labels[100], labels[101] = 1, labels[1]
    found = find_duplicates(from_features(values, labels), device="cpu")
    assert found.conflicts["row"].tolist() == [0, 100]
    assert set(found.conflicts["test"]) == {"identical features"}
    assert found.same_label["row"].tolist() == [1, 101]
    assert set(found.same_label["test"]) == {"near"}


def test_leakage_between_features() -> None:
    values = VECTORS.numpy()
    others = np.concatenate([values[5:8] + 0.001, values[9:10], np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32)])
    table, _ = find_leakage(
        from_features(values, np.arange(300) % 2), from_features(others.astype(np.float32), np.arange(44) % 2), device="cpu"
    )
    assert sorted(zip(table["row"], table["other_row"], strict=True)) == [(5, 0), (6, 1), (7, 2), (9, 3)]
    assert dict(zip(table["row"], table["test"], strict=True)) == {5: "near", 6: "near", 7: "near", 9: "identical features"}
