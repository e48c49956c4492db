from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from curv_issues.duplicates.base import BYTES, NEAR, PIXELS, TESTS
from curv_issues.duplicates.groups import best_links, group_images
from tests.duplicates.links import Link, compared, near


def reference_groups(pairs: list[tuple[int, int]], n: int) -> list[int]:
    """Slow groups: for each pair, give all images of one group the number of the other."""
    number = list(range(n))
    for one, other in pairs:
        number = [min(number[one], number[other]) if each in (number[one], number[other]) else each for each in number]
    large = [each if number.count(each) > 1 else -1 for each in number]
    order = list(dict.fromkeys(each for each in large if each >= 0))
    return [order.index(each) if each >= 0 else -1 for each in large]


def test_a_chain_is_one_group() -> None:
    assert group_images(near((1, 2), (3, 4), (2, 3)), 6).tolist() == [-1, 0, 0, 0, 0, -1]


def test_groups_are_numbered_by_their_first_members() -> None:
    numbers = group_images(near((5, 6), (2, 7), (0, 8), (6, 9)), 10)
    assert numbers.tolist() == [0, -1, 1, -1, -1, 2, 2, 1, 0, 2]
    assert numbers.dtype == np.int64


def test_numbers_do_not_depend_on_component_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(links: coo_matrix, directed: bool) -> tuple[int, np.ndarray]:
        count, component = connected_components(links, directed=directed)
        return count, count - 1 - component

    monkeypatch.setattr("scipy.sparse.csgraph.connected_components", backwards)
    assert group_images(near((5, 6), (2, 7), (0, 8)), 9).tolist() == [0, -1, 1, -1, -1, 2, 2, 1, 0]


def test_no_pairs_give_no_groups() -> None:
    assert group_images(near(), 3).tolist() == [-1, -1, -1]
    assert group_images(near(), 0).tolist() == []


@given(
    st.integers(2, 14).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))))
)
def test_matches_the_reference(case: tuple[int, list[tuple[int, int]]]) -> None:
    n, drawn = case
    pairs = [(min(pair), max(pair)) for pair in drawn if pair[0] != pair[1]]
    assert group_images(near(*pairs), n).tolist() == reference_groups(pairs, n)


def test_best_links_are_the_most_similar_and_the_strongest() -> None:
    links = [(0, 1, 1.0, PIXELS), (0, 2, 1.0, BYTES), (0, 4, 0.93, NEAR), (4, 5, 0.97, NEAR), (1, 5, 0.91, NEAR)]
    similarity, test = best_links(compared(links), 7)
    np.testing.assert_array_equal(similarity, np.array([1, 1, 1, np.nan, 0.97, 0.97, np.nan], dtype=np.float32))
    assert similarity.dtype == np.float32
    assert test.tolist() == [BYTES, PIXELS, BYTES, None, NEAR, NEAR, None]


def test_no_links_give_no_best_link() -> None:
    similarity, test = best_links(compared([]), 2)
    assert np.isnan(similarity).all()
    assert test.tolist() == [None, None]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(6, 11), st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0]), st.sampled_from(TESTS)),
        max_size=12,
    )
)
def test_best_links_match_the_reference(links: list[Link]) -> None:
    similarity, test = best_links(compared(links), 12)
    for i in range(12):
        own = [link for link in links if i in link[:2]]
        assert (None if np.isnan(similarity[i]) else similarity[i]) == max((link[2] for link in own), default=None)
        assert test[i] == min((link[3] for link in own), key=TESTS.index, default=None)
