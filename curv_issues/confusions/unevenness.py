"""Whether some classes are confused more often than others."""

from __future__ import annotations

import numpy as np

MIDDLE_DEVIATION = 0.6  # of the gain; benchmarks/README.md explains how these were chosen
STEEPNESS = 12  # hard data reach 0.56, confusions 0.68 and more


def unevenness(gain: np.ndarray) -> float:
    """Return how surely classes are confused unevenly, in [0, 1]: near 0 if the gain (n,) varies as little as by chance.

    See `LabelNoise` for the gain, which is the score `class_confusion`.
    """
    spread = (float(gain.std()) / MIDDLE_DEVIATION) ** STEEPNESS
    return spread / (spread + 1)
