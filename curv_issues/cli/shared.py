"""Helpers shared by the commands: exit codes, the option --debug, and the name of a results folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from curv_issues.errors import CurvIssuesError, UsageError
from curv_issues.visible import visible

LONGEST_NAME = 200  # bytes; file systems allow 255, and temporary files beside the folder have longer names
_debug = False


def debug_is_on() -> bool:
    """Return whether --debug was given."""
    return _debug


def _set_debug(value: bool) -> None:
    global _debug
    _debug = _debug or value


Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Print the traceback of an unexpected error instead of saving it to a file.",
        callback=_set_debug,
        expose_value=False,
    ),
]
"""The option --debug, which every command has too, so that it can be anywhere on the command line."""


@dataclass
class Ending:
    """What `exit_codes` reports if Ctrl-C ends a command.

    Attributes:
        saved_in: folder of the saved result; None until it is saved.
    """

    saved_in: Path | None = None


@contextlib.contextmanager
def exit_codes() -> Iterator[Ending]:
    """Convert errors of this package and Ctrl-C to one line on stderr and an exit code."""
    ending = Ending()
    try:
        _check_working_directory()
        yield ending
    except CurvIssuesError as error:
        typer.echo(visible(f"Error: {' '.join(str(error).split())}"), err=True)  # paths may contain line breaks
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError as error:  # not of stdout, which never raises; typer would exit silently
        raise RuntimeError(f"a pipe or connection to another process broke ({error})") from error
    except KeyboardInterrupt:
        kept = f"the result is in {ending.saved_in}" if ending.saved_in is not None else "nothing was written"
        typer.echo(visible(f"Interrupted; {kept}."), err=True)
        raise typer.Exit(130) from None


def _check_working_directory() -> None:
    """Raise UsageError if the current folder does not exist any more, because libraries may abort the process there."""
    try:
        os.getcwd()
    except OSError as error:
        raise UsageError(f"The current folder cannot be used ({error.strerror}); change to another one.") from None


def folder_name(dataset: Sequence[str], split: str | None, *, prefix: str = "curv-issues") -> str:
    """Return the name of the results folder: dataset and split, in characters that every file system accepts."""
    name = dataset[0].rstrip("/\\")
    if os.path.exists(name):  # Path.exists raises an error if the name is too long
        name = Path(name).resolve().name.removesuffix(".parquet")
    if len(dataset) > 1:
        name += f"-and-{len(dataset) - 1}-more"
    part = (split or "train").replace(":", "to").replace("%", "pct")  # keeps train[:10%] and train[10:] apart
    words = re.sub(r"[^\w.+-]+", "-", f"{name}-{part}").strip("-.")
    if len(words.encode()) > LONGEST_NAME:
        digest = hashlib.sha256(words.encode()).hexdigest()[:8]  # keeps different audits apart
        words = f"{words.encode()[:LONGEST_NAME].decode(errors='ignore')}-{digest}"
    return f"{prefix}-{words}"
