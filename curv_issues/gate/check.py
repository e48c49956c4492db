"""Check the findings of a result against rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curv_issues.errors import UsageError
from curv_issues.gate.baseline import Baseline, keyed_findings, read_baseline, searches_of
from curv_issues.gate.rules import ANY, Rule, check_measured, parse_rules
from curv_issues.results.kinds import DUPLICATE_CONFLICT, LABEL_ISSUE, LEAKAGE
from curv_issues.results.result import AuditResult

FAILED = 1
"""Exit code of a command whose gate fails."""


@dataclass(frozen=True)
class CheckedRule:
    """A rule, and how many samples it counts.

    Attributes:
        rule: the rule.
        count: number of samples with a finding that is not in the baseline.
        num_known: number of samples with such findings in the baseline only; None: there is no baseline.
        num_samples: number of audited samples.
    """

    rule: Rule
    count: int
    num_known: int | None
    num_samples: int

    @property
    def passed(self) -> bool:
        """Return whether the rule is kept."""
        return not self.rule.is_broken_by(self.count, self.num_samples)

    @property
    def numbers(self) -> str:
        """Return the numbers as text: "3 of 1,000 samples (0.3%) with new findings, 90 with known ones only"."""
        percentage = f"{100 * self.count / max(1, self.num_samples):.3g}%"
        found = f"{self.count:,} of {self.num_samples:,} samples ({percentage})"
        return found if self.num_known is None else f"{found} with new findings, {self.num_known:,} with known ones only"

    def __str__(self) -> str:
        return f"{self.rule} {'passed' if self.passed else 'failed'}: {self.numbers}."


@dataclass(frozen=True, eq=False)
class Gate:
    """What the rules say about a result.

    Attributes:
        checks: each rule with its numbers.
        new_findings: the findings that are not in the baseline, most suspect first, with the columns of `result.findings`; all of
            them without a baseline.
        new_leakage: likewise of `result.leakage`; None if no other split was compared.
        baseline: where the baseline comes from; None if there is none.
        notes: what makes the numbers less reliable.
    """

    checks: tuple[CheckedRule, ...]
    new_findings: pd.DataFrame
    new_leakage: pd.DataFrame | None
    baseline: str | None
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether every rule is kept."""
        return all(check.passed for check in self.checks)


def check_gate(
    result: AuditResult, rules: str | Sequence[str | Rule], *, baseline: str | Path | AuditResult | Baseline | None = None
) -> Gate:
    """Check the findings of a finished audit against rules.

    A rule counts samples: those with a finding of its kind, those that also appear in the other split (`leakage`), or those with
    any finding (`any`, without leakage). Percentages are of the audited samples.

    Args:
        result: from a finished audit, or loaded.
        rules: such as "label_issue>1%" or "duplicate_conflict>0".
        baseline: a folder of results, a findings.parquet or a result: a finding is not counted if the baseline has one of the
            same kind, image and given label. Further copies of such an image with the same label are not counted either.

    Raises:
        UsageError: a rule or the baseline cannot be used, the result lacks what a rule counts, or the audit was interrupted.
    """
    parsed = parse_rules(rules)
    if not isinstance(result, AuditResult):
        raise UsageError(f"Expected an AuditResult, as audit(...) returns it, but got {type(result).__name__}.")
    searches = searches_of(result)
    was_stopped = not searches["duplicates"] and bool((result.summary.get("options") or {}).get("duplicates"))
    if not result.complete or was_stopped:
        raise UsageError("The result is of an interrupted audit, but the gate needs a finished one; run the audit again.")
    check_measured(parsed, **searches)
    known = None if baseline is None else read_known(baseline, parsed)
    found = keyed_findings(result)
    if known is None:
        is_known = pd.Series(False, index=found.index)
    else:
        if (found["image_sha256"] == "").any():
            raise UsageError("The findings have no image hashes, so they cannot be compared with a baseline.")
        is_known = known.is_known(found)
    return Gate(
        checks=tuple(_check(rule, found, is_known, has_baseline=known is not None, num_samples=len(result)) for rule in parsed),
        new_findings=result.findings[~is_known[: len(result.findings)].to_numpy()].reset_index(drop=True),
        new_leakage=_new_leakage(result, found[~is_known]),
        baseline=None if known is None else known.source,
        notes=tuple(_notes(result, parsed, known)),
    )


def read_known(baseline: str | Path | AuditResult | Baseline, rules: Sequence[Rule]) -> Baseline:
    """Return a baseline; raise UsageError if it cannot be used with these rules."""
    known = baseline if isinstance(baseline, Baseline) else read_baseline(baseline)
    if any(rule.kind == LEAKAGE for rule in rules) and LEAKAGE not in (known.measured or ()):
        raise UsageError(
            f"The baseline {known.source} has no table of leakage; expected the folder of results of an audit with --against."
        )
    return known


def _check(rule: Rule, found: pd.DataFrame, is_known: pd.Series, *, has_baseline: bool, num_samples: int) -> CheckedRule:
    is_counted = found["kind"] != LEAKAGE if rule.kind == ANY else found["kind"] == rule.kind
    new, known = (set(found["row"][is_counted & mask]) for mask in (~is_known, is_known))
    return CheckedRule(rule, len(new), len(known - new) if has_baseline else None, num_samples)


def _new_leakage(result: AuditResult, new: pd.DataFrame) -> pd.DataFrame | None:
    if result.leakage is None:
        return None
    rows = set(new["row"][new["kind"] == LEAKAGE])
    return result.leakage[result.leakage["row"].isin(rows)].reset_index(drop=True)


def _notes(result: AuditResult, rules: Sequence[Rule], known: Baseline | None) -> Iterator[str]:
    """Yield why rules may not be broken, or broken, whatever the labels are."""
    kinds = {rule.kind for rule in rules}
    cut_off = result.summary.get("cut_off") or {}
    if kinds & {LABEL_ISSUE, ANY} and cut_off.get("note") and not result.scores["flagged"].any():
        yield f"The audit flagged no label automatically, so a rule on {LABEL_ISSUE} cannot fail; see its notes."
    if known is None:
        return
    if not known.complete:
        yield f"The baseline {known.source} is of an interrupted audit, so that known findings may count as new."
    if kinds & {DUPLICATE_CONFLICT, ANY} and known.measured is not None and DUPLICATE_CONFLICT not in known.measured:
        yield f"The baseline {known.source} is of an audit without a search for duplicates, so each {DUPLICATE_CONFLICT} is new."
