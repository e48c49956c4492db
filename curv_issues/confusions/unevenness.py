"""Whether some classes are confused more often than others."""

from __future__ import annotations

import numpy as np

CHANCE_DEVIATION = 0.45  # of the gain; benchmarks/README.md explains how it was chosen


def unevenness(gain: np.ndarray) -> float:
    """Return how surely classes are confused unevenly, in [0, 1]: near 0 if the gain (n,) varies as little as by chance.

    See `LabelNoise` for the gain, which is the score `class_confusion`.
    """
    spread = float(gain.std()) ** 4
    return spread / (spread + CHANCE_DEVIATION**4)
