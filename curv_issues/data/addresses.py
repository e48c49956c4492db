"""Detect URLs such as https://example.org/1.jpg in tables. They are never downloaded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_ADDRESS = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):[/\\]{2}.+", re.DOTALL)  # two letters or more, as one letter is a drive


def is_address(text: Any) -> bool:
    """Return whether a value is a URL: a string with a scheme of at least two letters, a colon and two slashes."""
    return isinstance(text, str) and _ADDRESS.fullmatch(text) is not None


def column_of_addresses(columns: Mapping[str, Sequence[Any]]) -> str | None:
    """Return the first column in which most strings are URLs, or None."""
    for column, values in columns.items():
        texts = [value for value in values if isinstance(value, str) and value.strip()]
        if 2 * sum(map(is_address, texts)) > len(texts):
            return column
    return None


def describe_addresses(column: str, values: Sequence[Any], name: str) -> str | None:
    """Return a message fragment about the URLs in a table column, or None if it has none."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    addresses = [text for text in texts if is_address(text)]
    if not addresses:
        return None
    match = _ADDRESS.fullmatch(addresses[0])
    count = "The" if len(addresses) == len(texts) else f"{len(addresses):,} of {len(texts):,}"
    return (
        f"{count} cells of column {column!r} of {name} are URLs ({match[1] if match else ''}://...); an audit of local files "
        "does not download them"
    )
