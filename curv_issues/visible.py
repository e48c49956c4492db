"""Make untrusted text (file names, class names, library messages) safe to print. Imports nothing slow."""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Marks, embeddings, overrides and isolates, which would reorder the surrounding text.
_BIDI_CONTROLS = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


# GitHub's runner runs `::command::` at the start of a line and `##[command]` anywhere in it, in stdout and stderr:
# https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
_CI_COMMAND = re.compile(r"(?<=##)\[|^(\s*):(?=:)")


def visible(text: str) -> str:
    r"""Return the text on one line, so that it is shown as it is and runs nothing.

    Characters that control a terminal or reorder text are escaped: `\n`, `\x1b`, `\u202e`. So is one character of what a CI log
    takes for a command: `\x3a:error::`, `##\x5berror]`.
    """
    harmless = _CI_COMMAND.sub(lambda found: r"\x5b" if found[0] == "[" else rf"{found[1]}\x3a", text)
    return "".join(_visible_character(character) for character in harmless)


def _visible_character(character: str) -> str:
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or code in _BIDI_CONTROLS:
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character


def cut_middle(text: str, width: int) -> str:
    """Return the text shortened to `width` terminal cells, with "..." at a third of the width."""
    if cell_len(text) <= width:
        return text
    start = text[: max(0, width - 3) // 3]
    while cell_len(start) > max(0, width - 3) // 3:  # some characters are two cells wide
        start = start[:-1]
    end = text[-max(1, width - 3 - cell_len(start)) :]
    while cell_len(end) > width - 3 - cell_len(start) and len(end) > 1:
        end = end[1:]
    return f"{start}...{end}"
