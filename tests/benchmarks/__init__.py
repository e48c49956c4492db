from __future__ import annotations

from pathlib import Path

import pytest

IS_SDIST = (Path(__file__).parents[2] / "PKG-INFO").exists()
needs_results = pytest.mark.skipif(IS_SDIST, reason="the source distribution does not contain the benchmark results")
