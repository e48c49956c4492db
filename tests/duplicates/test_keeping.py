from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.duplicates.base import NEAR, PIXELS, ComparedImages
from curv_issues.duplicates.keeping import CONFIRMED, Member, choose_kept, preference
from tests.duplicates.links import Link, compared


def rank_of(
    *,
    sizes: Sequence[tuple[int, int]] | None = None,
    num_bytes: Sequence[int] | None = None,
    lossless: Sequence[bool] | None = None,
    links: Sequence[bool] | None = None,
    paths: Sequence[str | None],
) -> list[str | None]:
    """The paths, from the one to keep first."""
    n = len(paths)
    rank = preference(
        np.array(sizes or [(10, 10)] * n, dtype=np.int32),
        np.array(num_bytes or [100] * n, dtype=np.int64),
        np.array(lossless or [False] * n),
        np.array(links or [False] * n),
        paths,
    )
    assert sorted(rank.tolist()) == list(range(n))
    return [paths[i] for i in np.argsort(rank)]


class TestPreference:
    def test_more_pixels_are_better_than_anything_else(self) -> None:
        sizes = [(10, 10), (30_000, 80_000), (11, 10), (80_000, 30_000)]  # more than 32 bits
        assert rank_of(sizes=sizes, num_bytes=[999, 1, 99, 2], lossless=[True, False, True, False], paths=list("abcd")) == list(
            "dbca"
        )

    def test_then_lossless_then_more_bytes(self) -> None:
        assert rank_of(num_bytes=[9, 500, 10, 400], lossless=[True, False, True, False], paths=list("abcd")) == list("cabd")

    def test_then_files_before_links(self) -> None:
        assert rank_of(links=[True, False, True], paths=["a", "b", "c"]) == ["b", "a", "c"]
        assert rank_of(links=[True, False], num_bytes=[101, 100], paths=["a", "b"]) == ["a", "b"]

    def test_then_the_first_path(self) -> None:
        paths = ["b/a.jpg", "a (1).jpg", "a/b/c.jpg", "a.png", "a/b.jpg", "a.jpg", "a copy.jpg", None]
        expected = [None, "a.jpg", "a.png", "a/b.jpg", "a/b/c.jpg", "a (1).jpg", "a copy.jpg", "b/a.jpg"]
        assert rank_of(paths=paths) == expected

    def test_then_the_first_row(self) -> None:
        rank = preference(np.full((3, 2), 4), np.full(3, 7), np.zeros(3, bool), np.zeros(3, bool), [None, None, None])
        assert rank.tolist() == [0, 1, 2]

    def test_nothing(self) -> None:
        empty = np.empty(0, np.int64)
        assert preference(np.empty((0, 2), np.int32), empty, empty.astype(bool), empty.astype(bool), []).tolist() == []


class Judge:
    """Compares pairs by a table of similarities; counts them."""

    def __init__(self, similar: dict[tuple[int, int], float] | None = None) -> None:
        self.similar = similar or {}
        self.asked: list[tuple[int, int]] = []

    def __call__(self, pairs: np.ndarray) -> ComparedImages:
        self.asked += map(tuple, pairs.tolist())
        links: list[Link] = [(i, j, self.similar.get((min(i, j), max(i, j)), 0.0), NEAR) for i, j in pairs.tolist()]
        return compared(links, threshold=0.0)


def groups(
    links: Sequence[Link], n: int, *, rank: Sequence[int] | None = None, judge: Judge | None = None, identical: Sequence[int] = ()
) -> list[list[int]]:
    """The groups, with the kept image first."""
    order = np.argsort(np.array(rank)) if rank is not None else np.arange(n)
    position = np.empty(n, dtype=np.int64)
    position[order] = np.arange(n)
    first = np.array(identical or range(n), dtype=np.int64)
    found = choose_kept(compared(links), first, position, judge or Judge())
    assert all(member.kept == group[0].image for group in found for member in group)
    return [[member.image for member in group] for group in found]


def near(*pairs: tuple[int, int]) -> list[Link]:
    return [(*pair, 0.95, NEAR) for pair in pairs]


