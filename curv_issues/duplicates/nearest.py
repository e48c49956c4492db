"""The nearest neighbours of rows by inner product, block by block: nothing is n x n."""

from __future__ import annotations

import torch
from torch import Tensor

QUERIES, GALLERY = 256, 8_192  # rows of a block: 8 MB of inner products, which stay in the cache
GROUP = 32  # columns of a block whose maximum is looked at first


def nearest(
    queries: Tensor, gallery: Tensor, k: int, *, device: torch.device, itself: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The k rows of `gallery` with the largest inner product with each query; exact.

    Args:
        queries: float32 (q, d).
        gallery: float32 (n, d).
        k: number of neighbours; fewer if the gallery is smaller.
        device: where to compute.
        itself: int64 (q,), the row of the gallery that each query is and that does not count as its neighbour; or None.

    Returns:
        Rows of the gallery, int64 (q, k), nearest first, and their inner products, float32 (q, k); on the CPU.
    """
    k = min(k, len(gallery) - (itself is not None))
    if k <= 0 or len(queries) == 0:
        return torch.empty(len(queries), 0, dtype=torch.int64), torch.empty(len(queries), 0)
    rows, products = [], []
    gallery = gallery.to(device)
    for start in range(0, len(queries), QUERIES):
        block = queries[start : start + QUERIES].to(device)
        own = None if itself is None else itself[start : start + QUERIES].to(device)
        best, where = _nearest_of_block(block, gallery, k, own)
        products.append(best.cpu())
        rows.append(where.cpu())
    return torch.cat(rows), torch.cat(products)


def _nearest_of_block(queries: Tensor, gallery: Tensor, k: int, own: Tensor | None) -> tuple[Tensor, Tensor]:
    best = queries.new_empty(len(queries), 0)
    where = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(gallery), GALLERY):
        part = gallery[start : start + GALLERY]
        products = queries @ part.T
        if own is not None:
            inside = ((own >= start) & (own < start + len(part))).nonzero()[:, 0]
            products[inside, own[inside] - start] = float("-inf")
        found, place = _largest(products, k)
        best, where = torch.cat([best, found], 1), torch.cat([where, place + start], 1)
        best, order = best.topk(min(k, best.shape[1]), dim=1)
        where = where.gather(1, order)
    return best, where


def _largest(products: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row, fewer if there are fewer columns, and their columns.

    Each lies in one of the k groups of columns with the largest maxima, and to find these takes a fraction of `topk`'s time.
    """
    rows, columns = products.shape
    if columns % GROUP or columns <= k * GROUP:
        return products.topk(min(k, columns), dim=1)
    groups = products.view(rows, -1, GROUP).amax(2).topk(k, dim=1).indices
    place = (groups[:, :, None] * GROUP + torch.arange(GROUP, device=products.device)).flatten(1)
    found, order = products.gather(1, place).topk(k, dim=1)
    return found, place.gather(1, order)
