"""Rules of the gate."""

from __future__ import annotations

import pytest

from curv_issues.errors import UsageError
from curv_issues.gate.rules import check_measured, parse_rules


@pytest.mark.parametrize(
    ("text", "shown", "least_broken"),  # the smallest number of 1,000 samples that breaks the rule
    [
        ("label_issue>1%", "label_issue>1%", 11),
        ("label_issue>=1%", "label_issue>=1%", 10),
        (" duplicate_conflict > 0 ", "duplicate_conflict>0", 1),
        ("leakage>=7", "leakage>=7", 7),
        ("any>0.1%", "any>0.1%", 2),
        ("any>=0.10%", "any>=0.1%", 1),
        ("any>12.25%", "any>12.25%", 123),
        ("any>1.1%", "any>1.1%", 12),  # 1,000 * 1.1 / 100 is above 11 in floating point
        ("any>0%", "any>0%", 1),
        ("any>=100%", "any>=100%", 1000),
        ("label_issue>1000", "label_issue>1000", 1001),
    ],
)
def test_limits(text: str, shown: str, least_broken: int) -> None:
    (rule,) = parse_rules(text)
    assert str(rule) == shown
    assert next(count for count in range(1_100) if rule.is_broken_by(count, 1_000)) == least_broken


def test_several_rules_keep_their_order() -> None:
    rules = parse_rules(["any>2", "label_issue>1%"])
    assert list(map(str, rules)) == ["any>2", "label_issue>1%"]
    assert parse_rules(rules) == rules


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label_issue", "is not of the form KIND>N"),
        ("label_issue>", "in a shell, put it in quotes"),
        ("label_issue>-1", "is not of the form"),
        ("label_issue>1e3", "is not of the form"),
        ("label_issue>\u0661", "is not of the form"),  # a digit of another script
        ("label_issue<1", "is not of the form"),
        ("label_issue==1", "is not of the form"),
        ("label_issue>1%%", "is not of the form"),
        ("label_issue>1% any>0", "is not of the form"),
        (">1", "is not of the form"),
        ("fog>1", "Unknown kind of finding 'fog'; choose one of: label_issue, duplicate_conflict, leakage, any."),
        ("any>1.5", "limits a number of samples to 1.5; expected an integer, or a percentage"),
        ("any>=0", "always fails"),
        ("any>=0%", "always fails"),
        ("any>100%", "never fails"),
        ("any>=100.1%", "never fails"),
    ],
)
def test_wrong_rules(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rules([text])
    assert words in str(caught.value)


def test_no_rule_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected at least one: KIND>N"):
        parse_rules([])


def test_rules_on_what_is_not_measured_are_refused() -> None:
    rules = parse_rules(["label_issue>1", "any>1"])
    check_measured(rules, duplicates=False, leakage=False)
    with pytest.raises(UsageError, match=r"'duplicate_conflict>1' needs an audit that searches for duplicates"):
        check_measured(parse_rules(["any>0", "duplicate_conflict>1"]), duplicates=False, leakage=True)
    with pytest.raises(UsageError, match=r"'leakage>0' needs an audit with --against SPLIT"):
        check_measured(parse_rules(["leakage>0"]), duplicates=True, leakage=False)
