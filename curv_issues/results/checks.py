"""Whether the parts of a result fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.confusions.error_count import BASES
from curv_issues.errors import UsageError
from curv_issues.results.kinds import KINDS, LABEL_ISSUE
from curv_issues.results.tables import ALL_TABLES, TABLES

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


def check_summary(summary: Mapping[str, Any]) -> None:
    """Refuse a summary without what every result needs, with a `UsageError`."""
    if not isinstance(summary.get("complete"), bool):
        raise UsageError("The summary must have `complete`: True, or False for an interrupted run.")
    dataset = summary.get("dataset")
    classes = dataset.get("classes") if isinstance(dataset, dict) else None
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise UsageError("The summary must have `dataset` with `classes`, the list of class names.")
    estimate = summary.get("estimate")
    numbers = [estimate.get(name) for name in ("num_errors", "low", "high")] if isinstance(estimate, dict) else [estimate]
    has_numbers = all(isinstance(number, int | float) for number in numbers)
    if estimate is not None and not (has_numbers and estimate.get("basis") in BASES):
        raise UsageError(
            f"The summary's `estimate` must have the numbers num_errors, low and high, and a basis ({', '.join(BASES)})."
        )
    if len(set(classes)) < len(classes):
        raise UsageError("The summary's `classes` contain a name twice; class names must be unique.")
    for name, table in ALL_TABLES.items():
        if table.is_listed and name in summary:
            raise UsageError(f"The summary has a key `{name}`, which is reserved for the list of {name} in JSON.")


def check_tables(result: AuditResult) -> None:
    """Refuse tables that contradict each other, with a `UsageError`."""
    scores, findings = result.scores, result.findings
    if scores["row"].duplicated().any():
        raise UsageError("The scores table has a row number twice; expected one row per sample.")
    if not np.array_equal(scores["row"], result.images["row"]):
        raise UsageError("The scores and images tables have different rows; expected the same rows in the same order.")
    for name, frame in result.tables.items():
        table = TABLES[name]
        if frame is None:
            continue
        if not frame[list(table.rows)].isin(set(scores["row"])).all(axis=None):
            raise UsageError(f"The {name} table has rows that are not in the scores table.")
        if table.is_unique and frame.duplicated(list(table.rows)).any():
            raise UsageError(f"The {name} table has a row twice.")
    for name, frame in (("scores", scores), ("findings", findings)):
        if not frame["suspicion"].between(0, 1).all():
            raise UsageError(f"The {name} table has a suspicion outside [0, 1].")
        if not set(frame["given"]) | set(frame["suggested"]) <= set(result.class_names):
            raise UsageError(f"The {name} table names classes that are not among the summary's `classes`.")
    if not findings["row"].isin(set(scores["row"])).all():
        raise UsageError("The findings table has rows that are not in the scores table.")
    if findings.duplicated(["row", "kind"]).any():
        raise UsageError("The findings table has two findings of one kind for a row; expected at most one.")
    for kind, info in KINDS.items():
        of_kind = findings["row"][findings["kind"] == kind]
        if info.table_of_findings and set(getattr(result, info.table_of_findings)["row"]) != set(of_kind):
            raise UsageError(f"The {info.table_of_findings} table and the {kind} findings have different rows.")
    flagged = set(scores["row"][scores["flagged"]])
    if flagged != set(findings["row"][findings["kind"] == LABEL_ISSUE]):
        raise UsageError(f"`flagged` in the scores table and the {LABEL_ISSUE} findings have different rows.")
    for name in result.score_names:
        entries = result.score_metadata.get(name, {})
        if entries.get("direction") not in ("high", "low") or not entries.get("source"):
            raise UsageError(f"The score {name} must have metadata: its direction (high or low) and its source.")
    unknown = set(result.score_metadata) - set(scores.columns)
    if unknown:
        raise UsageError(f"There is metadata for {', '.join(sorted(unknown))}, but no such column in the scores table.")


def check_arrays(result: AuditResult) -> None:
    """Refuse arrays whose shapes do not fit the tables, with a `UsageError`."""
    n = len(result)
    k = len(result.class_names)
    if result.pred_probs is not None and result.pred_probs.shape != (n, k):
        raise UsageError(f"pred_probs has shape {result.pred_probs.shape}; expected {(n, k)}.")
    if result.embeddings is not None and (result.embeddings.ndim != 2 or len(result.embeddings) != n):
        raise UsageError(f"embeddings has shape {result.embeddings.shape}; expected ({n}, d).")
    shapes = {name: values.shape for name, values in result.trajectories.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 2 or s[0] != n or s[1] == 0 for s in shapes.values()):
        raise UsageError(f"The trajectories have shapes {shapes}; expected ({n}, epochs) for each.")
    if "row" in shapes:
        raise UsageError("A trajectory is named row, the name of the column of row numbers; choose another name.")
