"""Seeds and generators that follow from the seed of the options and from the place of their use.

None of them is the generator of that seed itself: whoever plants errors with the same seed draws from that one, and what
a baseline draws must not follow what it is to find.
"""

from __future__ import annotations

import numpy as np


def child_seed(seed: int, *path: int) -> int:
    """A seed, 0 to 2**32 - 1; other places give other seeds."""
    return int(np.random.SeedSequence(seed, spawn_key=path).generate_state(1)[0])


def child_generator(seed: int, *path: int) -> np.random.Generator:
    """A generator; other places give independent ones."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
