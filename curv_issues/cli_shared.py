"""What the commands share: errors as exit codes, and the name of a results folder."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from curv_issues.errors import CurvIssuesError

LABELS_HELP = (
    "Table of labels for a folder of images (.csv, .tsv, .jsonl, .parquet), or: folders. Default: metadata.csv, else folder names."
)
FILE_COLUMN_HELP = "Column of the file names in a table of labels. Default: detected."
SPLITS_HELP = "Whether top-level folders called train, test, ... are splits. Default: if all top-level folders are."
CLASS_LEVEL_HELP = "Which folder below the split names the class. Default: 1, the topmost."


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors of this package into one line on stderr and their exit code."""
    try:
        yield
    except CurvIssuesError as error:
        typer.echo(f"Error: {' '.join(str(error).split())}", err=True)  # one line, whatever a path holds
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted; nothing was written.", err=True)
        raise typer.Exit(130) from None


def folder_name(dataset: Sequence[str], split: str | None, *, prefix: str = "curv-issues") -> str:
    """Name of the results folder in the current directory: dataset and split, letters that every file system takes."""
    name = dataset[0].rstrip("/\\")
    if name and Path(name).exists():
        name = Path(name).resolve().name.removesuffix(".parquet")
    if len(dataset) > 1:
        name += f"-and-{len(dataset) - 1}-more"
    part = (split or "train").replace(":", "to").replace("%", "pct")  # train[:10%] and train[10:] are not the same
    words = re.sub(r"[^\w.+-]+", "-", f"{name}-{part}").strip("-.")
    return f"{prefix}-{words}"
