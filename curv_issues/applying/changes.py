"""Changes of a dataset: a label that becomes another one, or a sample that is removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from curv_issues.review.decisions import RELABEL, REMOVE, Decision

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Change:
    """One change, or one that could not be made.

    Attributes:
        row: of the sample in the audited dataset; None if a decision does not say.
        split: of the sample, or None.
        path: of its file in the audited dataset, or None.
        given: class name before.
        label: class name after; None if the sample is removed.
        action: "relabel" or "remove"; "keep" and "unsure" among those that could not be made.
        reason: why the change is made, or why not.
    """

    row: int | None
    split: str | None
    path: str | None
    given: str
    label: str | None
    action: str
    reason: str

    def __str__(self) -> str:
        place = " ".join(str(part) for part in (self.split, self.path) if part is not None)
        where = f"row {self.row}{f' ({place})' if place else ''}" if self.row is not None else place or "a sample"
        what = {RELABEL: f"{self.given!r} to {self.label!r}", REMOVE: f"remove, labelled {self.given!r}"}
        return f"{where}, {what.get(self.action, f'{self.action} {self.given!r}')}: {self.reason}"


COLUMNS = tuple(field.name for field in fields(Change))


def of_decision(decision: Decision, reason: str) -> Change:
    """Return a decision that could not be applied as a change; `reason` says why."""
    return Change(decision.row, decision.split, decision.path, decision.given, decision.label, decision.action, reason)


def changes_table(changes: Iterable[Change]) -> pd.DataFrame:
    """Return one row per change: row (Int64), split, path, given, label, action, reason (text or null)."""
    import pandas as pd  # slow to import

    from curv_issues.results.arrow import text_column

    listed = list(changes)
    columns = {name: [getattr(change, name) for change in listed] for name in COLUMNS}
    rows = pd.array(columns.pop("row"), dtype="Int64")
    return pd.DataFrame({"row": rows, **{name: text_column(values) for name, values in columns.items()}})


def changes_of(table: pd.DataFrame) -> list[Change]:
    """Return the changes in a table of `changes_table`."""
    from curv_issues.results.arrow import as_objects

    return [Change(*row) for row in as_objects(table).itertuples(index=False, name=None)]
