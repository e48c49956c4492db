"""Functions that take the options of several groups as keywords: signature, documentation, conversion to groups.

For type checkers and editors, the keywords are in `keyword_types.pyi`, which `python docs/keywords.py` writes.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from curv_issues.option import list_options, option_names

F = TypeVar("F", bound=Callable[..., Any])
G = TypeVar("G")

_WIDTH, _MARGIN = 128, 8  # of docstrings, in characters
_LINE = "**options: "  # start of the docstring line that the options replace


def takes_options(*groups: type) -> Callable[[F], F]:
    """Return a decorator that gives a function with `**options` the signature and documentation of groups of options.

    `help` and Sphinx show them. In the docstring, the line `**options: ...` is replaced by one entry per option.
    """

    def decorate(function: F) -> F:
        infos = [info for group in groups for info in list_options(group)]
        own = inspect.signature(function).parameters.values()
        first = [parameter for parameter in own if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        rest = [parameter for parameter in own if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
        taken = [
            inspect.Parameter(info.name, inspect.Parameter.KEYWORD_ONLY, default=info.default, annotation=info.hint)
            for info in infos
        ]
        function.__signature__ = inspect.signature(function).replace(parameters=[*first, *taken, *rest])  # type: ignore[attr-defined]
        entries = [line for info in infos for line in _wrapped(info.documentation)]
        lines = (function.__doc__ or "").splitlines()
        (at,) = (number for number, line in enumerate(lines) if line.lstrip().startswith(_LINE))
        function.__doc__ = "\n".join([*lines[:at], *entries, *lines[at + 1 :]])
        return function

    return decorate


def check_keywords(function: str, options: Mapping[str, Any], *groups: type) -> None:
    """Raise TypeError, with the message of Python, if a keyword is not an option of these groups."""
    known = {name for group in groups for name in option_names(group)}
    for name in options:
        if name not in known:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")


def make_options(group: type[G], options: Mapping[str, Any], **further: Any) -> G:
    """Return the options of one group, taken from those of several groups; missing ones have their defaults."""
    return group(**{name: options[name] for name in option_names(group) if name in options}, **further)


def _wrapped(text: str) -> list[str]:
    """Return an entry of a docstring as indented lines."""
    margin = " " * _MARGIN
    return textwrap.wrap(text, _WIDTH, initial_indent=margin, subsequent_indent=margin + "    ", break_on_hyphens=False)
