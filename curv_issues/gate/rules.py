"""Rules of the gate, such as `label_issue>1%`, and what an audit must measure for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from curv_issues.errors import UsageError
from curv_issues.plugins import look_up
from curv_issues.results.kinds import DUPLICATE_CONFLICT, KINDS, LEAKAGE

ANY = "any"
"""The kind of a rule that counts samples with a finding of any kind, without leakage."""

FORMS = "KIND>N, KIND>=N, KIND>P% or KIND>=P%"
_RULE = re.compile(r"\s*(\w+)\s*(>=?)\s*([0-9]+(?:\.[0-9]+)?)\s*(%?)\s*")


@dataclass(frozen=True)
class Rule:
    """A limit on the number of samples with a finding.

    Attributes:
        kind: kind of finding, or `ANY`.
        comparison: ">" or ">=": the rule is broken if the number is above the limit, or at or above it.
        limit: number of samples, or percentage of the audited samples.
        is_percent: whether `limit` is a percentage.
    """

    kind: str
    comparison: str
    limit: Fraction
    is_percent: bool

    def is_broken_by(self, count: int, num_samples: int) -> bool:
        """Return whether `count` of `num_samples` audited samples are too many; exact, without rounding."""
        found, limit = (100 * count, self.limit * num_samples) if self.is_percent else (count, self.limit)
        return found > limit if self.comparison == ">" else found >= limit

    def __str__(self) -> str:
        return f"{self.kind}{self.comparison}{float(self.limit):.15g}{'%' if self.is_percent else ''}"


def parse_rules(rules: str | Sequence[str | Rule]) -> tuple[Rule, ...]:
    """Return rules from their text, such as `label_issue>1%`; rules that are parsed already are kept.

    Raises:
        UsageError: there is no rule, or one is not of the expected form, always broken or never broken.
    """
    given = [rules] if isinstance(rules, str) else list(rules)
    if not given:
        raise UsageError(f"There is no rule for the gate; expected at least one: {FORMS}.")
    return tuple(rule if isinstance(rule, Rule) else _parse(rule) for rule in given)


def _parse(text: str) -> Rule:
    found = _RULE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UsageError(f"The rule {text!r} is not of the form {FORMS}; in a shell, put it in quotes.")
    kind, comparison, number, percent = found.groups()
    look_up(dict.fromkeys((*KINDS, ANY)), kind, "kind of finding")
    rule = Rule(kind, comparison, Fraction(number), bool(percent))
    if not percent and rule.limit.denominator != 1:
        raise UsageError(f"The rule {text!r} limits a number of samples to {number}; expected an integer, or a percentage.")
    if rule.is_broken_by(0, 1):
        raise UsageError(f"The rule {text!r} always fails; expected > instead of >=, or a limit above 0.")
    if percent and not rule.is_broken_by(1, 1):
        raise UsageError(f"The rule {text!r} never fails, because there are at most 100% of the samples; expected a lower limit.")
    return rule


def check_measured(rules: Sequence[Rule], *, duplicates: bool, leakage: bool) -> None:
    """Raise UsageError if a rule counts what an audit does not search for, so that it could never be broken.

    Args:
        rules: parsed rules.
        duplicates: whether duplicates are searched for.
        leakage: whether the samples are compared with another split.
    """
    for rule in rules:
        if rule.kind == DUPLICATE_CONFLICT and not duplicates:
            raise UsageError(f"The rule {str(rule)!r} needs an audit that searches for duplicates, without --no-duplicates.")
        if rule.kind == LEAKAGE and not leakage:
            raise UsageError(f"The rule {str(rule)!r} needs an audit with --against SPLIT (against=), which searches for leakage.")
