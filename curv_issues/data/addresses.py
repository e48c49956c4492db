"""Addresses such as https://example.org/1.jpg. Nothing that they name is downloaded, and none is a file on this machine."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):/{2}.+", re.DOTALL)  # a drive has one letter only


def is_address(text: str) -> bool:
    """Return whether a text is an address: a scheme of two letters or more, a colon and two slashes."""
    return _ADDRESS.fullmatch(text) is not None


def scheme_of(address: str) -> str:
    """Return the start of an address for a message: "https://..."."""
    match = _ADDRESS.fullmatch(address)
    return f"{match[1]}://..." if match else address
