"""Choose fonts for text in images: the first installed font that has all characters of the text."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from PIL import ImageFont

from curv_issues.visible import visible

Font = ImageFont.FreeTypeFont

# File names, searched for in the system's font folders; common fonts with many characters come first.
_NAMES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "arial.ttf",
    "Arial.ttf",
    "Arial Unicode.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "NotoSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "msyh.ttc",
    "meiryo.ttc",
    "malgun.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "Nirmala.ttf",
    "unifont.ttf",
    "unifont.otf",
)
_NO_CHARACTER = "\uffff"  # guaranteed not to be a character, so every font draws its "missing" box


class FontSet:
    """The installed fonts at one size, loaded when needed.

    Args:
        size: height of the letters in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: list[Font] = []
        self._more = self._search()
        self._covered: dict[tuple[Font, str], bool] = {}

    def fit(self, text: str) -> tuple[str, Font]:
        """Return the text and a font to draw it with; characters that no font has are replaced by text such as `U+1F600`."""
        text = visible(unicodedata.normalize("NFC", text))
        candidates: list[tuple[Font, set[str]]] = []
        for font in self._fonts():
            lacking = {character for character in text if not self._has(font, character)}
            if not lacking:
                return text, font
            candidates.append((font, lacking))
        font, lacking = min(candidates, key=lambda candidate: len(candidate[1]))
        spelled = (f"U+{ord(character):04X}" if character in lacking else character for character in text)
        return "".join(spelled), font

    def _fonts(self) -> Iterator[Font]:
        """Yield all fonts: those loaded before, then the others as they are loaded."""
        yield from tuple(self._found)
        for font in self._more:
            self._found.append(font)
            yield font

    def _search(self) -> Iterator[Font]:
        """Load and yield the installed fonts; the last one is a font that Pillow includes."""
        for name in (*_bundled_with_matplotlib(), *_NAMES):
            try:
                yield ImageFont.truetype(name, self._size)
            except OSError:  # not installed
                continue
        yield cast(Font, ImageFont.load_default(self._size))  # with a size, this is not a bitmap font

    def _has(self, font: Font, character: str) -> bool:
        key = (font, character)
        if key not in self._covered:
            self._covered[key] = _draws(font, character)
        return self._covered[key]


def _draws(font: Font, character: str) -> bool:
    """Return whether a font has a character, that is, does not draw its "missing" box for it."""
    if font.layout_engine != ImageFont.Layout.BASIC:  # other engines draw a lone combining mark on a dotted circle
        font = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
    mask, missing = font.getmask(character), font.getmask(_NO_CHARACTER)
    return mask.size != missing.size or bytes(mask) != bytes(missing)


def _bundled_with_matplotlib() -> list[str]:
    """Return the path of the font that matplotlib includes, as a list; empty if matplotlib is not installed."""
    spec = importlib.util.find_spec("matplotlib")  # finds matplotlib without importing it
    folders = spec.submodule_search_locations if spec is not None else None
    return [str(Path(folder) / "mpl-data/fonts/ttf/DejaVuSans.ttf") for folder in folders or []]
