from __future__ import annotations

import importlib.metadata

import curv_issues
from curv_issues.version import installed_version


def test_version_is_that_of_the_installed_package() -> None:
    assert curv_issues.__version__ == importlib.metadata.version("curv-issues")


def test_missing_package_has_no_version() -> None:
    assert installed_version("no-such-package") is None
