"""Choose the samples that the page of a report shows: findings, samples to check, their neighbours and extreme curvatures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curv_issues.results.kinds import LABEL_ISSUE
from curv_issues.results.result import AuditResult
from curv_issues.review.sample import SAMPLE_SIZE, choose_positions

MOST_FINDINGS = 400  # of each kind
LEAST_CARDS = 100  # the most suspect samples are added to fewer findings
NEIGHBOURS = 3  # of each of the two classes
EXTREMES = 10  # samples at each end of the curvature, by class
MOST_CLASSES = 30  # with extremes
CURVATURE = "input_curvature"
_CHUNK = 256  # queries


@dataclass(frozen=True)
class ClassExtremes:
    """The samples with the lowest and the highest curvature of one class, as positions, most extreme first."""

    label: int
    lowest: list[int]
    highest: list[int]


@dataclass(frozen=True)
class Choice:
    """The samples that a page shows, as positions in the scores table.

    Attributes:
        cards: samples with a card, most suspect first.
        label_issues: of these, samples with a label issue; further ones may exist.
        to_check: of these, samples to ask a person about, see `review_sample`.
        groups: members of each group of conflicting duplicates, the most similar groups first; all have a card.
        neighbours: for each card, the nearest samples of the given and of the suggested class.
        extremes: by class.
    """

    cards: list[int]
    label_issues: list[int]
    to_check: list[int]
    groups: list[list[int]]
    neighbours: dict[int, tuple[list[int], list[int]]]
    extremes: list[ClassExtremes]

    @property
    def small(self) -> list[int]:
        """Return the positions of all images that are shown without a card, in the order in which they appear."""
        near = (position for both in self.neighbours.values() for positions in both for position in positions)
        ends = (position for found in self.extremes for position in (*found.lowest, *found.highest))
        return list(dict.fromkeys([*near, *ends]))


def choose(result: AuditResult, *, most: int = MOST_FINDINGS) -> Choice:
    """Choose the samples of a page.

    Args:
        result: an audit.
        most: maximum number of findings of each kind; of groups of conflicting duplicates, all members are shown or none.
    """
    scores, findings = result.scores, result.findings
    position = pd.Series(np.arange(len(result)), index=scores["row"])
    label_issues = position[findings["row"][findings["kind"] == LABEL_ISSUE].head(most)].tolist()
    groups: list[list[int]] = []
    for _, rows in result.conflicts.groupby("group", sort=False)["row"]:
        if sum(map(len, groups)) + len(rows) > most:
            break
        groups.append(position[rows].tolist())
    suspicion = scores["suspicion"].to_numpy()
    ranked = np.argsort(-suspicion, kind="stable")
    to_check = choose_positions(suspicion, SAMPLE_SIZE, seed=0, is_open=np.ones(len(result), dtype=bool)).tolist()
    shown = {*label_issues, *to_check, *ranked[:LEAST_CARDS].tolist(), *(member for group in groups for member in group)}
    cards = [place for place in ranked.tolist() if place in shown]
    return Choice(cards, label_issues, to_check, groups, _neighbours(result, cards), _extremes(result))


def _neighbours(result: AuditResult, cards: Iterable[int]) -> dict[int, tuple[list[int], list[int]]]:
    """Return the nearest samples of the given and of the suggested class by the cosine of the embeddings, for each card."""
    cards = list(cards)
    if result.embeddings is None or not cards:
        return {}
    labels = result.labels
    codes = {name: code for code, name in enumerate(result.class_names)}
    suggested = result.scores["suggested"].map(codes).to_numpy()
    found: dict[int, tuple[list[int], list[int]]] = {place: ([], []) for place in cards}
    for side, wanted in enumerate((labels, suggested)):
        for label in np.unique(wanted[cards]):
            queries = np.array([place for place in cards if wanted[place] == label])
            for place, near in zip(queries, _nearest(result.embeddings, queries, np.flatnonzero(labels == label)), strict=True):
                found[int(place)][side].extend(near)
    return found


def _nearest(embeddings: np.ndarray, queries: np.ndarray, members: np.ndarray) -> list[list[int]]:
    """Return for each query the members that are nearest to it, nearest first, without the query itself."""
    others = _unit(embeddings[members])
    found: list[list[int]] = []
    if not len(members):  # no sample has the suggested class
        return [[] for _ in queries]
    for start in range(0, len(queries), _CHUNK):
        part = queries[start : start + _CHUNK]
        similarity = _unit(embeddings[part]) @ others.T
        similarity[part[:, None] == members] = -np.inf
        number = min(NEIGHBOURS, len(members))
        best = np.argpartition(-similarity, number - 1, axis=1)[:, :number]
        for nearest, values in zip(best, similarity, strict=True):
            ranked = nearest[np.argsort(-values[nearest], kind="stable")]
            found.append(members[ranked[np.isfinite(values[ranked])]].tolist())
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _extremes(result: AuditResult) -> list[ClassExtremes]:
    """Return the extremes of the curvature of the classes with most findings."""
    if CURVATURE not in result.score_names:
        return []
    values, labels = result.scores[CURVATURE].to_numpy(), result.labels
    counts = result.findings["given"].value_counts()
    classes = sorted(np.unique(labels), key=lambda code: -counts.get(result.class_names[code], 0))[:MOST_CLASSES]
    found = []
    for label in sorted(classes):
        members = np.flatnonzero((labels == label) & np.isfinite(values))
        ranked = members[np.argsort(values[members], kind="stable")].tolist()
        number = min(EXTREMES, len(ranked) // 2)
        if number:
            found.append(ClassExtremes(int(label), ranked[:number], ranked[::-1][:number]))
    return found
