"""The version of this package."""

from __future__ import annotations


def package_version() -> str:
    """Return the installed version, or a text that says why there is none."""
    import importlib.metadata  # slow to import, rarely needed

    try:
        return importlib.metadata.version("curv-issues")
    except importlib.metadata.PackageNotFoundError:
        return "unknown: run from a checkout that is not installed"
