"""The version of this package. Imported only where needed, because the look-up is slow."""

from __future__ import annotations

import importlib.metadata


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


__version__ = installed_version("curv-issues") or "unknown: run from a checkout that is not installed"
