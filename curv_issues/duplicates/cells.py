"""Approximate nearest neighbours among many rows: each query is compared only with the cells near its own.

K-means divides the rows into cells (an inverted file; Sivic, Zisserman 2003, ICCV). All queries of a cell are compared at
once with all rows of the nearby cells. The faiss library has such indices, but its wheel crashes on macOS when torch is
loaded too (github.com/faiss-wheels/faiss-wheels/issues/73).
"""

from __future__ import annotations

import math

import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor
from torch.nn import functional

from curv_issues.duplicates.nearest import nearest

ROWS_OF_A_CELL = 256
NEAR = 160  # cells searched per query: about 40,000 rows
SAMPLE = 40  # rows per cell that k-means is fitted on
BATCH, PASSES = 8_192, 3  # of the k-means


class Cells:
    """An index of rows, divided into cells, for approximate neighbour search."""

    def __init__(self, gallery: Tensor, *, device: torch.device, dtype: torch.dtype, axes: Tensor | None = None) -> None:
        """Divide the rows.

        Args:
            gallery: float32 (n, d).
            device: where to compare.
            dtype: type in which rows are compared before the best ones are compared exactly.
            axes: float32 (d, e); cells are assigned by a row's normalised projection on these axes. Fewer neighbours are
                missed with few axes along which neighbours hardly differ. None: use the row itself.
        """
        self._axes, self._device, self._dtype = axes, device, dtype
        keys = self._keys(gallery)
        self._centres = find_centres(keys, max(1, math.ceil(len(gallery) / ROWS_OF_A_CELL)))
        home, _ = nearest(keys, self._centres, 1, device=device, dtype=dtype)
        order, begins = _in_order(home[:, 0], len(self._centres))
        self._asked = order.tensor_split(begins[1:-1])
        self._rows = gallery[order].tensor_split(begins[1:-1])
        self._near, _ = nearest(self._centres, self._centres, NEAR, device=device)

    def nearest(self, queries: Tensor, k: int, *, itself: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return neighbours like the function `nearest`, except those whose cell is not near the query's cell.

        If fewer than k rows are compared, the rest is filled with arbitrary rows and the product -inf.
        """
        size = sum(map(len, self._asked))
        count = min(k, size - (itself is not None))
        rows = torch.zeros(len(queries), count, dtype=torch.int64)
        products = torch.full((len(queries), count), float("-inf"))
        home, _ = nearest(self._keys(queries), self._centres, 1, device=self._device, dtype=self._dtype)
        asking, begins = _in_order(home[:, 0], len(self._centres))
        position = torch.full((size,), -1)
        for cell, near in enumerate(self._near.tolist()):
            own = asking[begins[cell] : begins[cell + 1]]
            if len(own) == 0:
                continue
            asked = torch.cat([self._asked[number] for number in near])
            part = torch.cat([self._rows[number] for number in near])
            here = None
            if itself is not None:
                position[asked] = torch.arange(len(asked))
                here = position[itself[own]]
                position[asked] = -1
            found, values = nearest(queries[own], part, count, device=self._device, itself=here, dtype=self._dtype)
            rows[own, : found.shape[1]], products[own, : found.shape[1]] = asked[found], values
        return rows, products

    def _keys(self, rows: Tensor) -> Tensor:
        return rows if self._axes is None else functional.normalize(rows @ self._axes, dim=1)


def find_centres(rows: Tensor, cells: int) -> Tensor:
    """Return centres of cells of the rows, float32 (cells, d), at unit length; deterministic."""
    sample = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[: cells * SAMPLE]]
    means = MiniBatchKMeans(cells, init="random", n_init=1, batch_size=BATCH, max_iter=PASSES, random_state=0)
    centres = torch.from_numpy(means.fit(sample.numpy()).cluster_centers_).float()
    return functional.normalize(centres, dim=1)


def _in_order(home: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Return the positions sorted by cell, (n,), and the start of each cell among them, (cells + 1,)."""
    sizes = torch.bincount(home, minlength=cells)
    return torch.argsort(home, stable=True), torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
