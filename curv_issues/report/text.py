"""What the text formats share: the findings as rows, and text from strangers made safe to print."""

from __future__ import annotations

import math
import unicodedata

import pandas as pd

from curv_issues.result import AuditResult

TOP = 20
"""Findings shown by the formats for people unless another limit is given."""

_TELLING = ("cumulative_loss", "margin", "training_gradient")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BIDI_CONTROLS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # they would reorder what follows them


def visible(text: str) -> str:
    r"""The text on one line: what steers a terminal or reorders a line is written as `\n`, `\x1b`, `\u202e`."""
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or code in _BIDI_CONTROLS:
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character


def first_findings(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """The first findings, all of them if limit is None, in Python's own types with None for what is missing."""
    findings = result.findings.head(len(result.findings) if limit is None else limit).astype(object)
    return findings.where(findings.notna(), None)


def telling_rows(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """The first findings as text, for people: only columns that say something, and the most telling raw scores.

    Left out are a path nobody has, and split and kind if all findings have the same.

    Args:
        result: the audit.
        limit: at most that many findings; None means `TOP`.

    Returns:
        A frame of `visible` text; column names are raw.
    """
    findings = result.findings
    telling = [name for name in _TELLING if name in result.score_names] or list(result.score_names[:3])
    columns = ["row"]
    columns += [name for name in ("split", "kind") if findings[name].nunique() > 1]
    columns += ["path"] if findings["path"].notna().any() else []
    columns += ["given", "suggested", "suspicion", *telling]
    shown = findings.head(TOP if limit is None else limit).merge(result.scores[["row", *telling]], on="row", how="left")
    return pd.DataFrame({name: [_cell(name, value) for value in shown[name]] for name in columns}, dtype=object)


def _cell(name: str, value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return f"{value:.4f}" if name == "suspicion" else f"{value:#.3g}"
    return str(value)
