"""List all scores, with the suspect direction, cost and source of each."""

from __future__ import annotations

import json
from typing import Any

from curv_issues.baselines import BASELINES
from curv_issues.errors import UsageError
from curv_issues.report.plain import plain_table
from curv_issues.trackers import ALL_SCORES, CROSS_FIT_SCORES


def list_scores() -> list[dict[str, Any]]:
    """Return one entry per score; `measured` is "always", "on demand", "with features", or "bench: " and the baseline."""
    return [
        {
            "score": name,
            "suspect": info.direction,
            "measured": "with features" if name in CROSS_FIT_SCORES else "on demand" if info.on_demand else "always",
            "cost": info.cost,
            "source": info.source,
            "description": info.description,
        }
        for name, info in ALL_SCORES.items()
    ] + [
        {
            "score": score,
            "suspect": found.direction,
            "measured": f"bench: {name}",
            "cost": info.metadata(score)["cost"],
            "source": info.source,
            "description": found.description,
        }
        for name, info in BASELINES.items()
        for score, found in info.scores.items()
    ]


def render_scores(format: str) -> str:
    """Return the list as "table" or "json".

    Raises:
        UsageError: the format is unknown.
    """
    if format == "json":
        return json.dumps(list_scores(), indent=2)
    if format != "table":
        raise UsageError(f"Unknown format {format!r}; choose one of: table, json.")
    return plain_table(("score", "suspect", "measured", "description, cost, source"), list(map(_row, list_scores())))


def _row(entry: dict[str, str]) -> list[str]:
    """Return the cells of a row; long texts share one column, so that the table fits 100 characters."""
    measured, _, baseline = entry["measured"].partition(": ")
    lines = [entry["description"], *([f"baseline: {baseline}"] if baseline else []), f"cost: {entry['cost']}", entry["source"]]
    return [entry["score"], entry["suspect"], measured, "\n".join(lines)]
