"""Plain help: the options of a command in groups, and its examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

ARGUMENTS, DATA, TRAINING, FINDINGS, BENCHMARK, OUTPUT, OTHER = (
    "Arguments",
    "Data",
    "Training",
    "Findings",
    "Benchmark",
    "Output",
    "Other",
)
CHANGES = "Changes"
_ORDER = (ARGUMENTS, DATA, BENCHMARK, TRAINING, FINDINGS, CHANGES, OUTPUT, OTHER)


class GroupedCommand(TyperCommand):
    """A command whose help groups its options by `rich_help_panel`, which plain help would ignore."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section of the help per group of options."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in _ORDER}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                default = ARGUMENTS if parameter.param_type_name == "argument" else OTHER
                sections[getattr(parameter, "rich_help_panel", None) or default].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def add_command(app: typer.Typer, *examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a function as a command; its help ends with the examples."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        summary = (function.__doc__ or "").partition("\n")[0]
        lines = "\n".join(f"  {example}" for example in examples)
        epilog = f"\b\nExamples:\n{lines}"  # after \b, click does not wrap lines
        return app.command(cls=GroupedCommand, short_help=summary, epilog=epilog)(function)

    return decorate


def examples_of(command: Any) -> list[str]:
    """Return the examples in the help of a command."""
    return [line.strip() for line in (command.epilog or "").splitlines()[2:]]
