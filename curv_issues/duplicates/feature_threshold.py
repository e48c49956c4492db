"""Choose the minimum similarity of duplicate feature vectors from the distances to their neighbours."""

from __future__ import annotations

import numpy as np

from curv_issues.duplicates.threshold import EXPECTED, LEAST

NEAR_RANK = 5  # nearer neighbours may be duplicates, so they do not count for the dimension
COPIES = 0.01  # fraction of the rows, those with the nearest neighbours, that may be copies; they count as no denser than the next
DENSE = 0.1  # fraction of the rows, the next, that the dimension is estimated from: most random near pairs are among them
FEWEST = 60  # minimum number of rows that the dimension is estimated from, if there are as many: it is noisy with fewer
NARROWER = 0.5  # fraction of a squared distance that columns are judged at: gaps have a sudden effect, their exponents a smooth one
SMALLEST = 1e-6  # difference that float32 similarities can show; below, only equal rows are duplicates


def choose_feature_threshold(
    squared_distances: np.ndarray, differences: np.ndarray, column_squares: np.ndarray, *, num_pairs: float
) -> float:
    """Return the similarity that about three pairs of different rows are expected to reach.

    Around each row, the density is taken to be constant up to its k-th neighbour, in a space of D dimensions: a row has
    k (x / x_k)^(D/2) neighbours up to a difference of x. Their sum over all rows is solved for x. D is estimated from the
    logarithms of the ratios of distances (Levina and Bickel 2004), of the ranks 5 to k of the rows in the densest places, where
    most random near pairs are. Rows at small distances agree in columns with few different values, so these add no dimension
    there. The exponent D/2 at each difference is therefore limited to that of independent columns; see `exponents_of_columns`.

    Args:
        squared_distances: (n, k), to the k nearest neighbours of n rows.
        differences: (n, k), 1 - similarity of the same pairs.
        column_squares: (p, d), squared differences in each column of random pairs of rows.
        num_pairs: how many pairs there are if each row has one neighbour: half of all rows within a set, all rows between two
            sets; the n rows may be a sample of them.

    Returns:
        A threshold in [0.9, 1]; 1, so that only equal rows are duplicates, if there are too few rows or columns to tell.
    """
    squared, greatest = np.sort(squared_distances, axis=1), differences.max(axis=1, initial=0)
    if len(squared) == 0 or squared.shape[1] <= NEAR_RANK:
        return 1.0
    apart = squared[:, NEAR_RANK - 1] > 0
    num_pairs *= apart.mean()
    order = np.argsort(greatest[apart], kind="stable")
    squared, greatest = squared[apart][order], greatest[apart][order]
    copies, k = int(COPIES * len(squared)), squared.shape[1]
    dense = slice(copies, copies + max(FEWEST, int(DENSE * len(squared))))
    ranked = squared[dense]
    if len(ranked) == 0 or (ranked[:, -1] == ranked[:, NEAR_RANK - 1]).all():
        return 1.0
    ratios = np.log(ranked[:, -1:] / ranked[:, NEAR_RANK - 1 : -1]).sum(axis=1).mean()
    ratios_of_exponent_1 = sum(1 / rank for low in range(NEAR_RANK, k) for rank in range(low, k))
    exponent = ratios_of_exponent_1 / ratios  # D / 2
    logs = np.log(np.maximum(greatest, greatest[copies]))
    grid = np.linspace(np.log(SMALLEST), max(0.0, logs.max()), 500)
    per_difference = np.median(ranked[:, -1] / greatest[dense])
    exponents = np.minimum(exponent, exponents_of_columns(column_squares, NARROWER * per_difference * np.exp(grid), exponent))
    volumes = np.concatenate([[0], np.cumsum((exponents[1:] + exponents[:-1]) / 2 * np.diff(grid))])  # logarithms
    pairs_up_to_smallest = np.log(num_pairs * k / len(logs)) + np.logaddexp.reduce(-np.interp(logs, grid, volumes))
    growth = np.log(EXPECTED) - pairs_up_to_smallest
    return 1.0 if growth < 0 else float(max(LEAST, 1 - np.exp(np.interp(growth, volumes, grid))))


def exponents_of_columns(column_squares: np.ndarray, squared_distances: np.ndarray, enough: float) -> np.ndarray:
    """Return the growth exponent of the number of pairs within each squared distance, as if columns were independent.

    N(s), the number of pairs within a squared distance of s, grows with the exponent d log N / d log s. A continuous column adds
    1/2; a column whose values are much further apart than s adds nothing. By Chernoff's bound, the exponent is t s, where t is
    chosen such that pairs weighted by exp(-t squared distance) have a mean squared distance of s.

    Args:
        column_squares: (p, d), squared differences in each column of random pairs of rows.
        squared_distances: (q,), increasing.
        enough: no limit (infinity) is returned if the columns without equal values reach this exponent.

    Returns:
        (q,), at least 0.
    """
    is_tied = (column_squares == 0).any(axis=0)
    if (~is_tied).sum() / 2 >= enough:
        return np.full(len(squared_distances), np.inf)
    rates, means = np.geomspace(1e8, 1e-3, 38), []
    for rate in rates:
        weights = np.exp(np.float32(-rate) * column_squares)
        with np.errstate(invalid="ignore"):  # no pair is near enough in a continuous column
            of_columns = (weights * column_squares).mean(axis=0) / weights.mean(axis=0)
        means.append(np.where(is_tied, of_columns, np.fmin(of_columns, 1 / (2 * rate))).sum())
    tiny = np.finfo(float).tiny
    return np.interp(np.log(squared_distances), np.log(np.maximum(means, tiny)), rates * means)
