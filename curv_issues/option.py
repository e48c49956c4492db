"""Describe one option: its default, its help, and its command-line form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_type_hints


@dataclass(frozen=True)
class OptionInfo:
    """What the command line needs to know about an option.

    Attributes:
        name: name in Python.
        default: default in Python and on the command line.
        kind: type of the value on the command line.
        help: one or two sentences.
        flags: flags to use instead of --name; (): use --name.
        metavar: name of the value in the help; None: its type.
    """

    name: str
    default: Any
    kind: Any
    help: str
    flags: tuple[str, ...]
    metavar: str | None


def option(default: Any, help: str, *, kind: Any = None, flags: tuple[str, ...] = (), metavar: str | None = None) -> Any:
    """Return a dataclass field that is an option; `kind` is its type on the command line if that differs from the field's."""
    return field(default=default, metadata={"help": help, "kind": kind, "flags": flags, "metavar": metavar})


def list_options(group: type) -> Iterator[OptionInfo]:
    """Yield the options of a dataclass whose fields were created by `option`."""
    hints = get_type_hints(group)
    for item in fields(group):
        assert item.default is not MISSING
        given = item.metadata
        kind = hints[item.name] if given["kind"] is None else given["kind"]
        yield OptionInfo(item.name, item.default, kind, given["help"], given["flags"], given["metavar"])


def option_names(group: type) -> tuple[str, ...]:
    """Return the names of the options of a dataclass."""
    return tuple(item.name for item in fields(group))
