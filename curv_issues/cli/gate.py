"""The options --fail-on and --baseline: check a result against rules, and end with exit code 1 if one is broken."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from curv_issues.cli.help import FINDINGS
from curv_issues.errors import UsageError
from curv_issues.gate.rules import FORMS, Rule, check_measured, parse_rules
from curv_issues.results.kinds import KINDS
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.gate.baseline import Baseline
    from curv_issues.gate.check import Gate
    from curv_issues.results.result import AuditResult

FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="RULE",
        rich_help_panel=FINDINGS,
        help=f"Exit with code 1 if the findings break this rule: {FORMS}, in quotes, such as 'label_issue>1%'. Kinds: "
        f"{', '.join(KINDS)}, any. Percentages are of the samples. Repeat it for several rules.",
    ),
]
BaselinePath = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="PATH",
        rich_help_panel=FINDINGS,
        help="findings.parquet or folder of an earlier result: --fail-on counts only findings that it lacks.",
    ),
]


@dataclass(frozen=True)
class GateOptions:
    """Rules and baseline of a command, checked and read before an audit starts."""

    rules: tuple[Rule, ...]
    baseline: Baseline | None

    def check(self, result: AuditResult) -> Gate:
        """Check a result; see `check_gate`."""
        from curv_issues.gate.check import check_gate  # imports pandas

        return check_gate(result, self.rules, baseline=self.baseline)


def report_gate(gate: Gate, result: AuditResult) -> None:
    """Print the verdicts to stderr; on GitHub, also annotate files and add to the summary of the job.

    GitHub's runner reads commands from both streams; stdout may hold JSON or CSV, so that stderr is used.

    Raises:
        typer.Exit: a rule is broken.
    """
    from curv_issues.gate.check import FAILED
    from curv_issues.gate.github import append_summary, file_annotations, job_summary

    for note in gate.notes:
        typer.echo(visible(f"Note: {note}"), err=True)
    for check in gate.checks:
        typer.echo(f"Gate: {check}", err=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in file_annotations(gate, result, os.environ.get("GITHUB_WORKSPACE") or os.getcwd()):
            typer.echo(line, err=True)
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            append_summary(job_summary(gate, result), path)
        except OSError as error:
            typer.echo(visible(f"Note: The job summary {path} could not be written ({error.strerror})."), err=True)
    if not gate.passed:
        raise typer.Exit(FAILED)


def gate_options(rules: list[str] | None, baseline: str | None) -> GateOptions | None:
    """Return the options of the gate; None if there are no rules.

    Raises:
        UsageError: a rule or the baseline cannot be used, or there is a baseline without rules.
    """
    if not rules:
        if baseline is not None:
            raise UsageError("--baseline is for the rules of --fail-on; add at least one, such as --fail-on 'label_issue>1%'.")
        return None
    parsed = parse_rules(rules)
    if baseline is None:
        return GateOptions(parsed, None)
    from curv_issues.gate.check import read_known  # imports pandas

    return GateOptions(parsed, read_known(baseline, parsed))


def gate_of_audit(rules: list[str] | None, baseline: str | None, *, duplicates: bool, against: str | None) -> GateOptions | None:
    """Return the options of the gate of an audit to come; raise UsageError also if it would not measure what a rule counts."""
    if rules:
        check_measured(parse_rules(rules), duplicates=duplicates, leakage=against is not None)
    return gate_options(rules, baseline)
