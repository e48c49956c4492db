"""Long-tailed classes: no wrong label by itself, but rare classes for another kind of noise."""

from __future__ import annotations

import numbers

import numpy as np

from curv_issues.data.base import LabeledData, check_type
from curv_issues.errors import UsageError
from curv_issues.noise.base import Planted
from curv_issues.noise.checks import make_generator


def long_tailed(data: LabeledData, ratio: float, *, seed: int = 0) -> LabeledData:
    """Leave out samples so that class sizes fall geometrically from the first class to the last.

    Of class i of k, round(m * ratio ** (-i / (k - 1))) of its m samples stay, and at least one: the first class is kept whole, the
    last at a `ratio`-th. Where the classes had the same size, `ratio` is that of the largest to the smallest (Cui et al. 2019).

    Args:
        data: n samples of k classes. Left as they are.
        ratio: a number of at least 1.
        seed: of the choice within the classes, a whole number of at least 0.

    Returns:
        The samples that stay, in their order, with all the class names. Nothing is planted: use another kind on top.

    Raises:
        UsageError: the ratio is no finite number of at least 1, there are fewer than 2 classes, or the seed is no whole
            number of at least 0.

    Example:
        >>> import numpy as np
        >>> from curv_issues import from_arrays
        >>> data = from_arrays(np.zeros((300, 8, 8), np.uint8), np.repeat([0, 1, 2], 100))
        >>> np.bincount(long_tailed(data, 100).labels).tolist()
        [100, 10, 1]
    """
    check_type(data)
    if isinstance(ratio, bool) or not isinstance(ratio, numbers.Real) or not 1 <= ratio < np.inf:
        raise UsageError(f"ratio must be a number of at least 1, got {ratio!r}.")
    if data.num_classes < 2:
        raise UsageError(f"A long tail needs at least two classes; {data.source.source} has {data.num_classes}.")
    generator = make_generator(seed)
    kept = []
    for label in range(data.num_classes):
        members = np.flatnonzero(data.labels == label)
        size = round(len(members) * ratio ** (-label / (data.num_classes - 1)))
        size = max(size, min(len(members), 1))  # a class that vanishes would make the ratio infinite
        kept.append(generator.choice(members, size=size, replace=False))
    return data.take(np.sort(np.concatenate(kept)))


def plant(data: LabeledData, ratio: float, *, seed: int) -> Planted:
    """The data made long-tailed; nothing of it is to be found."""
    tailed = long_tailed(data, ratio, seed=seed)
    return Planted(tailed, np.zeros(len(tailed), dtype=bool))
