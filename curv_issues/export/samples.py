"""The samples that an export contains: what the dataset says about each, and what the audit found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curv_issues.results.arrow import as_objects
from curv_issues.results.kinds import DUPLICATE_CONFLICT, KINDS
from curv_issues.results.result import AuditResult


@dataclass(frozen=True)
class Sample:
    """One exported sample.

    Attributes:
        row: of the dataset.
        split: name of its split, or None.
        path: of its file in the dataset, or None.
        given: class name of its label.
        suggested: class that a finding suggests instead; None if no finding doubts the label.
        kinds: kinds of its findings, in the order of `KINDS`.
        suspicion: in [0, 1], high = suspect.
        p_wrong: probability that the label is wrong, or None.
        verdict: what a suspect sample probably is, or None.
        conflict_group: number of its group of duplicates with different labels, or None.
        height: native size in pixels; 0 without an image.
        width: native size in pixels; 0 without an image.
        image_sha256: of the decoded pixels.
        file_sha256: of the file's bytes; "" if there was no file.
        image: name of its image file in the export; None if images are not exported.
    """

    row: int
    split: str | None
    path: str | None
    given: str
    suggested: str | None
    kinds: tuple[str, ...]
    suspicion: float
    p_wrong: float | None
    verdict: str | None
    conflict_group: int | None
    height: int
    width: int
    image_sha256: str
    file_sha256: str
    image: str | None = None

    @property
    def proposed(self) -> str:
        """Return the class that a reviewer should confirm: the suggested one, or the given one if no finding doubts it."""
        return self.given if self.suggested is None else self.suggested

    def attributes(self) -> dict[str, str | int | float | bool]:
        """Return what a reviewer should see beside the label; values that are missing are left out."""
        found = {
            "suspect": self.suggested is not None,
            "suggested": self.suggested,
            "kinds": ", ".join(self.kinds),
            "suspicion": self.suspicion,
            "p_wrong": self.p_wrong,
            "verdict": self.verdict,
            "conflict_group": self.conflict_group,
            "row": self.row,
        }
        return {name: value for name, value in found.items() if value is not None}

    def table_row(self) -> list[Any]:
        """Return the values of the columns `COLUMNS`."""
        own = {"suspect": self.suggested is not None, "kinds": ", ".join(self.kinds)}
        return [own[name] if name in own else getattr(self, name) for name in COLUMNS]


COLUMNS = {
    "row": "int64",
    "split": "text",
    "path": "text",
    "given": "text",
    "suggested": "text",
    "suspect": "bool",
    "kinds": "text",
    "suspicion": "float64",
    "p_wrong": "float64",
    "verdict": "text",
    "conflict_group": "int64",
    "image_sha256": "text",
    "file_sha256": "text",
}
"""The columns of a table of samples, with their types."""

ATTRIBUTES = ("suspect", "suggested", "kinds", "suspicion", "p_wrong", "verdict", "conflict_group", "row")
"""The names of all attributes of a label."""


def list_samples(result: AuditResult, *, kind: str | None = None, all_samples: bool = False) -> list[Sample]:
    """Return the samples with a finding, most suspect first.

    Args:
        result: with the findings of `kind` only, see `auditing.rejudge.only_kind`.
        kind: a kind of finding; None: all that are in the list of findings.
        all_samples: return the other samples too.
    """
    kinds: dict[int, list[str]] = {}
    suggested: dict[int, str] = {}
    p_wrong: dict[int, float] = {}
    order = {name: number for number, name in enumerate(KINDS)}
    findings = result.findings.sort_values("kind", key=lambda names: names.map(order), kind="stable")  # unknown kinds last
    for row, name, given, other, probability in _tuples(findings, ("row", "kind", "given", "suggested", "p_wrong")):
        kinds.setdefault(row, []).append(name)
        if other != given and (row not in suggested or name == DUPLICATE_CONFLICT):  # which has seen the right label on a copy
            suggested[row] = other
        if probability is not None:
            p_wrong[row] = probability
    if kind is not None and not KINDS[kind].has_findings:
        for table in KINDS[kind].tables:
            frame = result.tables[table]
            kinds.update({row: [kind] for row in ([] if frame is None else frame["row"].tolist())})
    groups = dict(zip(result.conflicts["row"].tolist(), result.conflicts["group"].tolist(), strict=True))
    if "p_wrong" in result.score_names:
        p_wrong = {**dict(_tuples(result.scores, ("row", "p_wrong"))), **p_wrong}
    columns = ("row", "split", "path", "given", "suspicion", "verdict")
    sizes = _tuples(result.images, ("height", "width", "image_sha256", "file_sha256"))
    samples = [
        Sample(
            row=row,
            split=split,
            path=path,
            given=given,
            suggested=suggested.get(row),
            kinds=tuple(kinds.get(row, ())),
            suspicion=suspicion,
            p_wrong=p_wrong.get(row),
            verdict=verdict,
            conflict_group=groups.get(row),
            height=height,
            width=width,
            image_sha256=image_sha256,
            file_sha256=file_sha256,
        )
        for (row, split, path, given, suspicion, verdict), (height, width, image_sha256, file_sha256) in zip(
            _tuples(result.scores, columns), sizes, strict=True
        )
        if all_samples or row in kinds
    ]
    return sorted(samples, key=lambda sample: (-sample.suspicion, sample.row))


def _tuples(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of some columns as Python objects; missing values are None."""
    objects = [as_objects(frame[name]).tolist() for name in columns]
    return list(zip(*objects, strict=True))
