"""Tables of the study of label noise, made from its results."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.study_tables import NAMES, NOTHING, Results, heading
from curv_issues.bench.table import spread


def label_noise_table(results: Results) -> str:
    """Return rankings, flags, probabilities and suggestions: one row per dataset and noise."""
    if not results:
        return NOTHING
    groups = defaultdict(list)
    for result in results:
        groups[result["cell"]["dataset"], result["cell"]["noise"].rpartition(":cifar10n.parquet:")[2]].append(result)
    columns = [
        "seeds",
        "default",
        "without",
        "p_wrong",
        "flagged: precision (recall)",
        "without",
        "expected 0.9, 0.8, 0.7",
        "calibration error",
        "wrong, estimated",
        "suggestion right",
        "without",
    ]
    lines = heading("", columns)
    for (dataset, noise), cells in groups.items():
        rankings = [ranking(cells, name) for name in ("default", "without", "p_wrong")]
        delivered = ", ".join(flags(cells, name, short=True) for name in ("0.9", "0.8", "0.7"))
        error = spread([cell["calibration_error"] for cell in cells])
        counts = ", ".join(f"{sum(cell[name] for cell in cells) / len(cells):,.0f}" for name in ("wrong", "estimated"))
        right = [suggestion(cells, name) for name in ("default", "without")]
        row = [*rankings, flags(cells, "auto"), flags(cells, "without"), delivered, error, counts, *right]
        lines.append(f"| {NAMES[dataset]}, {noise} | {len(cells)} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def ranking(cells: list[dict[str, Any]], name: str) -> str:
    """Return AUROC / average precision of a ranking."""
    if not cells[0]["rankings"]:
        return ""
    metrics = ("auroc", "average_precision")
    return " / ".join(spread([cell["rankings"][name][metric] for cell in cells]) for metric in metrics)


def flags(cells: list[dict[str, Any]], name: str, *, short: bool = False) -> str:
    """Return the precision and recall of the flags of all cells; the number of flags per cell if nothing is wrong."""
    counts = {key: sum(cell["flagged"][name][key] for cell in cells) for key in ("wrong", "flagged", "hits")}
    if not counts["wrong"] or not counts["flagged"]:
        number = f"{counts['flagged'] / len(cells):.0f}"
        return number if short else f"{number} flagged"
    return f"{counts['hits'] / counts['flagged']:.2f} ({counts['hits'] / counts['wrong']:.2f})"


def suggestion(cells: list[dict[str, Any]], name: str) -> str:
    """Return the fraction of the wrong labels whose suggested class is the true one."""
    found = [cell["suggested_right"][name] for cell in cells]
    return "" if None in found else spread(found)
