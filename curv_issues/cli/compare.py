"""The command `curv-issues compare`: how similar the scores of a result are to estimates of memorization."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curv_issues.cli.help import OUTPUT
from curv_issues.cli.options import Quiet
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.errors import AuditError, UsageError
from curv_issues.option_checks import Whole
from curv_issues.plugins import look_up
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.memorization.compare import Comparison

_FORMATS = ("table", "json", "csv", "md")


def compare(
    directory: Annotated[str, typer.Argument(metavar="RESULT", help="Folder of results that audit has written.")],
    reference: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="FILE[:COLUMN]",
            help="File with one number per sample, high = memorized: .npz, .npy, parquet or CSV.",
        ),
    ],
    top: Annotated[
        int | None, typer.Option(help="Also compare over this many samples with the highest numbers. Default: a tenth.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option(rich_help_panel=OUTPUT, metavar="FILE", help="Also plot the similarity by epoch into a PNG file.")
    ] = None,
    format: Annotated[str, typer.Option(rich_help_panel=OUTPUT, help="Output format on stdout: table, json, csv or md.")] = "table",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare the scores of a finished audit with estimates of memorization by others.

    Prints cosine similarity and Pearson's and Spearman's correlation of every score with the numbers in a file, over all samples
    and over those with the highest numbers. After each, half the width of its 95% interval; JSON and CSV have the intervals. The
    files of Feldman and Zhang (2020) and the C-scores of Jiang et al. (2021) are read as published. Samples are matched by a column
    row, by file name, or by position. Nothing is trained.
    """
    with exit_codes():
        look_up(dict.fromkeys(_FORMATS), format, "format")
        Whole(1, None, optional=True)("top", top)
        from curv_issues.memorization.compare import compare_with
        from curv_issues.memorization.text import describe_comparison, render_comparison
        from curv_issues.results.result import AuditResult

        if plot is not None:
            _check_plot(plot)
        found = compare_with(AuditResult.load(directory, memory_map=True), reference, top=top)
        if plot is not None:
            _write_plot(found, plot)
        typer.echo(render_comparison(found, format), color=True)
        if not quiet:
            for line in (describe_comparison(found), *(f"Note: {note}" for note in found.notes)):
                typer.echo(visible(line), err=True)


def _check_plot(path: str) -> None:
    from curv_issues.bench.plots import can_draw

    if not can_draw():
        raise UsageError("--plot needs matplotlib; pip install 'curv-issues[plots]'.")
    target = Path(path).expanduser()
    if not target.parent.is_dir() or target.is_dir():
        raise UsageError(f"The plot cannot be written to {path}; expected the name of a file in an existing folder.")


def _write_plot(found: Comparison, path: str) -> None:
    from curv_issues.memorization.plot import draw_comparison
    from curv_issues.results.atomic_files import write_shared_file

    try:
        write_shared_file(Path(path).expanduser(), draw_comparison(found))
    except OSError as error:
        raise AuditError(f"The plot cannot be written to {path} ({error.strerror or error}).") from None
