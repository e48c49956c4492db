"""Print the findings of a result, and the remarks and notes about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from curv_issues.report import render
from curv_issues.results.tables import REPORT
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


class Printing(NamedTuple):
    """How to print a result: in which format, whether without notes (quiet), whether with raw scores (verbose)."""

    format: str
    quiet: bool
    verbose: bool


def print_result(result: AuditResult, folder: Path, printing: Printing, *, is_saved: bool = True) -> None:
    """Print the findings, then the remarks and notes about them."""
    from curv_issues.report.text import TOP, merged_findings, sections  # imports pandas

    text = render(result, printing.format, verbose=printing.verbose)
    typer.echo(text, color=True)  # otherwise typer strips what looks like colour codes from names when piped
    total = len(merged_findings(result))
    if printing.format in ("table", "md") and total > TOP:
        place = f"; all of them are in {folder / 'findings.parquet'}" if is_saved else ""
        print_line(f"The first {TOP} of {total:,} findings{place}.", printing)
    for section in sections(result):
        if section.remark is not None:
            place = f"; all of them are in {folder / section.file}" if section.file else ""
            print_line(f"{section.remark}{place}.", printing)
    if not printing.quiet:
        for note in result.summary["notes"]:
            typer.echo(visible(f"Note: {note}"), err=True)
        seconds = sum(result.summary["seconds"].values())
        typer.echo(visible(f"{result}, in {seconds:.0f} s."), err=True)
    if (folder / REPORT).is_file():
        print_line(f"Report: {folder / REPORT}", printing)
    print_line(f"Results: {folder}", printing)


def print_line(text: str, printing: Printing) -> None:
    """Print a line for people: on stdout below a table, on stderr if another format is on stdout."""
    if printing.format == "table" or not printing.quiet:
        typer.echo(visible(text), err=printing.format != "table")
