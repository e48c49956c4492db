"""The nearest neighbours among very many rows, approximately: each query looks into the cells nearest to it only.

The rows are divided into cells by k-means (an inverted file; Sivic, Zisserman 2003, ICCV), and each cell is compared at once with
all queries that look into it. The faiss library does the same, but its wheel crashes beside torch on macOS
(github.com/faiss-wheels/faiss-wheels/issues/73).
"""

from __future__ import annotations

import math

import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from curv_issues.duplicates.nearest import SPARE, nearest

ROWS_OF_A_CELL = 256
PROBED = 16  # cells that a query looks into
KEPT = 6  # rows of a cell that a query keeps until all its cells are seen: itself and five others
SAMPLE = 40  # rows a cell from which the centres are found
BATCH, PASSES = 8_192, 3  # of the k-means
QUERIES = 50_000  # that look at once


def nearest_by_cells(
    queries: Tensor,
    gallery: Tensor,
    k: int,
    *,
    device: torch.device,
    itself: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """As `nearest`, but a neighbour is missed if its cell is none of the 16 nearest, or if five others in its cell are nearer.

    Where fewer than k rows are found, some row is named with the product -inf.
    """
    centres = find_centres(gallery, max(1, math.ceil(len(gallery) / ROWS_OF_A_CELL)))
    home, _ = nearest(gallery, centres, 1, device=device, dtype=dtype)
    asked, begins = _in_order(home[:, 0], len(centres))
    sorted_rows = gallery[asked].to(device=device, dtype=dtype)
    found = [
        _look(part, gallery, k, centres, asked, begins, sorted_rows, None if itself is None else itself[start : start + QUERIES])
        for start, part in zip(range(0, len(queries), QUERIES), queries.split(QUERIES), strict=True)
    ]
    return torch.cat([rows for rows, _ in found]), torch.cat([products for _, products in found])


def _look(
    queries: Tensor,
    gallery: Tensor,
    k: int,
    centres: Tensor,
    asked: Tensor,
    begins: Tensor,
    sorted_rows: Tensor,
    itself: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The neighbours of some queries; `sorted_rows` are the rows `asked` of the gallery, in the order of the cells."""
    device, dtype = sorted_rows.device, sorted_rows.dtype
    probed, _ = nearest(queries, centres, min(PROBED, len(centres)), device=device, dtype=dtype)
    count, probes = probed.shape
    looks, looks_begin = _in_order(probed.flatten(), len(centres))  # look i: query i // probes, its cell number i % probes
    best = torch.full((count * probes, KEPT), float("-inf"))
    place = torch.zeros((count * probes, KEPT), dtype=torch.int32)
    rounded = queries.to(device=device, dtype=dtype)
    for cell in range(len(centres)):
        look, start, end = looks[looks_begin[cell] : looks_begin[cell + 1]], int(begins[cell]), int(begins[cell + 1])
        if len(look) and end > start:
            products = rounded[(look // probes).to(device)] @ sorted_rows[start:end].T
            value, column = products.topk(min(KEPT, end - start), dim=1)
            best[look, : value.shape[1]] = value.float().cpu()
            place[look, : value.shape[1]] = (column + start).int().cpu()
    # one more than is wanted, as the query itself may be among them
    value, column = best.view(count, -1).topk(min(SPARE * k + 1, KEPT * probes), dim=1)
    rows = asked[place.view(count, -1).gather(1, column).long()]
    exact = torch.bmm(gallery[rows], queries[:, :, None])[:, :, 0]
    exact.masked_fill_(value == float("-inf"), float("-inf"))
    if itself is not None:
        exact.masked_fill_(rows == itself[:, None], float("-inf"))
    products, order = exact.topk(min(k, exact.shape[1]), dim=1)
    return rows.gather(1, order), products


def find_centres(rows: Tensor, cells: int) -> Tensor:
    """Centres of cells of rows, float32 (cells, d), at unit length; the same for the same rows."""
    sample = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[: cells * SAMPLE]]
    means = MiniBatchKMeans(cells, init="random", n_init=1, batch_size=BATCH, max_iter=PASSES, random_state=0)
    centres = torch.from_numpy(means.fit(sample.numpy()).cluster_centers_).float()
    return torch.nn.functional.normalize(centres, dim=1)


def _in_order(home: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """What is in each cell, in the order of the cells, and where each begins, (cells + 1,)."""
    sizes = torch.bincount(home, minlength=cells)
    return torch.argsort(home, stable=True), torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
