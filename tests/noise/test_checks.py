from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curv_issues.errors import UsageError
from curv_issues.noise.checks import make_generator


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, None])
def test_invalid_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(UsageError, match=rf"^seed must be an integer >= 0, got {seed!r}\.$"):
        make_generator(seed)


def test_the_generator_is_that_of_numpy() -> None:
    assert make_generator(np.int64(3)).random() == np.random.default_rng(3).random()
