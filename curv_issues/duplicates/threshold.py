"""Choose the minimum similarity of duplicates from the data."""

from __future__ import annotations

import numpy as np

LEAST, GREATEST = 0.9, 0.999
BULK, TAIL = 0.9, 0.99  # quantiles that the normal distribution is fitted to
EXPECTED = 3  # pairs of different images expected above the threshold
FEWEST = 200  # similarities needed for the fit


def choose_threshold(background: np.ndarray, num_pairs: int) -> float:
    """Return the similarity that about three of `num_pairs` pairs of different images are expected to reach.

    A normal distribution of Fisher's z = artanh(similarity) is fitted to the 90th and 99th percentiles of the background; a
    few true duplicates in it do not matter. benchmarks/README.md explains the choice of quantiles and of the minimum.

    Args:
        background: similarities of similar pairs that count as different images, in [-1, 1].
        num_pairs: number of compared pairs.

    Returns:
        A threshold in [0.9, 0.999]; higher where different images are more similar than photos are, such as drawn digits.
    """
    if len(background) < FEWEST:
        return LEAST
    from scipy.stats import norm  # takes most of a second to import

    bulk, tail = np.arctanh(np.clip(np.quantile(background, (BULK, TAIL)), -GREATEST, GREATEST))
    deviation = (tail - bulk) / (norm.ppf(TAIL) - norm.ppf(BULK))
    level = tail + deviation * max(0.0, norm.isf(min(0.5, EXPECTED / max(num_pairs, 1))) - norm.ppf(TAIL))
    return float(np.clip(np.tanh(level), LEAST, GREATEST))
