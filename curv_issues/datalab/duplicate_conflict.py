"""The issue type `duplicate_conflict`: duplicate images with conflicting labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from curv_issues.auditing.rejudge import rejudge
from curv_issues.datalab.base import RunIssueManager
from curv_issues.duplicates.table import KEPT_FROM
from curv_issues.errors import UsageError
from curv_issues.findings.duplicate_conflict import SCORE
from curv_issues.option import option
from curv_issues.options import DuplicateOptions
from curv_issues.results.result import AuditResult


@dataclass(frozen=True, kw_only=True)
class ConflictOptions:
    """The options of this issue type; `DuplicateConflictIssueManager` checks them."""

    threshold: float | None = option(
        None, f"Minimum similarity ({KEPT_FROM:g}-1) at which two images count as duplicates. Default: from the data."
    )


class DuplicateConflictIssueManager(RunIssueManager):
    """Duplicate images in a Datalab, identical or nearly so, with conflicting labels.

    Issue columns: `is_duplicate_conflict_issue` (bool): belongs to a group of duplicates with conflicting labels;
    `duplicate_conflict_score` (in [0, 1], low = worse): 1 - the largest similarity to an image with another label, at most
    1 - threshold for members of groups; the evidence: `duplicate_conflict_suspect` (bool: the evidence is against this
    label), `duplicate_conflict_given_class`, `duplicate_conflict_suggested_class`, `duplicate_conflict_group` (number of the group,
    -1: in none), `duplicate_conflict_sets` (the other members, int64 arrays of row numbers),
    `duplicate_conflict_distance` (1 - the similarity to the most similar other member, 1 outside of groups).
    Summary score: 1 - members / n.
    """

    description: ClassVar[str] = """Duplicate images, identical or nearly so, with conflicting labels: at least one of the
    labels is wrong, or the image fits several classes.

    The score is one minus the largest similarity of the aligned pixels to an image with another label. The suspect member of a
    group is found from the other labels of the group, from a small network trained on these examples, and from the labels of
    similar images.
    """
    issue_name: ClassVar[str] = "duplicate_conflict"
    verbosity_levels: ClassVar[dict[int, list[str]]] = {
        0: [],
        1: [],
        2: ["threshold", "num_groups", "groups"],
        3: ["recipe", "notes"],
    }
    own_options = ConflictOptions
    columns = (
        "is_duplicate_conflict_issue",
        "duplicate_conflict_score",
        "duplicate_conflict_suspect",
        "duplicate_conflict_given_class",
        "duplicate_conflict_suggested_class",
        "duplicate_conflict_group",
        "duplicate_conflict_sets",
        "duplicate_conflict_distance",
    )

    def __init__(self, datalab: Any, **options: Any) -> None:
        """Check the options; own option: `threshold`, the minimum similarity at which two images count as duplicates, 0.5 to 1."""
        super().__init__(datalab, **options)
        if self._run.given is not None:
            _check_searched(self._run.given)

    def collect_info(self, result: AuditResult) -> dict[str, Any]:
        """Return what `lab.get_info` shows: the threshold, the groups, same-label duplicates, and how the run was done."""
        found = result.summary["duplicates"]
        return {
            **super().collect_info(result),
            "threshold": found["threshold"],
            "num_groups": found["conflict_groups"],
            "groups": result.conflicts.copy(),
            "num_same_label_groups": found["same_label_groups"],
            "same_label_groups": result.duplicates.copy(),
        }

    def _check_own(self) -> str:
        threshold = self._own.get("threshold")
        if threshold is not None:
            try:
                fits = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold >= KEPT_FROM  # type: ignore[operator]
            except UsageError:
                fits = False
            if not fits:
                raise UsageError(f"threshold must be a number from {KEPT_FROM:g} to 1, got {threshold!r}.")
        return "default"

    def _judge(self, result: AuditResult) -> AuditResult:
        _check_searched(result)  # another type may have brought it after `__init__`
        threshold = self._own.get("threshold")
        return result if threshold is None else rejudge(result, duplicate_threshold=threshold)

    def _make_columns(self, result: AuditResult) -> tuple[Any, ...]:
        n, classes, given = len(result), self._samples.classes, self._samples.labels
        code_of = {name: code for code, name in enumerate(self._samples.class_names)}
        position = pd.Series(np.arange(n), index=result.scores["row"].to_numpy())
        members = result.conflicts.assign(place=position[result.conflicts["row"]].to_numpy())
        place = members["place"].to_numpy()
        is_member, suspect = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        group, suggested, distance = np.full(n, -1), given.copy(), np.ones(n)
        is_member[place], suspect[place], group[place] = True, members["suspect"], members["group"]
        suggested[place] = [code_of[name] for name in members["suggested"]]
        distance[place] = np.clip(1 - members["similarity"].to_numpy(), 0, 1)
        sets = [np.empty(0, dtype=np.int64)] * n
        for _, places in members.groupby("group")["place"]:
            for one in places:
                sets[one] = np.sort(places[places != one].to_numpy())
        score = 1 - np.clip(result.scores[SCORE].to_numpy(), 0, 1)
        # a member linked to the other label by a chain of pairs scores like the pairs of the chain
        score[is_member] = np.minimum(score[is_member], 1 - min(1.0, result.summary["duplicates"]["threshold"]))
        return is_member, score, suspect, classes[given], classes[suggested], group, sets, distance


def _check_searched(result: AuditResult) -> None:
    if result.summary.get("duplicates") is None:
        raise UsageError("result was made without a search for duplicates; audit again with duplicates=True.")
