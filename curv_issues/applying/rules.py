"""Changes that follow from the findings by a rule, for samples that no person has decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from curv_issues.applying.changes import Change
from curv_issues.errors import UsageError
from curv_issues.results.arrow import as_objects
from curv_issues.results.kinds import LABEL_ISSUE
from curv_issues.review.decisions import KEEP, RELABEL, REMOVE, Decision

if TYPE_CHECKING:
    import pandas as pd

    from curv_issues.results.result import AuditResult

_EVIDENCE = ("majority", "probability", "neighbours")
_NEEDED = ("p_wrong", "given_probability", "suggested_probability")


def suggestion_probability(result: AuditResult) -> np.ndarray:
    """Return the estimated probability that the suggested class is right, float64 (n,).

    It is p_wrong times suggested_probability / (1 - given_probability): the probability that the given label is wrong, times that
    of the suggested class among the other classes, by the sample alone. NaN where one of them is missing.

    Raises:
        UsageError: the result has no probabilities.
    """
    missing = [name for name in _NEEDED if name not in result.score_names]
    if missing:
        raise UsageError(
            f"--auto (auto) needs the probabilities of the classes, but this result has no {missing[0]}: they are not estimated "
            "with too many samples and classes, nor by older versions; decide about the samples instead."
        )
    p_wrong, given, suggested = (result.scores[name].to_numpy() for name in _NEEDED)
    others = np.maximum(1 - given, np.finfo(np.float32).eps)  # both are stored after rounding to float32
    return p_wrong * np.minimum(suggested / others, 1.0)


def automatic_relabels(result: AuditResult, least: float) -> dict[int, Change]:
    """Return by row the suggestions of label issues whose probability is at least `least`; see `suggestion_probability`."""
    probability = suggestion_probability(result)
    scores = result.scores
    flagged = scores["row"].isin(result.findings.loc[result.findings["kind"] == LABEL_ISSUE, "row"]).to_numpy()
    other = (scores["given"] != scores["suggested"]).to_numpy()
    chosen = np.flatnonzero(flagged & other & (probability >= least))
    return {
        row: Change(row, split, path, given, suggested, RELABEL, f"suggested with probability {probability[index]:.4f}")
        for index, (row, split, path, given, suggested) in zip(
            chosen, _places(scores.iloc[chosen], "given", "suggested"), strict=True
        )
    }


def removed_duplicates(
    table: pd.DataFrame, decided: Mapping[int, Decision], *, conflicts: bool
) -> tuple[dict[int, Change], set[int]]:
    """Return by row the samples to remove so that one of each group of duplicates is kept, and the rows that are kept for them.

    A person's decisions come first. Decided samples are never removed; if the person says what the label of some members is, these
    are kept and all others removed. Otherwise, of conflicting duplicates, one that is not suspect is kept; of several, the one
    with most evidence, then the first. A group whose members do not differ in their labels any more, or do so now, is left alone.

    Args:
        table: `conflicts` or `duplicates` of a result.
        decided: decisions by row.
        conflicts: whether the labels in the groups differ.
    """
    removed: dict[int, Change] = {}
    kept_rows: set[int] = set()
    for _, group in table.groupby("group", sort=False):
        members = [row for row in group["row"].tolist() if row not in decided or decided[row].action != REMOVE]
        group = group[group["row"].isin(members)]
        labels = {row: _label_now(decided.get(row), given) for row, given in zip(members, group["given"], strict=True)}
        is_conflict = len(set(labels.values())) > 1
        if len(members) < 2 or is_conflict != conflicts:
            continue
        confirmed = [row for row in members if row in decided and decided[row].action in (KEEP, RELABEL)]
        kept = confirmed or [_best(group) if conflicts else members[0]]
        kept_rows.update(kept)
        what = "conflicting duplicate" if conflicts else "duplicate"
        for row, split, path, given in _places(group, "given"):
            if row not in kept and row not in decided:
                removed[row] = Change(row, split, path, given, None, REMOVE, f"{what} of row {kept[0]}")
    return removed, kept_rows


def _label_now(decision: Decision | None, given: str) -> str:
    return given if decision is None or decision.label is None else decision.label


def _best(group: pd.DataFrame) -> int:
    """Return the row of the best supported member of a group of conflicting duplicates."""
    evidence = group[list(_EVIDENCE)].fillna(1.0).prod(axis=1)
    ranked = group.assign(evidence=evidence).sort_values(["suspect", "evidence", "row"], ascending=[True, False, True])
    return int(ranked["row"].iloc[0])


def _places(frame: pd.DataFrame, *columns: str) -> Iterator[tuple]:
    """Yield row, split and path, then these columns, as Python objects; missing ones are None."""
    return iter(as_objects(frame[["row", "split", "path", *columns]]).itertuples(index=False, name=None))
