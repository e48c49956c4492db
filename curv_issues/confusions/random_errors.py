"""How many labels look as if they were drawn at random."""

from __future__ import annotations

import numpy as np

LEAST_CLASSES = 10  # with fewer, right labels of hard samples are among the last classes as well
LEAST_LAST = 0.05  # of the other classes; fewer hold too few labels, and the least of many fractions would be too low


def fraction_random(scores: np.ndarray, given: np.ndarray) -> float:
    """Return the fraction of labels that were drawn at random from the other classes, as far as it shows; 0 with few classes.

    Labels of unclear samples and of like classes are among the first classes, however hard the dataset is. Labels drawn at random
    are as often among the last. So the fraction is at most that of labels among the last classes, divided by the fraction that
    these are of all others; the least over all numbers of last classes that are at least a twentieth of the others (Blanchard,
    Lee, Scott 2010, JMLR: mixture proportions).

    Args:
        scores: float (n, k), higher for better classes, of a network that has not memorised the labels.
        given: int64 (n,), the given classes.
    """
    n, k = scores.shape
    if k < LEAST_CLASSES:
        return 0.0
    better = (scores > scores[np.arange(n), given][:, None]).sum(axis=1)  # classes
    places = np.arange(1, k)
    places = places[k - places >= LEAST_LAST * (k - 1)]
    among_last = np.array([(better >= place).mean() for place in places])
    return float((among_last * (k - 1) / (k - places)).min())
