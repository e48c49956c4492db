"""Formats of a comparison with a reference: table, Markdown, JSON and CSV."""

from __future__ import annotations

import json
import math

import pandas as pd

from curv_issues.memorization.compare import Comparison
from curv_issues.memorization.similarity import MEASURES
from curv_issues.report.csv_format import csv_text
from curv_issues.report.markdown import markdown_table
from curv_issues.report.table import table_text
from curv_issues.results.arrow import as_objects

FORMATS = ("table", "json", "csv", "md")


def render_comparison(comparison: Comparison, format: str) -> str:
    """Return a comparison as text.

    Args:
        comparison: of a result with a reference.
        format: one of `FORMATS`; `json` has the values by epoch too.
    """
    if format == "json":
        return json.dumps(
            {
                "reference": comparison.reference,
                "num_samples": comparison.num_samples,
                "num_top": comparison.num_top,
                "notes": list(comparison.notes),
                "scores": as_objects(comparison.scores).to_dict("records"),
                "by_epoch": as_objects(comparison.by_epoch).to_dict("records"),
            },
            indent=2,
            allow_nan=False,
        )
    if format == "csv":
        return csv_text(as_objects(comparison.scores))
    rows = _for_people(comparison)
    return markdown_table(rows) if format == "md" else f"{table_text(rows)}\n"


def describe_comparison(comparison: Comparison) -> str:
    """Return what was compared in one line."""
    return (
        f"Similarity to {comparison.reference} over {comparison.num_samples:,} samples, and over the {comparison.num_top:,} with "
        "its highest values (top)."
    )


def _for_people(comparison: Comparison) -> pd.DataFrame:
    """Return one row per score as text: each measure over all samples, and over the top."""
    shown: dict[str, dict[str, str]] = {}
    for row in comparison.scores.to_dict("records"):
        cells = shown.setdefault(row["score"], {"score": row["score"]})
        for measure in reversed(MEASURES):
            name = measure if row["samples"] == "all" else f"{measure}, top"
            cells[name] = _with_interval(row[measure], row[f"{measure}_low"], row[f"{measure}_high"])
    return pd.DataFrame(list(shown.values()), dtype=object)


def _with_interval(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.3f}" if math.isnan(low) else f"{value:.3f} ± {(high - low) / 2:.3f}"
