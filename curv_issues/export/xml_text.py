"""Write XML 1.0, which cannot contain all characters."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from curv_issues.errors import UsageError
from curv_issues.visible import visible

_INVALID = re.compile(r"[^\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Control characters: most are not allowed, and line breaks and tabs may be read back as spaces."""


def check_names(names: Iterable[str], what: str, format: str) -> None:
    """Raise UsageError if a name has a control character, because the tool would read back another name.

    Args:
        names: which must stay as they are.
        what: they name, such as "class".
        format: name of the format.
    """
    wrong = next((name for name in names if _INVALID.search(name)), None)
    if wrong is not None:
        raise UsageError(
            f"The {what} name {wrong!r} has a control character, which files of {format} cannot contain; "
            f"rename the {what} or choose another format."
        )


def xml_text(text: str) -> str:
    """Return text for people, with control characters escaped."""
    return visible(text) if _INVALID.search(text) else text


def write_xml(path: Path, root: ET.Element, *, declaration: bool = True) -> None:
    """Write a file of XML in UTF-8, indented; `declaration`: whether its first line names the encoding."""
    ET.indent(root)
    with path.open("wb") as file:
        ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=declaration)
        file.write(b"\n")
