"""Decide what to change: a person's decisions first, then the rules that were asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curv_issues.applying.changes import Change, of_decision
from curv_issues.applying.rules import automatic_relabels, removed_duplicates
from curv_issues.errors import UsageError
from curv_issues.results.arrow import as_objects
from curv_issues.results.kinds import PLACE
from curv_issues.review.decisions import ALREADY_APPLIED, RELABEL, REMOVE, Decision, match_result

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

KEEP_ONE = "keep-one"


@dataclass(frozen=True)
class Rules:
    """Changes that are made without a person's decision; none by default.

    Attributes:
        auto: relabel to the suggested class from this probability, in (0, 1]; None: never.
        drop_conflicts: "keep-one": of conflicting duplicates, keep one; None: keep all.
        drop_duplicates: "keep-one": of duplicates with one label, keep one; None: keep all.

    Raises:
        UsageError: a value is wrong.
    """

    auto: float | None = None
    drop_conflicts: str | None = None
    drop_duplicates: str | None = None

    def __post_init__(self) -> None:
        if self.auto is not None and (
            isinstance(self.auto, bool) or not isinstance(self.auto, int | float) or not 0 < self.auto <= 1
        ):
            raise UsageError(f"--auto (auto) must be a probability above 0 and up to 1, got {self.auto!r}.")
        for name in ("drop_conflicts", "drop_duplicates"):
            if (value := getattr(self, name)) not in (None, KEEP_ONE):
                raise UsageError(f"--{name.replace('_', '-')} ({name}) must be {KEEP_ONE}, got {value!r}.")

    @property
    def are_given(self) -> bool:
        """Whether any rule is to be used."""
        return self.auto is not None or self.need_duplicates

    @property
    def need_duplicates(self) -> bool:
        """Whether a rule is about groups of duplicates."""
        return self.drop_conflicts is not None or self.drop_duplicates is not None


@dataclass(frozen=True)
class Plan:
    """What to change.

    Attributes:
        changes: at most one per sample, in the order of the rows.
        not_applied: decisions that cannot be applied, in their order, each with the reason.
        decided: by row, the person's decisions that fit.
    """

    changes: list[Change]
    not_applied: list[Change]
    decided: dict[int, Decision]


def make_plan(result: AuditResult, decisions: Sequence[Decision], rules: Rules, *, removed: Collection[Decision] = ()) -> Plan:
    """Return the changes of the samples of a result.

    Args:
        result: of an audit.
        decisions: in the order in which they were made.
        rules: for samples without a decision.
        removed: decisions to remove a sample that were applied when the audited dataset was written.

    Raises:
        UsageError: a rule needs what the result does not have.
    """
    if rules.need_duplicates and not result.summary.get("duplicates"):
        raise UsageError(
            "--drop-conflicts (drop_conflicts) and --drop-duplicates (drop_duplicates) need duplicates, but this audit did not "
            "search for them; run it again without --no-duplicates."
        )
    done = set(removed)
    open_decisions = [decision for decision in decisions if decision not in done]
    matched = match_result(open_decisions, result)
    places = _places(result)
    changes = {
        row: Change(row, *places[row], decision.label, decision.action, "decision")
        for row, decision in matched.by_row.items()
        if decision.action in (RELABEL, REMOVE)
    }
    kept: set[int] = set()
    for name, conflicts in (("drop_conflicts", True), ("drop_duplicates", False)):
        if getattr(rules, name) is not None:
            dropped, kept_of = removed_duplicates(
                result.conflicts if conflicts else result.duplicates, matched.by_row, conflicts=conflicts
            )
            changes.update(dropped)
            kept |= kept_of if conflicts else set()
    if rules.auto is not None:
        undecided = automatic_relabels(result, rules.auto)
        taken = {*matched.by_row, *changes, *kept}
        changes.update((row, change) for row, change in undecided.items() if row not in taken)
    gone = [of_decision(decision, ALREADY_APPLIED) for decision in decisions if decision in done]
    not_applied = [*gone, *(of_decision(*pair) for pair in matched.unmatched)]
    return Plan([changes[row] for row in sorted(changes)], not_applied, dict(matched.by_row))


def _places(result: AuditResult) -> dict[int, tuple[str | None, str | None, str]]:
    """Return row -> split, path and given class."""
    scores = as_objects(result.scores[[*PLACE, "given"]])
    return {row: (split, path, given) for row, split, path, given in scores.itertuples(index=False, name=None)}


def check_classes(changes: Sequence[Change], known: Collection[str], *, new_classes: bool) -> None:
    """Raise UsageError if changes add a class although `new_classes` is False, or one without a name."""
    names = set(known)
    wanted = {change.label: change for change in changes if change.label is not None and change.label not in names}
    for label, change in wanted.items():
        if not label.strip():
            raise UsageError(f"A decision relabels row {change.row} to a class without a name ({label!r}); correct the decision.")
        if not new_classes:
            raise UsageError(
                f"A decision relabels row {change.row} to {label!r}, which is not a class of the dataset; correct the decision, or "
                "add the class with --new-classes (new_classes=True)."
            )
