"""Find duplicate images with conflicting labels, and which of the labels is most likely correct."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curv_issues.counting import counted
from curv_issues.duplicates.base import FEATURES, NEAR, ComparedImages
from curv_issues.duplicates.groups import best_links, group_images
from curv_issues.findings.judgement import Evidence, KindJudgement
from curv_issues.findings.section import Section
from curv_issues.options import FindingOptions
from curv_issues.results.arrow import text_column
from curv_issues.results.tables import TABLES
from curv_issues.visible import cut_middle, visible

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

SCORE = "conflict_similarity"
SCORE_METADATA = {
    "direction": "high",
    "description": "largest similarity (correlation of aligned pixels) to a compared image with a different label",
    "cost": "a search among all images",
    "source": "new here",
}
NEIGHBOURS = 20  # nearest images outside a group whose labels count as evidence
LARGE = 100  # groups of at least this size are searched one by one, as memory would grow with the square of the size
MANY_EQUAL = 0.1  # fraction of equal rows that a note reports
_MOST_ROWS = 8  # rows shown per label and group
_MOST_LABELS = 4  # labels shown per side of a group
_UNLIKELY = 1e-3  # floor of a probability or fraction, so that its logarithm is finite


@dataclass(frozen=True, eq=False)
class DuplicateConflicts:
    """The judgement on n samples.

    Attributes:
        groups: int64 (n,), number of the sample's group of duplicates, in order of first members; -1: not in a group.
        in_conflict: bool (n,), whether the labels in the sample's group differ.
        suspect: bool (n,), whether the sample is in conflict and its label is not the best supported one; True for all members
            of a group whose best labels tie.
        suggested: int64 (n,), the best supported label for samples in conflict; the given one for all others.
        similarity: float64 (n,), in [0, 1]: the largest similarity to a compared image with a different label; 0 if there is none.
        majority: float64 (n,), fraction of the sample's group with its label; NaN for samples that are not in conflict.
        probability: float64 (n,), geometric mean over the group of the probe's probability of the sample's label; NaN as above, or
            without a probe.
        neighbours: float64 (n,), fraction of the nearest images outside the group with the sample's label; NaN as above.
    """

    groups: np.ndarray
    in_conflict: np.ndarray
    suspect: np.ndarray
    suggested: np.ndarray
    similarity: np.ndarray
    majority: np.ndarray
    probability: np.ndarray
    neighbours: np.ndarray


def judge(evidence: Evidence, _: FindingOptions) -> KindJudgement | None:
    """Find duplicate images with different labels; None if duplicates were not searched for. See `judgement.judge`."""
    if evidence.compared is None:
        return None
    judged = find_duplicate_conflicts(
        evidence.compared, evidence.labels, pred_probs=evidence.pred_probs, features=evidence.features
    )
    conflicts, duplicates = group_tables(judged, evidence.compared, evidence.samples, evidence.class_names)
    positions = np.flatnonzero(judged.in_conflict)
    return KindJudgement(
        positions=positions,
        suggested=judged.suggested[positions],
        columns={SCORE: judged.similarity},
        metadata={SCORE: SCORE_METADATA},
        tables={"conflicts": conflicts, "duplicates": duplicates},
        summary={
            "duplicates": {
                "threshold": evidence.compared.threshold,
                "conflict_groups": conflicts["group"].nunique(),
                "same_label_groups": duplicates["group"].nunique(),
                "same_label_rows": len(duplicates),
            }
        },
        notes=_note_equal_rows(conflicts, duplicates, len(evidence.labels)),
    )


def _note_equal_rows(conflicts: pd.DataFrame, duplicates: pd.DataFrame, num_samples: int) -> list[str]:
    """Return a note if many rows of features are equal, as in a table with few columns of few values."""
    equal = sum(int((table["test"] == FEATURES).sum()) for table in (conflicts, duplicates))
    if equal < MANY_EQUAL * num_samples or len(conflicts) == 0:
        return []
    return [
        f"{equal:,} of {num_samples:,} rows have the same features as another row. If features have few different values, equal "
        "rows with different labels need not be wrong: the features may not tell the classes apart."
    ]


def find_duplicate_conflicts(
    compared: ComparedImages,
    labels: np.ndarray,
    *,
    pred_probs: np.ndarray | None = None,
    features: np.ndarray | None = None,
) -> DuplicateConflicts:
    """Judge the groups of duplicate images.

    Where labels differ, the one with the largest product of three numbers is taken as correct: its fraction of the group, the
    geometric mean over the group of its probability under the probe, and its fraction of the nearest images outside the group.

    Args:
        compared: pairs of the n images.
        labels: int64 (n,), the given classes.
        pred_probs: float (n, k), the probe's probabilities; None: do not use them.
        features: float (n, d), the probe's embeddings; None: do not use the neighbours.
    """
    num_samples = len(labels)
    same = compared.same()
    groups = group_images(same, num_samples)
    judged = DuplicateConflicts(
        groups=groups,
        in_conflict=_in_conflict(groups, labels),
        suspect=np.zeros(num_samples, dtype=bool),
        suggested=labels.copy(),
        similarity=_similarity_under_other_labels(compared, labels),
        **{name: np.full(num_samples, np.nan) for name in ("majority", "probability", "neighbours")},
    )
    members = np.flatnonzero(judged.in_conflict)
    around = None if features is None else _labels_around(members, groups, labels, features)
    order = members[np.argsort(groups[members], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(order) else []:
        _judge(group, labels, pred_probs, None if around is None else around[np.searchsorted(members, group)], judged)
    return judged


def _judge(
    group: np.ndarray,
    labels: np.ndarray,
    pred_probs: np.ndarray | None,
    around: np.ndarray | None,
    judged: DuplicateConflicts,
) -> None:
    """Judge one group in conflict, given its member positions (m,), and write the judgement into `judged`."""
    classes, place, counts = np.unique(labels[group], return_inverse=True, return_counts=True)
    majority = counts / len(group)
    evidence = np.log(majority)
    judged.majority[group] = majority[place]
    if pred_probs is not None:
        probability = np.exp(np.log(np.maximum(pred_probs[np.ix_(group, classes)].astype(np.float64), _UNLIKELY)).mean(axis=0))
        evidence += np.log(probability)
        judged.probability[group] = probability[place]
    if around is not None:
        fraction = (around[:, :, None] == classes).sum((0, 1)) / max(1, (around >= 0).sum())
        evidence += np.log(np.maximum(fraction, _UNLIKELY))
        judged.neighbours[group] = fraction[place]
    best = np.flatnonzero(np.isclose(evidence, evidence.max(), rtol=0, atol=1e-9))
    judged.suspect[group] = (place != best[0]) if len(best) == 1 else True
    judged.suggested[group] = classes[best[0]]
    if len(best) > 1:  # with a tie, suggest the second best label to members that have the first
        judged.suggested[group[place == best[0]]] = classes[best[1]]


def _in_conflict(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    member = groups >= 0
    differs = np.zeros(groups.max(initial=-1) + 1, dtype=bool)
    first = np.full(len(differs), -1, dtype=np.int64)
    first[groups[member][::-1]] = labels[member][::-1]
    np.logical_or.at(differs, groups[member], labels[member] != first[groups[member]])
    found = np.zeros(len(groups), dtype=bool)
    found[member] = differs[groups[member]]
    return found


def _similarity_under_other_labels(compared: ComparedImages, labels: np.ndarray) -> np.ndarray:
    differ = compared.taken(labels[compared.first] != labels[compared.second])
    found = np.zeros(len(labels))
    # identical images are compared with the first copy only, but equal each other as well
    found[_in_conflict(group_images(compared.taken(compared.test != NEAR), len(labels)), labels)] = 1.0
    for side in (differ.first, differ.second):
        np.maximum.at(found, side, differ.similarity)
    return found


def _labels_around(members: np.ndarray, groups: np.ndarray, labels: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return the labels of the nearest images outside each member's group, int64 (m, 20), padded with -1."""
    if len(members) == 0:
        return np.empty((0, NEIGHBOURS), dtype=np.int64)
    import torch  # imported late, as judging a saved result again does not need it

    from curv_issues.duplicates.candidates import whiten
    from curv_issues.duplicates.nearest import nearest

    whitened = whiten(torch.from_numpy(np.asarray(features, dtype=np.float32)))
    found = np.full((len(members), NEIGHBOURS), -1, dtype=np.int64)
    sizes = np.bincount(groups[members])
    for group in np.flatnonzero(sizes >= LARGE):
        own, others = np.flatnonzero(groups[members] == group), np.flatnonzero(groups != group)
        rows, _ = nearest(whitened[members[own]], whitened[others], NEIGHBOURS, device=torch.device("cpu"))
        found[own, : rows.shape[1]] = labels[others[rows.numpy()]]
    small = np.flatnonzero(sizes[groups[members]] < LARGE)
    largest = int(sizes[groups[members[small]]].max(initial=0))
    index = torch.from_numpy(members[small])
    rows, _ = nearest(whitened[index], whitened, NEIGHBOURS + largest, device=torch.device("cpu"), itself=index)
    near = rows.numpy()
    outside = groups[near] != groups[members[small]][:, None]
    kept = outside & (np.cumsum(outside, axis=1) <= NEIGHBOURS)
    found[small[np.nonzero(kept)[0]], (np.cumsum(kept, axis=1) - 1)[kept]] = labels[near[kept]]
    return found


