"""Options of the commands: those of the dataclasses in `options`, and those that only the command line has."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Collection
from typing import Annotated, Any

import typer

from curv_issues.cli.help import DATA, FINDINGS, OUTPUT, TRAINING
from curv_issues.data.source_options import ImageOptions, SourceOptions
from curv_issues.option import OptionInfo, list_options
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.report import FORMATS

Dataset = Annotated[
    list[str],
    typer.Argument(
        metavar="DATASET...",
        help="Hub id, local folder (laid out like a Hub dataset, an image folder, or saved with save_to_disk), "
        "or one or several parquet files. With --features or --features-column, also CSV, TSV or JSON lines.",
    ),
]
Output = Annotated[
    str | None, typer.Option(rich_help_panel=OUTPUT, help="Folder for the results. Default: named after dataset and split.")
]
Format = Annotated[str, typer.Option(rich_help_panel=OUTPUT, help=f"Output format on stdout: {', '.join(FORMATS)}.")]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", rich_help_panel=OUTPUT, help="Also show cumulative loss, margin and training gradient in a table or Markdown."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="No progress and no notes on stderr.")]

_PANELS = {SourceOptions: DATA, ImageOptions: DATA, TrainingOptions: TRAINING, FindingOptions: FINDINGS, DuplicateOptions: FINDINGS}

Values = dict[str, Any]
"""Values of a command's options, by option name."""


def with_options(*groups: type, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options of dataclasses to a command, which gets their values as `**values`.

    They follow the command's first parameter.

    Args:
        groups: dataclasses of options.
        without: names of options to omit.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        first, *own = inspect.signature(command, eval_str=True).parameters.values()
        own = [parameter for parameter in own if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
        taken = [_parameter(info, _PANELS[group]) for group in groups for info in list_options(group) if info.name not in without]
        parameters = [first, *taken, *own]
        # typer reads both attributes
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def allow_local_probe(values: Values) -> None:
    """Make modules in the current folder importable for `--probe module:function`, as `python -m` does."""
    if ":" in values["probe"] and (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)


def _parameter(info: OptionInfo, panel: str) -> inspect.Parameter:
    """Return an option as a parameter that typer understands."""
    described = typer.Option(*info.flags, help=info.help, metavar=info.metavar, rich_help_panel=panel)
    default = None if info.default == () else info.default
    return inspect.Parameter(info.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[info.kind, described])
