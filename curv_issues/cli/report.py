"""The command `report`: write the page of a finished audit again."""

from __future__ import annotations

from typing import Annotated

import typer

from curv_issues.cli.help import OUTPUT
from curv_issues.cli.options import Quiet
from curv_issues.cli.saving import decisions_for
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.results.folder import output_folder
from curv_issues.results.tables import REPORT
from curv_issues.visible import visible

Decisions = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="File of decisions that a page has saved. Default: decisions.json in DIR."),
]


def report(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Folder of results that audit has written.")],
    *,
    decisions: Decisions = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=OUTPUT, help="HTML file to write. Default: report.html in DIR."),
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", rich_help_panel=OUTPUT, help="Whether the page contains images.")
    ] = True,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the HTML page of a finished audit, without training.

    The page shows the findings with their images and evidence, and takes decisions about them. It is one file that opens offline.
    """
    with exit_codes():
        from curv_issues.report.writing import write_report
        from curv_issues.results.result import AuditResult

        folder = output_folder(directory)
        result = AuditResult.load(folder)
        known = decisions_for(folder, decisions)
        path = write_report(result, folder / REPORT if output is None else output, decisions=known, with_images=images)
        if images and result.thumbnails is None and not quiet:
            typer.echo("Note: The result has no images, so the page has none; run the audit again to store them.", err=True)
        typer.echo(visible(f"Report: {path}"), err=quiet)
