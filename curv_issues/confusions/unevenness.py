"""Whether some classes are confused more often than others."""

from __future__ import annotations

import numpy as np

# Standard deviations of the gain, how steeply the step at each of them rises, and its height; benchmarks/README.md explains how
# these were chosen.
BEYOND_CHANCE = (0.3, 4, 0.25)
BEYOND_HARD_CLASSES = (0.6, 12, 0.75)


def unevenness(gain: np.ndarray) -> float:
    """Return how surely classes are confused unevenly, in [0, 1]: near 0 if the gain (n,) varies as little as by chance.

    Classes that are hard to tell apart look confused too. So it stays below a third until the gain varies more than they make it.
    See `LabelNoise` for the gain, which is the score `class_confusion`.
    """
    deviation, total = float(gain.std()), 0.0
    for middle, steepness, height in (BEYOND_CHANCE, BEYOND_HARD_CLASSES):
        spread = (deviation / middle) ** steepness
        total += height * spread / (spread + 1)
    return total
