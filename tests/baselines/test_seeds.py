from __future__ import annotations

import numpy as np

from curv_issues.baselines.seeds import child_generator, child_seed

PATHS = [(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 0, 0)]
SEEDS = (0, 1, 2**32 - 1)


def test_each_path_and_seed_has_its_own_seed() -> None:
    seeds = {child_seed(seed, *path) for seed in SEEDS for path in PATHS}
    assert len(seeds) == len(SEEDS) * len(PATHS)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert child_seed(7, 1, 2) == child_seed(7, 1, 2)


def test_each_path_and_seed_has_its_own_generator() -> None:
    drawn = {child_generator(seed, *path).random() for seed in SEEDS for path in PATHS}
    drawn |= {np.random.default_rng(seed).random() for seed in SEEDS}
    assert len(drawn) == len(SEEDS) * (len(PATHS) + 1)
    assert child_generator(7, 1, 2).random() == child_generator(7, 1, 2).random()
