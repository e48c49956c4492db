from __future__ import annotations

import pytest
import torch

from curv_issues.duplicates import candidates, cells
from curv_issues.duplicates.cells import Cells, find_centres
from curv_issues.duplicates.nearest import nearest
from tests.duplicates.images import textured
from tests.small import CPU


def clustered(n: int, *, seed: int = 0) -> torch.Tensor:
    """Rows around 30 centres, at unit length."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(30, 12, generator=torch.Generator().manual_seed(99))
    rows = centres[torch.randint(30, (n,), generator=generator)] + 0.3 * torch.randn(n, 12, generator=generator)
    return torch.nn.functional.normalize(rows, dim=1)


@pytest.fixture(autouse=True)
def _small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "ROWS_OF_A_CELL", 20)
    monkeypatch.setattr(cells, "NEAR", 8)


def nearest_by_cells(
    queries: torch.Tensor,
    gallery: torch.Tensor,
    k: int,
    *,
    itself: torch.Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    axes: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    return Cells(gallery, device=CPU, dtype=dtype, axes=axes).nearest(queries, k, itself=itself)


def check(rows: torch.Tensor, products: torch.Tensor, queries: torch.Tensor, gallery: torch.Tensor) -> None:
    """Check that rows and products are correct and in order."""
    there = products > float("-inf")
    expected = (queries[:, None] * gallery[rows]).sum(2)
    torch.testing.assert_close(products[there], expected[there], atol=1e-5, rtol=0)
    assert (products.diff(dim=1)[there[:, 1:]] <= 1e-6).all()


def test_nearly_all_neighbours_are_found() -> None:
    gallery = clustered(600)
    itself = torch.arange(600)
    rows, products = nearest_by_cells(gallery, gallery, 5, itself=itself)
    check(rows, products, gallery, gallery)
    assert (rows != itself[:, None]).all()
    exact, _ = nearest(gallery, gallery, 5, device=CPU, itself=itself)
    assert (rows[:, :, None] == exact[:, None]).any(2).float().mean() > 0.95


def test_copies_are_always_found() -> None:
    gallery = torch.cat([clustered(600), clustered(600)[:50]])
    rows, products = nearest_by_cells(gallery, gallery, 3, itself=torch.arange(650))
    assert rows[600:, 0].tolist() == list(range(50))
    torch.testing.assert_close(products[600:, 0], torch.ones(50))


def test_between_two_sets() -> None:
    queries, gallery = clustered(70, seed=1), clustered(400)
    rows, products = nearest_by_cells(queries, gallery, 4)
    check(rows, products, queries, gallery)
    exact, _ = nearest(queries, gallery, 4, device=CPU)
    assert (rows[:, :, None] == exact[:, None]).any(2).float().mean() > 0.95


def test_searching_every_cell_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "NEAR", 1_000)
    gallery = clustered(300)
    rows, _ = nearest_by_cells(gallery, gallery, 6, itself=torch.arange(300))
    assert torch.equal(rows, nearest(gallery, gallery, 6, device=CPU, itself=torch.arange(300))[0])


def test_missing_neighbours_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "ROWS_OF_A_CELL", 2)
    monkeypatch.setattr(cells, "NEAR", 1)
    gallery = clustered(40)
    rows, products = nearest_by_cells(gallery, gallery, 10, itself=torch.arange(40))
    missing = products == float("-inf")
    assert missing.any()
    assert ((rows >= 0) & (rows < 40)).all()
    check(rows, products, gallery, gallery)


def test_all_rows_are_found_if_fewer_than_requested() -> None:
    gallery = clustered(5)
    for itself, others in ((None, 5), (torch.arange(5), 4)):
        rows, products = nearest_by_cells(gallery, gallery, 9, itself=itself)
        assert rows.shape == products.shape == (5, others)
        assert torch.equal(rows, nearest(gallery, gallery, 9, device=CPU, itself=itself)[0])


def test_centres_are_deterministic() -> None:
    gallery = clustered(200)
    state = torch.get_rng_state()
    assert torch.equal(find_centres(gallery, 7), find_centres(gallery, 7))
    assert find_centres(gallery, 7).shape == (7, 12)
    assert torch.equal(torch.get_rng_state(), state)


def test_large_datasets_are_searched_by_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.from_numpy(textured(60))
    exact = candidates.candidates_within(images, torch.arange(60), None, device=CPU)
    monkeypatch.setattr(candidates, "APPROXIMATE_FROM", 50)
    monkeypatch.setattr(cells, "NEAR", 1_000)
    found = candidates.candidates_within(images, torch.arange(60), None, device=CPU)
    assert all(torch.equal(one, other) for one, other in zip(found, exact, strict=True))
    monkeypatch.setattr(cells, "NEAR", 1)
    fewer = candidates.candidates_within(images, torch.arange(60), None, device=CPU)
    assert len(fewer.pairs) > 0
    assert fewer.pairs.tolist() != exact.pairs.tolist()


def test_rounded_products_find_the_same_copies() -> None:
    gallery = torch.cat([clustered(600), clustered(600)[:50]])
    rows, products = nearest_by_cells(gallery, gallery, 3, itself=torch.arange(650), dtype=torch.bfloat16)
    check(rows, products, gallery, gallery)
    assert rows[600:, 0].tolist() == list(range(50))


def test_cells_on_chosen_axes_ignore_the_other_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "NEAR", 1)
    light, colours = clustered(600), torch.randn(600, 6, generator=torch.Generator().manual_seed(5))
    gallery = torch.nn.functional.normalize(torch.cat([light, 0.4 * colours], 1), dim=1)
    grey = torch.nn.functional.normalize(torch.cat([light, torch.zeros(600, 6)], 1), dim=1)
    found = {}
    for name, axes in (("light", torch.eye(18)[:, :12]), ("all", None)):
        rows, products = nearest_by_cells(grey, gallery, 6, axes=axes)
        check(rows, products, grey, gallery)
        found[name] = float((rows == torch.arange(600)[:, None]).any(1).float().mean())
    assert found["light"] > found["all"] + 0.1
