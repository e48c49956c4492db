"""Describe options: default, help, check and command-line form. Groups of options are frozen dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, get_type_hints

Check = Callable[[str, Any], Any]
"""Takes name and value of an option and returns the value to store; raises UsageError if the value is wrong."""


@dataclass(frozen=True)
class OptionInfo:
    """What the command line and the documentation need to know about an option.

    Attributes:
        name: name in Python.
        default: default in Python and on the command line.
        hint: type in Python.
        kind: type of the value on the command line.
        help: one or two sentences.
        python_help: information for Python users only: other types, the range of a number.
        flags: flags on the command line; (): --name.
        metavar: name of the value in the help; None: its type.
    """

    name: str
    default: Any
    hint: Any
    kind: Any
    help: str
    python_help: str
    flags: tuple[str, ...]
    metavar: str | None

    @property
    def documentation(self) -> str:
        """Return the line of the option in a docstring."""
        return " ".join(f"{self.name}: {self.help} {self.python_help}".split())


def option(
    default: Any,
    help: str,
    *,
    check: Check | None = None,
    python_help: str = "",
    kind: Any = None,
    flags: tuple[str, ...] = (),
    metavar: str | None = None,
) -> Any:
    """Return a dataclass field that is an option; see `OptionInfo`.

    Args:
        default: default value; `check` is applied to it too.
        help: one or two sentences, with a full stop.
        check: function that checks the value; None: none, or the group checks it.
        python_help: a sentence, or ""; default: that of `check`.
        kind: type on the command line; None: the type of the field.
        flags: such as ("--flip/--no-flip",).
        metavar: such as "FILE".
    """
    texts = {"help": help, "python_help": python_help or getattr(check, "python_help", "")}
    return field(default=default, metadata={**texts, "check": check, "kind": kind, "flags": flags, "metavar": metavar})


class Options:
    """Base class of groups of options: checks all options on construction, and lists them in the docstring of the class.

    Subclasses are frozen dataclasses whose fields were created by `option`.
    """

    def __init_subclass__(cls) -> None:
        """Append the options to the docstring; they are not dataclass fields yet."""
        lines = [f"    {name}: {_texts(item)}" for name, item in vars(cls).items() if isinstance(item, Field)]
        head, raises, tail = inspect.cleandoc(cls.__doc__ or "").partition("\n\nRaises:")
        cls.__doc__ = "\n".join([f"{head}\n\nAttributes:", *lines]) + raises + tail

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            if (check := item.metadata["check"]) is not None:
                object.__setattr__(self, item.name, check(item.name, getattr(self, item.name)))


def list_options(group: type) -> Iterator[OptionInfo]:
    """Yield the options of a group."""
    hints = get_type_hints(group)
    for item in fields(group):
        assert item.default is not MISSING
        given = item.metadata
        hint = hints[item.name]
        kind = hint if given["kind"] is None else given["kind"]
        yield OptionInfo(item.name, item.default, hint, kind, given["help"], given["python_help"], given["flags"], given["metavar"])


def option_names(group: type) -> tuple[str, ...]:
    """Return the names of the options of a group."""
    return tuple(item.name for item in fields(group))


def _texts(item: Field) -> str:
    """Return the help of an option, for the command line and for Python, as one text."""
    return " ".join(f"{item.metadata['help']} {item.metadata['python_help']}".split())
