"""Convert the findings to rows of text, for the text formats."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace

import pandas as pd

from curv_issues.findings.section import Section
from curv_issues.results.arrow import as_objects
from curv_issues.results.kinds import DUPLICATE_CONFLICT, KINDS, LABEL_ISSUE
from curv_issues.results.result import AuditResult
from curv_issues.visible import visible

TOP = 20
"""Default number of findings in the formats for people."""

TEXT_COLUMNS = {
    *("split", "path", "kind", "given", "suggested", "test", "right", "suspect", "verdict", "errors"),
    *("other_path", "other_given"),
    *("old_path", "old_given", "old_suggested", "changed"),
}

_DECIMALS = {"suspicion": 4, "p_wrong": 2}
_MAIN_SCORES = ("cumulative_loss", "margin", "training_gradient")  # shown with `verbose`


def first_findings(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """Return the first findings (all if `limit` is None) as Python objects; missing values are None."""
    return as_objects(result.findings.head(len(result.findings) if limit is None else limit))


def summary_rows(result: AuditResult, limit: int | None, *, verbose: bool = False) -> pd.DataFrame:
    """Return the first findings as text, for people, without uninformative columns.

    Each row is listed once, with all its kinds; see `merged_findings`. Some columns are omitted: the path if no sample has one,
    the split if there is only one, and the kind if all findings are label issues.

    Args:
        result: the audit.
        limit: maximum number of findings; None: `TOP`.
        verbose: also show the main raw scores.

    Returns:
        A frame of `visible` text; its column names are not escaped.
    """
    findings = merged_findings(result)
    raw_scores = [name for name in _MAIN_SCORES if name in result.score_names] or list(result.score_names[:3]) if verbose else []
    columns = ["row"]
    columns += ["split"] if findings["split"].nunique() > 1 else []
    columns += ["kind"] if set(findings["kind"]) - {LABEL_ISSUE} else []
    columns += ["path"] if findings["path"].notna().any() else []
    columns += ["given", "suggested", "suspicion", *(name for name in ("p_wrong", "verdict") if findings[name].notna().any())]
    columns += raw_scores
    shown = findings.head(TOP if limit is None else limit).merge(result.scores[["row", *raw_scores]], on="row", how="left")
    return as_text(shown[columns])


def merged_findings(result: AuditResult) -> pd.DataFrame:
    """Return one row per sample, with its kinds joined.

    Of conflicting duplicates, only the suspect ones are included; their suggested class takes precedence.
    """
    findings = result.findings
    is_conflict = findings["kind"] == DUPLICATE_CONFLICT
    suspects = result.conflicts.loc[result.conflicts["suspect"], "row"]
    return by_sample(findings[~is_conflict | findings["row"].isin(suspects)])


def by_sample(findings: pd.DataFrame) -> pd.DataFrame:
    """Return one row per sample, with its kinds joined; the class that a duplicate suggests takes precedence."""
    several = findings[findings["row"].duplicated(keep=False)]  # few, as grouping takes milliseconds per row
    kinds = several.groupby("row", sort=False)["kind"].agg(", ".join).to_dict()
    first = findings.sort_values("kind", key=lambda kind: kind != DUPLICATE_CONFLICT, kind="stable").drop_duplicates("row")
    first = first.sort_index()
    joined = [kinds.get(row, kind) for row, kind in zip(first["row"], first["kind"], strict=True)]
    return first.assign(kind=joined).reset_index(drop=True)


def sections(result: AuditResult, limit: int | None = None, *, longest_path: int | None = None) -> list[Section]:
    """Return the sections that kinds of findings add to the list of findings, as `visible` text.

    Args:
        result: the audit.
        limit: maximum number of rows per kind; None: `TOP`.
        longest_path: maximum width of a path within text, in terminal cells; longer ones are cut in the middle. None: no
            maximum.
    """
    makers = [getattr(importlib.import_module(info.module), "section", None) for info in KINDS.values()]
    found = [maker(result, TOP if limit is None else limit, longest_path) for maker in makers if maker is not None]
    return [replace(section, rows=as_text(section.rows)) for section in found if section is not None]


def as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its values as `visible` text; missing values are empty."""
    return pd.DataFrame({name: [_cell(name, value) for value in rows[name]] for name in rows.columns}, dtype=object)


def _cell(name: str, value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return f"{value:.{_DECIMALS[name]}f}" if name in _DECIMALS else f"{value:#.3g}"
    return str(value)
