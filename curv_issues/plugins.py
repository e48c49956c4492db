"""Load plug-ins from tables of "module:attribute" entries, which are imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from curv_issues.errors import UsageError


def load_attribute(target: str) -> Any:
    """Import and return the attribute that "package.module:attribute" names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def look_up(table: Mapping[str, Any], name: str, what: str) -> Any:
    """Return the table entry with this name; raise a UsageError that lists all names if there is none."""
    try:
        return table[name]
    except KeyError:
        raise UsageError(f"Unknown {what} {name!r}; choose one of: {', '.join(table)}.") from None
