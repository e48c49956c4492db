"""Helpers shared by the text formats: the findings as rows of text."""

from __future__ import annotations

import itertools
import math

import pandas as pd

from curv_issues.result import DUPLICATE_CONFLICT, LABEL_ERROR, AuditResult
from curv_issues.visible import visible

TOP = 20
"""Findings shown by the formats for people unless another limit is given."""

TEXT_COLUMNS = {"split", "path", "kind", "given", "suggested", "test", "right", "suspect", "other_path", "other_given"}
CONFLICTS_TITLE = "The same picture under different labels:"
OVERLAP_TITLE = "Pictures that stand in the other split under another label:"

_MOST_ROWS = 8  # of one label in one group
_TELLING = ("cumulative_loss", "margin", "training_gradient")


def first_findings(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """The first findings, all of them if limit is None, in Python's own types with None for what is missing."""
    findings = result.findings.head(len(result.findings) if limit is None else limit).astype(object)
    return findings.where(findings.notna(), None)


def telling_rows(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """The first findings as text, for people: only columns that say something, and the most telling raw scores.

    A row is listed once, whatever is found of it (`merged_findings`). Left out are a path nobody has, the split if there is one
    only, and the kind if there are label errors only.

    Args:
        result: the audit.
        limit: at most that many findings; None means `TOP`.

    Returns:
        A frame of `visible` text; column names are raw.
    """
    findings = merged_findings(result)
    telling = [name for name in _TELLING if name in result.score_names] or list(result.score_names[:3])
    columns = ["row"]
    columns += ["split"] if findings["split"].nunique() > 1 else []
    columns += ["kind"] if set(findings["kind"]) - {LABEL_ERROR} else []
    columns += ["path"] if findings["path"].notna().any() else []
    columns += ["given", "suggested", "suspicion", *telling]
    shown = findings.head(TOP if limit is None else limit).merge(result.scores[["row", *telling]], on="row", how="left")
    return pd.DataFrame({name: [_cell(name, value) for value in shown[name]] for name in columns}, dtype=object)


def merged_findings(result: AuditResult) -> pd.DataFrame:
    """The findings with one line a row, kinds joined; of conflicts the suspects only, and what they suggest goes first."""
    findings = result.findings
    is_conflict = findings["kind"] == DUPLICATE_CONFLICT
    suspects = result.conflicts.loc[result.conflicts["suspect"], "row"]
    findings = findings[~is_conflict | findings["row"].isin(suspects)]
    kinds = findings.groupby("row", sort=False)["kind"].agg(", ".join)
    first = findings.sort_values("kind", key=lambda kind: kind != DUPLICATE_CONFLICT, kind="stable").drop_duplicates("row")
    return first.sort_index().assign(kind=lambda frame: frame["row"].map(kinds)).reset_index(drop=True)


def conflict_rows(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """The first groups of the same picture under different labels as text, one a line.

    Args:
        result: the audit.
        limit: at most that many groups; None means `TOP`.

    Returns:
        A frame of `visible` text: `similarity` and `test` of the group's best link, then the labels side by side with their rows,
        and paths if there are any:
        `right` for those that the evidence speaks for, `suspect` for the others; both empty columns stay.
    """
    lines = []
    for _, members in itertools.islice(result.conflicts.groupby("group"), TOP if limit is None else limit):
        sides = {
            name: "; ".join(_label_with_rows(label, rows) for label, rows in part.groupby("given", sort=False))
            for name, part in (("right", members[~members["suspect"]]), ("suspect", members[members["suspect"]]))
        }
        lines.append({"similarity": f"{members['similarity'].max():.3f}", "test": members.iloc[0]["test"], **sides})
    return pd.DataFrame(lines, columns=["similarity", "test", "right", "suspect"], dtype=object)


def overlap_rows(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """The first pictures that stand in another split under another label as text, one a line; none if none was compared.

    Args:
        result: the audit.
        limit: at most that many; None means `TOP`.
    """
    if result.overlap is None:
        return pd.DataFrame()
    differing = result.overlap[~result.overlap["agree"]].head(TOP if limit is None else limit)
    columns = ["row", "path", "given", "other_row", "other_path", "other_given", "similarity", "test"]
    columns = [name for name in columns if not name.endswith("path") or differing[name].notna().any()]
    return pd.DataFrame({name: [_cell(name, value) for value in differing[name]] for name in columns}, dtype=object)


def _label_with_rows(label: str, rows: pd.DataFrame) -> str:
    places = zip(rows["row"].head(_MOST_ROWS), rows["path"].astype(object), strict=False)
    listed = ", ".join(f"{row} {visible(path)}" if isinstance(path, str) else str(row) for row, path in places)
    return f"{visible(label)}: {listed}{', ...' if len(rows) > _MOST_ROWS else ''}"


def _cell(name: str, value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return f"{value:.4f}" if name == "suspicion" else f"{value:#.3g}"
    return str(value)
