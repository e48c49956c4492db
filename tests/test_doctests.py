"""The examples in docstrings, of every module that has any."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import curv_issues

ROOT = Path(curv_issues.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_a_module(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


def test_examples_are_found() -> None:
    assert {"curv_issues.curvature", "curv_issues.noise.uniform"} <= set(MODULES)