class TestChooseKept:
    def test_the_best_image_of_a_group_is_kept(self) -> None:
        assert groups(near((1, 2), (1, 4)), 6, rank=[0, 5, 1, 2, 3, 4]) == [[2, 1]]
        judge = Judge({(2, 4): 0.93})
        assert groups(near((1, 2), (1, 4)), 6, rank=[0, 5, 1, 2, 3, 4], judge=judge) == [[2, 4, 1]]
        assert judge.asked == [(2, 4)]

    def test_pairs_below_the_threshold_do_not_count(self) -> None:
        assert groups([(0, 1, 0.95, NEAR), (1, 2, 0.89, NEAR), (3, 4, 0.9, NEAR)], 5) == [[0, 1], [3, 4]]

    def test_the_ends_of_a_chain_are_both_kept(self) -> None:
        chain = near((0, 1), (1, 2), (2, 3), (3, 4))
        assert groups(chain, 5) == [[0, 1], [2, 3]]  # 4 is a duplicate of 3 only, which is not kept
        assert groups(chain, 5, rank=[3, 0, 4, 2, 1]) == [[1, 0, 2], [4, 3]]

    def test_images_that_were_not_compared_are_compared_with_the_kept_one(self) -> None:
        star = near(*((0, i) for i in range(1, 6)))
        similar = {(i, j): 0.97 for i in range(1, 6) for j in range(i + 1, 6)}
        judge = Judge(similar)
        assert groups(star, 6, rank=[5, 0, 1, 2, 3, 4], judge=judge) == [[1, 2, 3, 4, 5, 0]]
        assert judge.asked == [(1, 2), (1, 3), (1, 4), (1, 5)]
        similar[1, 3] = 0.89
        assert groups(star, 6, rank=[5, 0, 1, 2, 3, 4], judge=Judge(similar)) == [[1, 2, 4, 5, 0]]

    def test_identical_copies_share_all_duplicates(self) -> None:
        """The best copy is kept, wherever the pairs are linked."""
        links: list[Link] = [(0, 2, 1.0, PIXELS), (0, 3, 1.0, PIXELS), (0, 1, 0.95, NEAR), (4, 5, 1.0, PIXELS)]
        identical = [0, 1, 0, 0, 4, 4]
        assert groups(links, 6, rank=[2, 3, 1, 0, 5, 4], identical=identical) == [[3, 2, 0, 1], [5, 4]]
        assert groups(links, 6, rank=[2, 0, 3, 1, 4, 5], identical=identical) == [[1, 3, 0, 2], [4, 5]]

    def test_members_know_similarity_and_orientation(self) -> None:
        links = compared([(0, 1, 0.95, NEAR), (0, 2, 1.0, PIXELS), (1, 3, 0.92, NEAR)])
        links = replace(links, mirrored=np.array([False, False, True]), turns=np.array([1, 0, 2]))
        rank, identical = np.array([1, 0, 2, 3]), np.array([0, 1, 0, 3])
        (found,) = choose_kept(links, identical, rank, Judge())
        assert found[0] == Member(1, 1, 1.0, False, 0)
        assert [(member.image, round(member.similarity, 2), member.is_near, member.code) for member in found[1:]] == [
            (0, 0.95, True, 2),  # 1, turned by a quarter, is 0
            (2, 0.95, True, 2),
            (3, 0.92, True, 5),
        ]
        (found,) = choose_kept(links, identical, np.array([0, 1, 2, 3]), Judge({(0, 3): 0.99}))
        assert [(member.image, round(member.similarity, 2), member.is_near, member.code) for member in found] == [
            (0, 1.0, False, 0),
            (2, 1.0, False, 0),
            (1, 0.95, True, 6),
            (3, 0.99, True, 0),
        ]

    def test_a_long_chain_is_not_compared_with_itself(self) -> None:
        n = 400
        judge = Judge()
        found = groups(near(*((i, i + 1) for i in range(n - 1))), n, judge=judge)
        assert found == [[i, i + 1] for i in range(0, n, 2)]
        assert len(judge.asked) <= CONFIRMED * n

    def test_no_pairs(self) -> None:
        judge = Judge()
        assert groups([], 4, judge=judge) == groups([(0, 1, 0.3, NEAR)], 4, judge=judge) == []
        assert judge.asked == []

    @given(data=st.data())
    def test_every_other_image_is_a_duplicate_of_the_kept_one(self, data: st.DataObject) -> None:
        n = data.draw(st.integers(1, 10))
        numbers = st.integers(0, n - 1)
        drawn = data.draw(st.lists(st.tuples(numbers, numbers, st.sampled_from([0.5, 0.89, 0.9, 0.96])), max_size=20))
        similar = {(min(i, j), max(i, j)): value for i, j, value in drawn if i != j}
        known = data.draw(st.sets(st.sampled_from(sorted(similar)))) if similar else set()
        rank = data.draw(st.permutations(range(n)))
        links: list[Link] = [(*pair, similar[pair], NEAR) for pair in sorted(known)]
        found = groups(links, n, rank=rank, judge=Judge(similar))
        members = [image for group in found for image in group]
        assert len(members) == len(set(members))
        for kept, *others in found:
            assert all(similar[min(kept, other), max(kept, other)] >= 0.9 for other in others)
            assert all(rank[kept] < rank[other] for other in others)
        duplicates = {pair for pair in known if similar[pair] >= 0.9}
        removed = {image for group in found for image in group[1:]}
        assert all(removed & set(pair) for pair in duplicates)  # of two duplicates, at most one stays


@pytest.mark.parametrize("rounds", [0, 1])
def test_known_pairs_are_enough_after_the_last_round(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.duplicates.keeping.CONFIRMED", rounds)
    judge = Judge({(0, 2): 0.99})
    expected = [[0, 1, 2]] if rounds else [[0, 1]]
    assert groups(near((0, 1), (1, 2)), 3, judge=judge) == expected
    assert judge.asked == [(0, 2)] * rounds