def group_tables(
    judged: DuplicateConflicts, compared: ComparedImages, scores: pd.DataFrame, class_names: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables "conflicts" (groups with different labels) and "duplicates" (groups with one label).

    Both have one row per group member. Groups are sorted by similarity, highest first, and numbered in this order.
    """
    similarity, test = best_links(compared.same(), len(scores))
    table = scores[["row", "split", "path", "given"]].assign(
        group=judged.groups,
        suspect=judged.suspect,
        suggested=text_column(np.array(class_names, dtype=object)[judged.suggested]),
        similarity=similarity.astype(np.float64),
        test=test,
        majority=judged.majority,
        probability=judged.probability,
        neighbours=judged.neighbours,
    )
    in_conflict, same_label = judged.in_conflict, (judged.groups >= 0) & ~judged.in_conflict
    return _numbered(table[in_conflict])[TABLES["conflicts"].names], _numbered(table[same_label])[TABLES["duplicates"].names]


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(best=table.groupby("group")["similarity"].transform("max"))
    table = table.sort_values(["best", "group", "row"], ascending=[False, True, True], kind="stable", ignore_index=True)
    return table.assign(group=pd.factorize(table["group"])[0].astype(np.int64))


def section(result: AuditResult, limit: int, longest_path: int | None) -> Section:
    """Return the first groups in conflict, one per row, with their labels side by side.

    `similarity` and `test` are those of the group's best link. `right` has the best supported labels with their rows and, if
    there are any, paths; `suspect` has the other labels. Of many labels or rows, the first are shown.
    """
    lines = []
    for _, members in itertools.islice(result.conflicts.groupby("group"), limit):
        sides = {
            name: _labels_with_rows(part, longest_path)
            for name, part in (("right", members[~members["suspect"]]), ("suspect", members[members["suspect"]]))
        }
        lines.append({"similarity": f"{members['similarity'].max():.3f}", "test": members.iloc[0]["test"], **sides})
    total = result.conflicts["group"].nunique()
    return Section(
        "Duplicates with conflicting labels:",
        pd.DataFrame(lines, columns=["similarity", "test", "right", "suspect"], dtype=object),
        f"The first {limit} of {total:,} groups of duplicates" if total > limit else None,
        "conflicts.parquet",
    )


def _labels_with_rows(members: pd.DataFrame, longest_path: int | None) -> str:
    labels = members.groupby("given", sort=False)
    shown = [_label_with_rows(label, rows, longest_path) for label, rows in itertools.islice(labels, _MOST_LABELS)]
    more = [counted(labels.ngroups - _MOST_LABELS, "other label")] if labels.ngroups > _MOST_LABELS else []
    return "; ".join(shown + more)


def _label_with_rows(label: str, rows: pd.DataFrame, longest_path: int | None) -> str:
    def place(row: int, path: object) -> str:
        if not isinstance(path, str):
            return str(row)
        return f"{row} {path if longest_path is None else cut_middle(visible(path), longest_path)}"

    places = zip(rows["row"].head(_MOST_ROWS), rows["path"].astype(object), strict=False)
    listed = ", ".join(place(row, path) for row, path in places)
    return f"{label}: {listed}{', ...' if len(rows) > _MOST_ROWS else ''}"
