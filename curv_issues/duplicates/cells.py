"""The nearest neighbours among very many rows, approximately: only those in the nearest cells are looked at.

The rows are divided into cells by k-means (an inverted file; Sivic, Zisserman 2003, ICCV). Queries of one cell share the rows they
are compared with, so every step is a matrix product. The faiss library does the same, but its wheel crashes beside torch on macOS.
"""

from __future__ import annotations

import math

import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from curv_issues.duplicates.nearest import nearest

ROWS_OF_A_CELL = 256
PROBED = 64  # cells whose rows are compared with the queries of a cell
SAMPLE = 40  # rows a cell from which the centres are found
BATCH, PASSES = 8_192, 3  # of the k-means


def nearest_by_cells(
    queries: Tensor,
    gallery: Tensor,
    k: int,
    *,
    device: torch.device,
    itself: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """As `nearest`, but a neighbour in a cell far from the query's may be missed, and others take its place.

    Where fewer than k rows lie in the cells that are looked at, the last row is repeated with the product -inf.
    """
    cells = max(1, math.ceil(len(gallery) / ROWS_OF_A_CELL))
    centres = find_centres(gallery, cells)
    home, home_2 = (nearest(rows, centres, 1, device=device, dtype=dtype)[0][:, 0] for rows in (queries, gallery))
    near, _ = nearest(centres, centres, min(PROBED, len(centres)), device=device)
    asking, asking_from = _by_cell(home, len(centres))
    asked, asked_from = _by_cell(home_2, len(centres))
    rows = torch.full((len(queries), k), len(gallery) - 1, dtype=torch.int64)
    products = torch.full((len(queries), k), float("-inf"))
    for cell in range(len(centres)):
        mine = asking[asking_from[cell] : asking_from[cell + 1]]
        if len(mine) == 0:
            continue
        members = torch.cat([asked[asked_from[other] : asked_from[other + 1]] for other in near[cell].tolist()])
        own = None
        if itself is not None:
            members = members.sort().values
            place = torch.searchsorted(members, itself[mine])
            here = members[place.clamp(max=len(members) - 1)] == itself[mine]
            own = torch.where(here, place, len(members))  # a row beyond the last is nobody
        found, value = nearest(queries[mine], gallery[members], k, device=device, itself=own, dtype=dtype)
        width = found.shape[1]
        rows[mine, :width], products[mine, :width] = members[found], value
    return rows, products


def find_centres(rows: Tensor, cells: int) -> Tensor:
    """Centres of cells of rows, float32 (cells, d), at unit length; the same for the same rows."""
    sample = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[: cells * SAMPLE]]
    means = MiniBatchKMeans(cells, init="random", n_init=1, batch_size=BATCH, max_iter=PASSES, random_state=0)
    centres = torch.from_numpy(means.fit(sample.numpy()).cluster_centers_).float()
    return torch.nn.functional.normalize(centres, dim=1)


def _by_cell(home: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Rows in the order of their cells, and where each cell begins, (cells + 1,)."""
    sizes = torch.bincount(home, minlength=cells)
    return torch.argsort(home, stable=True), torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
