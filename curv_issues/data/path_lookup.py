"""Find images by the text that a table gives for their paths: exactly first, then with more and more tolerance."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

IGNORING_CASE = 2
"""The level of a hit without regard to case."""


@dataclass(frozen=True)
class Hit:
    """What a text stands for.

    Attributes:
        images: indices of the images that fit: one, or the first two if several do.
        level: how the text fits: 0: as a path; 1: after Unicode normalisation and without spaces at its ends; 2: without regard
            to case.
    """

    images: tuple[int, ...]
    level: int


class PathLookup:
    """Images by their path, or by several texts each."""

    def __init__(self, keys: Iterable[tuple[str, int]]) -> None:
        """Take pairs of a text and an image's index; a text may come with several images, and an image with several texts."""
        self._keys = list(keys)
        self._levels: list[dict[str, tuple[int, ...]]] = []

    def find(self, text: str) -> Hit | None:
        """Return the images with this text, at the first level at which any fit, or None.

        A text that fits several images only without regard to case fits none.
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
    """Return the most tolerant spelling of a path: texts that fit an image at any level share it."""
    text = _normalise(text).casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_SPELLINGS: tuple[Callable[[str], str], ...] = (clean_path, _normalise, ignore_case)
