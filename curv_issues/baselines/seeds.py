"""Derive seeds and generators from the seed of the options and a path that identifies their use.

They are independent of the generator with that seed itself, which may have planted the errors: what a baseline draws
must not correlate with what it should find.
"""

from __future__ import annotations

import numpy as np


def child_seed(seed: int, *path: int) -> int:
    """Return a seed from 0 to 2**32 - 1; different paths give different seeds."""
    return int(np.random.SeedSequence(seed, spawn_key=path).generate_state(1)[0])


def child_generator(seed: int, *path: int) -> np.random.Generator:
    """Return a generator; different paths give independent ones."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
