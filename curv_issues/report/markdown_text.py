"""Escape text for GitHub's Markdown."""

from __future__ import annotations

import re

from curv_issues.visible import visible

# A backslash, or an entity if that is not enough: a pipe ends a cell even in code, `<` and `&` begin HTML, `@` a mention.
_ESCAPES = {ord(character): f"\\{character}" for character in "*_[]~#!$"}
_ESCAPES |= {ord(character): f"&#{ord(character)};" for character in "|\\`<>&@"}
_EMOJI_OR_ADDRESS = re.compile(r":(?=//|[\w+-]+:)")
_WEB_ADDRESS = re.compile(r"\b(www)\.", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """Return the text on one line, escaped so that no part of it is rendered as Markdown, HTML, a link or an emoji."""
    escaped = visible(text).translate(_ESCAPES)
    return _WEB_ADDRESS.sub(r"\1&#46;", _EMOJI_OR_ADDRESS.sub("&#58;", escaped))
