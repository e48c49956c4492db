"""Tables of plug-ins: a name leads to "module:attribute", imported only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from curv_issues.errors import UsageError


def load_attribute(target: str) -> Any:
    """Import what "package.module:attribute" names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def look_up(table: Mapping[str, Any], name: str, what: str) -> Any:
    """The entry of a table, or a UsageError that lists the names there are."""
    try:
        return table[name]
    except KeyError:
        raise UsageError(f"Unknown {what} {name!r}; choose one of: {', '.join(table)}.") from None
