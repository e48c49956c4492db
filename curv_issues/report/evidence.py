"""The evidence for a verdict, in one sentence each, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from curv_issues.results.result import AuditResult

MEANINGS = {
    "mislabeled": "The suggested class fits, the given one does not.",
    "ambiguous": "The given and the suggested class both fit.",
    "rare": "No class fits well, so the label may be right.",
    "outlier": "It is unlike all other samples.",
    "conflict": "The label of a duplicate is better supported.",
}


class Evidence:
    """Evidence for the samples of one result."""

    def __init__(self, result: AuditResult) -> None:
        self._class_sizes = result.scores["given"].value_counts()
        conflicts = result.conflicts
        self._members = dict(zip(conflicts["row"], conflicts["group"], strict=True))
        self._groups = dict(list(conflicts.groupby("group")))

    def sentences(self, sample: Mapping[str, Any]) -> list[str]:
        """Return what is known about a sample, the verdict first.

        Args:
            sample: its row of the scores table, None or NaN where not measured.
        """
        found = []
        verdict = sample.get("verdict")
        if isinstance(verdict, str):
            found.append(MEANINGS.get(verdict, f"The verdict is {verdict}."))
        given, suggested = sample.get("given_probability"), sample.get("suggested_probability")
        if _is_number(given) and _is_number(suggested):
            found.append(f"Probability {_percent(given)} for the given class, {_percent(suggested)} for the suggested one.")
        if verdict == "rare":
            found.append(f"The given class has {self._class_sizes[sample['given']]:,} samples.")
        if verdict == "outlier" and _is_number(isolation := sample.get("isolation")):
            found.append(f"Its isolation is {isolation:.1f} interquartile ranges.")
        if sample["row"] in self._members:
            members = self._groups[self._members[sample["row"]]]
            others = members[members["row"] != sample["row"]]
            own = members[members["row"] == sample["row"]].iloc[0]
            rows = ", ".join(f"row {row} ({given})" for row, given in zip(others["row"][:5], others["given"][:5], strict=True))
            more = " ..." if len(others) > 5 else ""
            found.append(f"Duplicates: {rows}{more}; {own['test']}, similarity {own['similarity']:.3f}.")
        return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _percent(value: float) -> str:
    """Return a probability in percent; never 0% or 100% for what is only nearly so."""
    percent = 100 * value
    return f"{percent:.0f}%" if 1 <= percent <= 99 or value in (0, 1) else "below 1%" if percent < 1 else "above 99%"
