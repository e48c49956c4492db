"""Make class sizes long-tailed; plants no wrong labels, but can be combined with another kind of noise."""

from __future__ import annotations

import numbers

import numpy as np

from curv_issues.data.base import LabeledData, check_type
from curv_issues.errors import UsageError
from curv_issues.noise.base import Planted
from curv_issues.noise.checks import make_generator


def long_tailed(data: LabeledData, ratio: float, *, seed: int = 0) -> LabeledData:
    """Remove samples so that class sizes fall geometrically from the first class to the last.

    Class i of k keeps round(m * ratio ** (-i / (k - 1))) of its m samples, at least one: all of the first class, and 1/ratio
    of the last. If the classes had equal sizes, `ratio` is the largest size over the smallest (Cui et al. 2019).

    Args:
        data: n samples of k classes. Not modified.
        ratio: a finite number >= 1.
        seed: seed of the choice within the classes, an integer >= 0.

    Returns:
        The remaining samples, in order, with all class names. No errors are planted: combine it with another kind.

    Raises:
        UsageError: the ratio is not a finite number >= 1, there are fewer than 2 classes, or the seed is not an integer >= 0.

    Example:
        >>> import numpy as np
        >>> from curv_issues import from_arrays
        >>> data = from_arrays(np.zeros((300, 8, 8), np.uint8), np.repeat([0, 1, 2], 100))
        >>> np.bincount(long_tailed(data, 100).labels).tolist()
        [100, 10, 1]
    """
    check_type(data)
    if isinstance(ratio, bool) or not isinstance(ratio, numbers.Real) or not 1 <= ratio < np.inf:
        raise UsageError(f"ratio must be a finite number >= 1, got {ratio!r}.")
    if data.num_classes < 2:
        raise UsageError(f"A long tail needs at least two classes; {data.source.source} has {data.num_classes}.")
    generator = make_generator(seed)
    kept = []
    for label in range(data.num_classes):
        members = np.flatnonzero(data.labels == label)
        size = round(len(members) * ratio ** (-label / (data.num_classes - 1)))
        size = max(size, min(len(members), 1))  # an empty class would make the ratio infinite
        kept.append(generator.choice(members, size=size, replace=False))
    return data.take(np.sort(np.concatenate(kept)))


def plant(data: LabeledData, ratio: float, *, seed: int) -> Planted:
    """Return the long-tailed data, without planted errors."""
    tailed = long_tailed(data, ratio, seed=seed)
    return Planted(tailed, np.zeros(len(tailed), dtype=bool))
