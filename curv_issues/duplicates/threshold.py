"""From which similarity on two images count as the same."""

from __future__ import annotations

import numpy as np

LEAST, GREATEST = 0.9, 0.999
BULK, TAIL = 0.9, 0.99  # quantiles that the normal law is laid through
EXPECTED = 3  # pairs of different images above the threshold
FEWEST = 200  # similarities that are needed to lay it


def choose_threshold(background: np.ndarray, num_pairs: int) -> float:
    """The similarity that about three of `num_pairs` pairs of different images are expected to reach.

    The background is taken to be normal in Fisher's z = artanh(similarity) beyond its 90th percentile, as its 99th tells; a few
    true duplicates in it do not matter. How the quantiles and the least value were chosen stands in benchmarks/README.md.

    Args:
        background: similarities of pairs that are alike but taken for different, in [-1, 1].
        num_pairs: number of pairs that are compared.

    Returns:
        In [0.9, 0.999]; higher where different images are more alike than photos are, as drawn digits.
    """
    if len(background) < FEWEST:
        return LEAST
    from scipy.stats import norm  # takes most of a second to import

    bulk, tail = np.arctanh(np.clip(np.quantile(background, (BULK, TAIL)), -GREATEST, GREATEST))
    deviation = (tail - bulk) / (norm.ppf(TAIL) - norm.ppf(BULK))
    level = tail + deviation * max(0.0, norm.isf(min(0.5, EXPECTED / max(num_pairs, 1))) - norm.ppf(TAIL))
    return float(np.clip(np.tanh(level), LEAST, GREATEST))
