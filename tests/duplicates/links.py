"""Pairs of compared images, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from curv_issues.duplicates.base import BYTES, NEAR, ComparedImages

Link = tuple[int, int, float, str]


def compared(links: Sequence[Link], *, threshold: float = 0.9) -> ComparedImages:
    """Pairs of (first, second, similarity, test)."""
    return ComparedImages(
        first=np.array([link[0] for link in links], dtype=np.int64),
        second=np.array([link[1] for link in links], dtype=np.int64),
        similarity=np.array([link[2] for link in links], dtype=np.float32),
        test=np.array([link[3] for link in links], dtype=object),
        mirrored=np.zeros(len(links), dtype=bool),
        turns=np.zeros(len(links), dtype=np.int64),
        threshold=threshold,
    )


def near(*pairs: tuple[int, int]) -> ComparedImages:
    """Pairs of near-duplicates."""
    return compared([(*pair, 0.95, NEAR) for pair in pairs])


def copies(*members: int) -> ComparedImages:
    """Identical images: each is linked to the first."""
    return compared([(members[0], member, 1.0, BYTES) for member in members[1:]])


def labels_of(*labels: int) -> np.ndarray:
    return np.array(labels, dtype=np.int64)


def reference_groups(pairs: Sequence[tuple[int, int]], n: int) -> list[list[int]]:
    """Slow groups: merge sets of images that share a member; sorted by first member."""
    found = [{i} for i in range(n)]
    for one, other in pairs:
        touched = [group for group in found if one in group or other in group]
        found = [group for group in found if group not in touched] + [set().union(*touched)]
    return sorted(sorted(group) for group in found if len(group) > 1)


@st.composite
def cases(draw: st.DrawFn) -> tuple[ComparedImages, np.ndarray, np.ndarray | None, np.ndarray | None]:
    n, k = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    numbers = st.integers(0, n - 1)
    drawn = draw(st.lists(st.tuples(numbers, numbers, st.sampled_from([-0.3, 0.2, 0.89, 0.9, 0.95, 1.0])), max_size=14))
    links = {(min(i, j), max(i, j)): (min(i, j), max(i, j), value, NEAR) for i, j, value in drawn if i != j}
    labels = np.array(draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)), dtype=np.int64)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    levels = np.array([0.0, 0.0001, 0.25, 0.5, 1.0], dtype=np.float16)  # few, so that labels tie
    pred_probs = levels[rng.integers(0, 5, (n, k))] if draw(st.booleans()) else None
    features = rng.normal(size=(n, 3)).astype(np.float16) if draw(st.booleans()) else None
    return compared(list(links.values()), threshold=draw(st.sampled_from([0.9, 0.95, 0.999]))), labels, pred_probs, features
