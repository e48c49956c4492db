"""What GitHub's runner takes for commands in the output of a step, after its source.

https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs and ActionCommandManager.cs
"""

from __future__ import annotations

import re

COMMANDS = {
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher"),
    *("save-state", "set-env", "set-output", "stop-commands", "warning"),
}


def commands_in(output: str) -> list[tuple[str, dict[str, str], str]]:
    """Name, properties and data of each command in the output."""
    return [found for line in re.split(r"\r\n|\n|\r", output) if (found := _parse(line)) is not None]


def _parse(line: str) -> tuple[str, dict[str, str], str] | None:
    line = line.lstrip()
    if line.startswith("::") and (end := line.find("::", 2)) >= 0:
        name, _, given = line[2:end].partition(" ")
        pairs = [pair.split("=", 1) for pair in given.strip().split(",") if pair]
        properties = {pair[0]: _unescape(pair[1], ("%3A", ":"), ("%2C", ",")) for pair in pairs if len(pair) == 2}
        if name.lower() in COMMANDS:
            return name, properties, _unescape(line[end + 2 :])
    found = re.search(r"##\[([^ \]]*)([^\]]*)\](.*)", line)
    return (found[1], {}, found[3]) if found is not None and found[1].lower() in COMMANDS else None


def _unescape(text: str, *more: tuple[str, str]) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(code, character)
    return text
