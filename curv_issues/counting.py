"""Format counts in messages."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 image", "1,000 images"; pass `plural` if it is not the noun plus s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
