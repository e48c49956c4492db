"""The command `show`: print a finished audit again, with other findings if they are asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from curv_issues.cli.gate import BaselinePath, FailOn, gate_options, report_gate
from curv_issues.cli.help import FINDINGS
from curv_issues.cli.options import Format, Quiet, Verbose
from curv_issues.cli.printing import Printing, print_result
from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.plugins import look_up
from curv_issues.report import FORMATS
from curv_issues.results.folder import output_folder
from curv_issues.results.kinds import KINDS


def show(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Folder of results that audit has written.")],
    kind: Annotated[
        str | None, typer.Option(rich_help_panel=FINDINGS, help=f"Only findings of this kind: {', '.join(KINDS)}.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(rich_help_panel=FINDINGS, help="Rank by another of its scores, without training.")
    ] = None,
    cut_off: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=FINDINGS, help="Flag other samples: auto, a minimum suspicion such as 0.95, or a fraction such as 5%."
        ),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(rich_help_panel=FINDINGS, help="Flag as many as are expected to be wrong to this fraction, such as 0.9."),
    ] = None,
    fail_on: FailOn = None,
    baseline: BaselinePath = None,
    format: Format = "table",
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Print the findings of a finished audit again, without training.

    Another score, cut-off or precision, or one kind of finding may be chosen. The rules of --fail-on count the findings of every
    kind. The folder is not changed.
    """
    with exit_codes():
        look_up(FORMATS, format, "format")
        printing = Printing(format, quiet, verbose)
        gate = gate_options(fail_on, baseline)
        from curv_issues.auditing.rejudge import only_kind, rejudge
        from curv_issues.results.result import AuditResult

        result = AuditResult.load(directory)
        is_saved = score is None and cut_off is None and precision is None
        if not is_saved:
            before = result.summary.get("options") or {}
            if cut_off is None and precision is None:
                cut_off, precision = before.get("cut_off", "auto"), before.get("precision")
            result = rejudge(
                result,
                score=before.get("score", "default") if score is None else score,
                cut_off="auto" if cut_off is None else cut_off,
                precision=precision,
            )
        checked = None if gate is None else gate.check(result)
        shown = result if kind is None else only_kind(result, kind)
        print_result(shown, output_folder(directory), printing, is_saved=is_saved)
        if checked is not None:
            report_gate(checked, result)
