"""The kinds of findings. Register a new kind in the table below only; the table imports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LABEL_ISSUE = "label_issue"
DUPLICATE_CONFLICT = "duplicate_conflict"
LEAKAGE = "leakage"

PLACE = {"row": "int64", "split": "text?", "path": "text?"}
"""The columns that identify a sample; `?` marks values that may be missing."""


@dataclass(frozen=True)
class ResultTable:
    """One table of a result, saved as NAME.parquet.

    Attributes:
        columns: types by name: int64, int32, float64, bool, text or binary, with `?` if values may be missing.
        about: what one row is.
        default: False: present only on request.
        rows: columns of row numbers, which must be rows of samples.
        is_unique: whether a row number appears at most once.
        is_listed: whether the JSON format lists its rows.
    """

    columns: Mapping[str, str]
    about: str
    default: bool = True
    rows: tuple[str, ...] = ("row",)
    is_unique: bool = False
    is_listed: bool = False

    @property
    def names(self) -> list[str]:
        """Return the names of the columns, in order."""
        return list(self.columns)


@dataclass(frozen=True)
class KindInfo:
    """One kind of finding.

    Attributes:
        module: module with `judge(evidence, options)`, see `findings.judgement`, and, if the kind has a table to show,
            `section(result, limit, longest_path)`, see `findings.section`.
        about: what such a finding is, in one or two sentences.
        tables: the tables of a result that it fills, by name.
        table_of_findings: the table whose rows are the samples with a finding; None: there is none.
        scores: the scores that it adds to the scores table.
        has_findings: False: it only fills its tables and has no rows in the list of findings.
    """

    module: str
    about: str
    tables: Mapping[str, ResultTable] = field(default_factory=dict)
    table_of_findings: str | None = None
    scores: tuple[str, ...] = ()
    has_findings: bool = True


KINDS: dict[str, KindInfo] = {
    LABEL_ISSUE: KindInfo(
        "curv_issues.findings.label_issue",
        "A label that looks wrong to the probe. `flagged` in `scores.parquet` is true for exactly these rows.",
        {
            "confusions": ResultTable(
                {
                    "given": "text",
                    "suggested": "text?",
                    "num_errors": "float64",
                    "low": "float64",
                    "high": "float64",
                    "num_given": "int64",
                },
                "a class and a class that seems to be right for some of its labels, with their estimated number; without "
                "`suggested`, all wrong labels of the class",
                rows=(),
            )
        },
    ),
    DUPLICATE_CONFLICT: KindInfo(
        "curv_issues.findings.duplicate_conflict",
        "An image that appears again with a different label. All members of such a group are listed.",
        {
            "conflicts": ResultTable(
                {
                    "group": "int64",
                    **PLACE,
                    "given": "text",
                    "suspect": "bool",
                    "suggested": "text",
                    "similarity": "float64",
                    "test": "text",
                    "majority": "float64",
                    "probability": "float64?",
                    "neighbours": "float64?",
                },
                "a member of a group of duplicate images with different labels, the most similar groups first",
                is_unique=True,
                is_listed=True,
            ),
            "duplicates": ResultTable(
                {"group": "int64", **PLACE, "given": "text", "similarity": "float64", "test": "text"},
                "a member of a group of duplicate images with one label",
                is_unique=True,
            ),
        },
        table_of_findings="conflicts",
        scores=("conflict_similarity",),
    ),
    LEAKAGE: KindInfo(
        "curv_issues.findings.leakage",
        "An image that also appears in the other split. Listed in a table of its own.",
        {
            "leakage": ResultTable(
                {
                    **PLACE,
                    "given": "text",
                    "other_row": "int64",
                    "other_split": "text?",
                    "other_path": "text?",
                    "other_given": "text",
                    "similarity": "float64",
                    "test": "text",
                    "mirrored": "bool",
                    "agree": "bool",
                },
                "an image and its duplicate in another split, those with different labels first",
                default=False,
                is_listed=True,
            )
        },
        has_findings=False,
    ),
}
"""Kinds by name, in the order in which they are judged and shown."""
