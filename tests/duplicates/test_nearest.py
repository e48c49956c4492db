from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from curv_issues.duplicates import nearest as module
from curv_issues.duplicates.nearest import nearest
from tests.duplicates.images import rows_of
from tests.small import CPU


def reference_nearest(queries: Tensor, gallery: Tensor, k: int, itself: Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Slow `nearest`: sort all inner products."""
    products = queries.double().numpy() @ gallery.double().numpy().T
    if itself is not None:
        products[np.arange(len(queries)), itself.numpy()] = -np.inf
        k = min(k, len(gallery) - 1)
    rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(products, rows, axis=1)


def check(queries: Tensor, gallery: Tensor, k: int, itself: Tensor | None = None) -> None:
    rows, products = nearest(queries, gallery, k, device=CPU, itself=itself)
    expected_rows, expected = reference_nearest(queries, gallery, k, itself)
    assert (rows.dtype, products.dtype) == (torch.int64, torch.float32)
    np.testing.assert_array_equal(rows.numpy(), expected_rows)
    np.testing.assert_allclose(products.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERIES", 3)
    monkeypatch.setattr(module, "GALLERY", 5)


SIZES = {"q": st.integers(1, 13), "n": st.integers(1, 17), "k": st.integers(1, 20), "block": st.integers(1, 7)}


@given(**SIZES)
@example(q=3, n=5, k=5, block=5)
@example(q=4, n=6, k=6, block=1)
def test_matches_the_reference_for_any_size_and_block(q: int, n: int, k: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "QUERIES", block)
        patch.setattr(module, "GALLERY", 8 - block)
        check(rows_of(q, 6, seed=q), rows_of(n, 6, seed=100 + n), k)


@given(n=SIZES["n"], k=SIZES["k"], block=SIZES["block"])
@example(n=1, k=3, block=2)
@example(n=6, k=5, block=3)
def test_rows_are_not_their_own_neighbours(n: int, k: int, block: int) -> None:
    gallery = rows_of(n, 6, seed=n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "QUERIES", block)
        patch.setattr(module, "GALLERY", 8 - block)
        check(gallery, gallery, k, torch.arange(n))
        rows, _ = nearest(gallery, gallery, k, device=CPU, itself=torch.arange(n))
    assert not (rows == torch.arange(n)[:, None]).any()
    assert rows.shape == (n, min(k, n - 1))


@pytest.mark.usefixtures("small_blocks")
def test_excluded_rows_may_be_any_and_repeated() -> None:
    queries, itself = rows_of(7, 6), torch.tensor([10, 0, 4, 5, 4, 9, 0])
    gallery = rows_of(11, 6, seed=1)
    gallery[itself] *= 10  # most would be found otherwise
    check(queries, gallery, 3, itself)


@pytest.mark.usefixtures("small_blocks")
def test_inner_products_may_all_be_negative() -> None:
    check(rows_of(4, 6).abs(), -rows_of(12, 6, seed=1).abs(), 4)


@pytest.mark.parametrize(("q", "n"), [(0, 5), (4, 0), (0, 0)])
def test_empty_queries_and_gallery(q: int, n: int) -> None:
    rows, products = nearest(rows_of(q, 6), rows_of(n, 6), 3, device=CPU)
    assert (len(rows), rows.dtype) == (q, torch.int64)
    assert (rows.numel(), products.shape) == (0, rows.shape)


def test_gallery_is_unchanged() -> None:
    gallery = rows_of(6, 6)
    nearest(gallery, gallery, 3, device=CPU, itself=torch.arange(6))
    assert torch.equal(gallery, rows_of(6, 6))


def test_groups_of_columns_give_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    queries, gallery = torch.randn(20, 5, generator=generator), torch.randn(300, 5, generator=generator)
    monkeypatch.setattr(module, "GALLERY", 128)  # two blocks of 32 groups of 4, one of a group of 32, and 12 left over
    monkeypatch.setattr(module, "GROUPS", 32)
    rows, products = nearest(queries, gallery, 7, device=CPU)
    best = (queries @ gallery.T).topk(7, dim=1)
    assert torch.equal(rows, best.indices)
    torch.testing.assert_close(products, best.values)


class TestRoundedProducts:
    def test_candidates_are_compared_exactly(self) -> None:
        generator = torch.Generator().manual_seed(4)
        gallery = torch.nn.functional.normalize(torch.randn(500, 16, generator=generator), dim=1)
        rows, products = nearest(gallery, gallery, 5, device=CPU, itself=torch.arange(500), dtype=torch.bfloat16)
        assert products.dtype == torch.float32
        torch.testing.assert_close(products, (gallery[rows] * gallery[:, None]).sum(2), rtol=1e-5, atol=1e-6)
        assert (products.diff(dim=1) <= 0).all()

    def test_nearly_all_exact_neighbours_are_found(self) -> None:
        generator = torch.Generator().manual_seed(5)
        gallery = torch.nn.functional.normalize(torch.randn(2_000, 32, generator=generator), dim=1)
        itself = torch.arange(2_000)
        rows, _ = nearest(gallery, gallery, 10, device=CPU, itself=itself, dtype=torch.bfloat16)
        exact, _ = nearest(gallery, gallery, 10, device=CPU, itself=itself)
        assert (rows[:, :, None] == exact[:, None]).any(2).float().mean() > 0.999

    def test_few_rows_are_all_found(self) -> None:
        gallery = rows_of(6, 4)
        rows, _ = nearest(gallery, gallery, 10, device=CPU, itself=torch.arange(6), dtype=torch.bfloat16)
        assert [sorted(row) for row in rows.tolist()] == [[j for j in range(6) if j != i] for i in range(6)]
