"""Nearest neighbours by inner product, in blocks, so that no n x n array is needed."""

from __future__ import annotations

import torch
from torch import Tensor

QUERIES, GALLERY = 256, 65_536  # rows per block: at most 64 MB of inner products
GROUPS = 512  # groups of columns per block, whose maxima are compared first
SPARE = 2  # neighbours preselected by rounded products per neighbour kept by exact ones


def nearest(
    queries: Tensor,
    gallery: Tensor,
    k: int,
    *,
    device: torch.device,
    itself: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Return the k rows of `gallery` with the largest inner product with each query.

    Args:
        queries: float32 (q, d).
        gallery: float32 (n, d).
        k: number of neighbours; fewer if the gallery is smaller.
        device: where to compute.
        itself: int64 (q,), the gallery row of each query, which is not its neighbour; None: queries are not in the gallery.
        dtype: type in which all rows are compared. float32 is exact; bfloat16 is faster on hardware that supports it, but may
            miss a neighbour if 2k others equal it within rounding.

    Returns:
        Rows of the gallery, int64 (q, k), nearest first, and their inner products, float32 (q, k); on the CPU.
    """
    k = min(k, len(gallery) - (itself is not None))
    rows, products = torch.empty(len(queries), max(k, 0), dtype=torch.int64), torch.empty(len(queries), max(k, 0))
    if k <= 0 or len(queries) == 0:
        return rows, products
    gallery = gallery.to(device)
    compared = gallery.to(dtype)
    # one buffer for all blocks: one per block would fragment the memory
    buffer = torch.empty(QUERIES * min(GALLERY, len(gallery)), dtype=dtype, device=device)
    for start in range(0, len(queries), QUERIES):
        block = slice(start, start + QUERIES)
        part = queries[block].to(device)
        own = None if itself is None else itself[block].to(device)
        if dtype == torch.float32:
            products[block], rows[block] = _nearest_of_block(part, compared, k, own, buffer)
        else:
            spare = min(SPARE * k, len(gallery) - (itself is not None))
            _, places = _nearest_of_block(part.to(dtype), compared, spare, own, buffer)
            best, order = torch.bmm(gallery[places], part[:, :, None])[:, :, 0].topk(k, dim=1)
            products[block], rows[block] = best, places.gather(1, order)
    return rows, products


def _nearest_of_block(queries: Tensor, gallery: Tensor, k: int, own: Tensor | None, buffer: Tensor) -> tuple[Tensor, Tensor]:
    best = queries.new_empty(len(queries), 0)
    where = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    start = 0
    while start < len(gallery):
        part = gallery[start : start + GALLERY]
        if len(part) > GROUPS:  # whole groups; the remainder forms a small block at the end
            part = part[: len(part) // GROUPS * GROUPS]
        products = buffer[: len(queries) * len(part)].view(len(queries), len(part))
        torch.mm(queries, part.T, out=products)
        if own is not None:
            inside = ((own >= start) & (own < start + len(part))).nonzero()[:, 0]
            products[inside, own[inside] - start] = float("-inf")
        found, place = _largest(products, k)
        best, where = torch.cat([best, found], 1), torch.cat([where, place + start], 1)
        best, order = best.topk(min(k, best.shape[1]), dim=1)
        where = where.gather(1, order)
        start += len(part)
    return best, where


def _largest(products: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest values of each row, fewer if there are fewer columns, and their columns.

    They all lie in the k groups of columns with the largest maxima, which are found in a fraction of `topk`'s time.
    """
    rows, columns = products.shape
    if columns % GROUPS or k >= GROUPS:
        return products.topk(min(k, columns), dim=1)
    groups = products.view(rows, -1, GROUPS).amax(1).topk(k, dim=1).indices  # group g: columns g, g + GROUPS, ...
    place = (groups[:, :, None] + torch.arange(0, columns, GROUPS, device=products.device)).flatten(1)
    found, order = products.gather(1, place).topk(k, dim=1)
    return found, place.gather(1, order)
