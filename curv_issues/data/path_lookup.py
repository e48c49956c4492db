"""Find images by the paths in a table: exactly first, then with increasing tolerance."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

IGNORING_CASE = 2
"""Level of a case-insensitive hit."""


@dataclass(frozen=True)
class Hit:
    """The images that a text refers to.

    Attributes:
        images: indices of the matching images: one, or the first two of several.
        level: 0: exact path; 1: after Unicode normalisation and stripping; 2: ignoring case.
    """

    images: tuple[int, ...]
    level: int


class PathLookup:
    """Finds images by path, or by several texts per image."""

    def __init__(self, keys: Iterable[tuple[str, int]]) -> None:
        """Store pairs of text and image index; texts and images may repeat."""
        self._keys = list(keys)
        self._levels: list[dict[str, tuple[int, ...]]] = []

    def find(self, text: str) -> Hit | None:
        """Return the images for this text at the first level with a match, or None.

        A text that only matches case-insensitively must match a single image.
        """
        for level, spell in enumerate(_SPELLINGS):
            if level == len(self._levels):
                self._levels.append(self._spell_keys(spell))
            images = self._levels[level].get(spell(text))
            if images is not None:
                return None if spell is ignore_case and len(images) > 1 else Hit(images, level)
        return None

    def _spell_keys(self, spell: Callable[[str], str]) -> dict[str, tuple[int, ...]]:
        images: dict[str, tuple[int, ...]] = {}
        for text, image in self._keys:
            key = spell(text)
            known = images.get(key, ())
            if len(known) < 2 and image not in known:
                images[key] = (*known, image)
        return images


def clean_path(text: str) -> str:
    r"""Return a path with forward slashes and without `.`, empty and resolved `..` parts: `.\cat\1.jpg` becomes `cat/1.jpg`."""
    text = text.replace("\\", "/")
    is_clean = "//" not in text and "/." not in text and not text.startswith(".") and text.rstrip("/") == text != ""
    return text if is_clean else posixpath.normpath(text)


def _normalise(text: str) -> str:
    text = clean_path(text.strip())
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def ignore_case(text: str) -> str:
    """Return the most tolerant spelling of a path: texts that match at any level have the same one."""
    text = _normalise(text).casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_SPELLINGS: tuple[Callable[[str], str], ...] = (clean_path, _normalise, ignore_case)
