"""Choose samples to ask a person about."""

from __future__ import annotations

import itertools

import numpy as np

EDGES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 100.0)  # of the strata, in percent of the ranking
SAMPLE_SIZE = 45  # samples


def choose_positions(suspicion: np.ndarray, n: int, *, seed: int, is_open: np.ndarray) -> np.ndarray:
    """Return the positions of at most n samples, as many from each stratum of the ranking, most suspect first.

    Args:
        suspicion: (m,).
        n: number of samples.
        seed: of the choice within the strata.
        is_open: bool (m,), the samples to choose from.
    """
    ranked = np.argsort(-suspicion, kind="stable")
    ends = [int(np.ceil(edge / 100 * len(ranked))) for edge in EDGES]
    random = np.random.default_rng(seed)
    strata = [
        random.permutation(part[is_open[part]]).tolist() for start, end in itertools.pairwise(ends) for part in [ranked[start:end]]
    ]
    chosen: list[int] = []
    while len(chosen) < n and any(strata):  # in turns, so that what a small stratum lacks comes from the others
        chosen += [stratum.pop() for stratum in strata if stratum][: n - len(chosen)]
    return ranked[np.isin(ranked, chosen)]
