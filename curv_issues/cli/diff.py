"""The command `curv-issues diff`: compare two results."""

from __future__ import annotations

from typing import Annotated

import typer

from curv_issues.cli.options import Format, Quiet
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.plugins import look_up
from curv_issues.report import FORMATS
from curv_issues.visible import visible


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Folder of results of the earlier audit.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Folder of results of the later audit.")],
    format: Format = "table",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare two results: which findings are new, gone or moved, and which samples have changed.

    Images are the same if their decoded pixels are, so that rows and files may change. Lists added, removed and relabelled samples
    too. A table and Markdown show the first 20 of each list; JSON and CSV have all of them. Nothing is trained or written.
    """
    with exit_codes():
        look_up(FORMATS, format, "format")
        from curv_issues.gate.difference import compare_results  # imports pandas
        from curv_issues.gate.difference_text import render_difference
        from curv_issues.results.result import AuditResult

        before, after = (AuditResult.load(folder, memory_map=True) for folder in (old, new))
        difference = compare_results(before, after)
        typer.echo(render_difference(difference, before, after, format), color=True)  # otherwise typer strips codes from names
        if not quiet:
            for note in difference.notes:
                typer.echo(visible(f"Note: {note}"), err=True)
