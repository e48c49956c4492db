"""The command `curv-issues duplicates`: parse, search, render. It never removes a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curv_issues.cli.help import FINDINGS, OUTPUT
from curv_issues.cli.options import Quiet, with_options
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.data.source_options import ImageOptions
from curv_issues.keywords import make_options
from curv_issues.option_checks import Number
from curv_issues.options import TrainingOptions
from curv_issues.plugins import look_up
from curv_issues.progress_bar import live_progress
from curv_issues.results.tables import REPORT
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.auditing.duplicate_search import DuplicateSearch

_THRESHOLD = Number(most=1, positive=True, optional=True)
_FORMATS = ("table", "json", "csv", "md", "paths", "paths0")

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="DATASET...",
        help="Folder of images at any depth, one or several image files, parquet files, folder of parquet files, or Hub id.",
    ),
]


@with_options(ImageOptions)
def duplicates(
    dataset: Images,
    *,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER",
            rich_help_panel=FINDINGS,
            help="List the images of DATASET that also appear in OTHER: a split of DATASET, or another dataset.",
        ),
    ] = None,
    turned: Annotated[
        bool,
        typer.Option("--turned", rich_help_panel=FINDINGS, help="Also find images turned by 90, 180 or 270 degrees."),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=FINDINGS,
            help="Minimum similarity (0-1) at which two images count as duplicates. Default: from the data.",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:NAME",
            rich_help_panel=FINDINGS,
            help="Pretrained network whose features give more candidates, as in audit. Default: none.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(rich_help_panel=FINDINGS, help="Device to compute on: auto, cpu, cuda, mps, ...")] = "auto",
    output: Annotated[
        str | None, typer.Option(rich_help_panel=OUTPUT, help="Also save the table and a summary in this folder.")
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report/--no-report", rich_help_panel=OUTPUT, help="Whether to write report.html into that folder."),
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=OUTPUT, help="Replace an older search in the folder.")
    ] = False,
    format: Annotated[
        str,
        typer.Option(
            rich_help_panel=OUTPUT,
            help="Output format on stdout: table, json, csv, md, paths (files to remove, for xargs) or paths0 (for xargs -0).",
        ),
    ] = "table",
    quiet: Quiet = False,
    debug: Debug = False,
    **values: Any,
) -> None:
    """Find duplicate images, identical or nearly so, without labels and without training.

    Prints groups of duplicates. In each, the image to keep comes first: the largest one, then the least compressed one, then the
    first path. With --against, prints the images of DATASET that also appear in OTHER. Unreadable images are left out, with a
    note. No file is removed; --format paths0 lists the files to remove: all but those to keep, or the images of DATASET.
    """
    with exit_codes():
        look_up(dict.fromkeys(_FORMATS), format, "format")
        options = make_options(ImageOptions, values)
        _THRESHOLD("threshold", threshold)  # check the options before slow imports and reading
        TrainingOptions(backbone=backbone, device=device)
        sources = [name for name in [*dataset, against] if name]
        folder = None
        if output is not None:
            from curv_issues.results.search_tables import check_search_output

            folder = check_search_output(output, overwrite=overwrite, sources=sources)
        with live_progress(quiet=quiet) as progress:
            from curv_issues.auditing.duplicate_search import SearchOptions, search_duplicates

            search = SearchOptions(threshold=threshold, turned=turned, backbone=backbone, device=device)
            source = dataset[0] if len(dataset) == 1 else dataset
            found = search_duplicates(source, options, search, against=against, progress=progress)
        if folder is not None:
            from curv_issues.auditing.search_page import search_page

            found.save(folder, page=search_page(found) if report else None)
        _print(found, format, quiet=quiet)
        if folder is not None and report and not quiet:
            typer.echo(visible(f"Report: {folder / REPORT}"), err=format != "table")
        if folder is not None and not quiet:
            typer.echo(visible(f"Results: {folder}"), err=format != "table")


def _print(found: DuplicateSearch, format: str, *, quiet: bool) -> None:
    """Print the search on stdout and its notes on stderr."""
    from curv_issues.report.duplicates import describe_search, render_paths, render_search

    if format in ("paths", "paths0"):
        typer.echo(render_paths(found.files_to_remove(), null=format == "paths0"), nl=False)
    else:
        typer.echo(render_search(found.table, found.summary, format), color=True)
    is_table = format == "table"
    if is_table or not quiet:
        typer.echo(visible(describe_search(found.table, found.summary, is_cut=format in ("table", "md"))), err=not is_table)
    if not quiet:
        for note in found.summary["notes"]:
            typer.echo(visible(f"Note: {note}"), err=True)
