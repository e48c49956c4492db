"""Tables of the study of label noise, made from its results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.study_tables import NAMES, NOTHING, Results, heading
from curv_issues.bench.table import spread
from curv_issues.trackers import SCORES_OF_LABELS

Cells = list[dict[str, Any]]
METRICS = ("auroc", "average_precision")
HUMAN = "file:cifar10n.parquet:"
MAIN = {
    ("cifar10", "uniform:0.1", True): "10% to any other class",
    ("cifar10", f"{HUMAN}aggregate", True): "those of people, majority of three (9%)",
    ("cifar10", f"{HUMAN}worst", True): "those of people, worst of three (40%)",
    ("cifar10", "asymmetric:0.2", False): "20% of five classes to a like class",
    ("cifar100", "uniform:0.1", True): "10% to any other class",
    ("clothing", "uniform:0.05", False): "5% to any other class",
    ("digits", "uniform:0.1", False): "10% to any other class",
}
"""What the main table shows: dataset, noise and whether the whole of a dataset that is used in part elsewhere; and its errors."""
OWN = ("p_wrong", "class_confusion", "given_probability", "suggested_probability")  # no single scores, as they use all labels


def main_table(results: Results) -> str:
    """Return ranking, automatic flags and suggestions of the main datasets and errors, by pixels and with features."""
    rows = []
    for (dataset, noise, whole), errors in MAIN.items():
        chosen = [
            result
            for result in results
            if {"dataset": dataset, "noise": noise}.items() <= result["cell"].items() and whole == ("part" in result["cell"])
        ]
        for way in ("pixels", "both"):
            cells = [result["ways"][way] for result in chosen if way in result["ways"]]
            if cells:
                name = f"{NAMES[dataset]}, {errors}{', with features' if way == 'both' else ''}"
                measured = [spread([cell["rankings"]["default"][metric] for cell in cells]) for metric in METRICS]
                measured += [spread([cell["flagged"]["auto"][key] for cell in cells], 2) for key in ("precision", "recall")]
                measured.append(spread([cell["suggested_right"]["default"] for cell in cells], 2))
                rows.append([name, f"{chosen[0]['n']:,}", str(len(cells)), *measured])
    columns = ["n", "seeds", "AUROC", "average precision", "flagged: precision", "flagged: recall", "suggested class right"]
    return _table(columns, rows)


def ranking_table(results: Results) -> str:
    """Return AUROC / average precision of rankings, and what was suggested: one row per dataset, noise and input."""
    rows = []
    for name, cells in by_noise(results):
        if cells[0]["rankings"]:
            rankings = [ranking(cells, way) for way in ("default", "without", "p_wrong", "with_curvature")]
            right = [spread([cell["suggested_right"][way] for cell in cells]) for way in ("default", "without")]
            rows.append([name, str(len(cells)), *rankings, best_score(cells), *right])
    return _table(
        ["seeds", "default", "without", "p_wrong", "default and curvature", "best single score", "suggestion right", "without"],
        rows,
    )


def flag_table(results: Results) -> str:
    """Return precision (recall) of flags, or their number if nothing is wrong: one row per dataset, noise and input."""
    rows = []
    for name, cells in by_noise(results):
        flagged = [flags([cell["flagged"][way] for cell in cells]) for way in ("auto", "without", "0.9", "0.8", "0.7")]
        answered = flags([answer["flagged"] for cell in cells for answer in cell["answers"]])
        rows.append([name, str(len(cells)), *flagged, answered])
    return _table(["seeds", "automatic", "without", "asked 0.9", "asked 0.8", "asked 0.7", "asked 0.9, after 45 answers"], rows)


def count_table(results: Results) -> str:
    """Return the estimated numbers of wrong labels: one row per dataset, noise and input."""
    rows = []
    for name, cells in by_noise(results):
        answers = [(answer["estimate"], cell["wrong"]) for cell in cells for answer in cell["answers"]]
        numbers = [answer["num_errors"] for answer, _ in answers]
        means = [np.mean([cell["wrong"] for cell in cells])]
        means += [np.mean([cell["estimate"][key] for cell in cells]) for key in ("num_errors", "low", "high")]
        first = [spread([cell["calibration_error"] for cell in cells]), *(f"{mean:,.0f}" for mean in means)]
        unasked = covered([(cell["estimate"], cell["wrong"]) for cell in cells])
        asked = [f"{np.mean(numbers):,.0f} ± {np.std(numbers):,.0f}", covered(answers)]
        rows.append([name, str(len(cells)), *first, unasked, *asked])
    columns = ["seeds", "calibration error", "wrong", "estimated", "low", "high", "covered", "after 45 answers", "covered"]
    return _table(columns, rows)


def by_noise(results: Results) -> Iterator[tuple[str, Cells]]:
    """Yield the name of each row of a table, and its results on each seed."""
    groups: dict[str, Cells] = defaultdict(list)
    for result in results:
        cell = result["cell"]
        for way, found in result["ways"].items():
            whole = f", n = {result['n']:,}" if "part" in cell else ""
            place = f"{NAMES[cell['dataset']]}, {cell['noise'].rpartition(':cifar10n.parquet:')[2]}{whole}"
            groups[f"{place}, {way}" if len(result["ways"]) > 1 else place].append({**found, "wrong": result["wrong"]})
    yield from groups.items()


def covered(estimates: list[tuple[dict[str, Any], int]]) -> str:
    """Return in how many of all cases the interval contains the true number."""
    return f"{sum(estimate['low'] <= wrong <= estimate['high'] for estimate, wrong in estimates)} of {len(estimates)}"


def ranking(cells: Cells, name: str) -> str:
    """Return AUROC / average precision of a ranking."""
    return " / ".join(spread([cell["rankings"][name][metric] for cell in cells]) for metric in METRICS)


def best_score(cells: Cells) -> str:
    """Return AUROC / average precision of the score of the run with the highest mean AUROC, and its name."""
    names = [name for name in SCORES_OF_LABELS if name not in OWN and all(name in cell["rankings"] for cell in cells)]
    best = max(names, key=lambda name: sum(cell["rankings"][name]["auroc"] for cell in cells))
    return f"{ranking(cells, best)} ({best})"


def flags(found: list[dict[str, Any]]) -> str:
    """Return the precision and recall of flags; their mean number if nothing is wrong or flagged."""
    counts = {key: sum(part[key] for part in found) for key in ("wrong", "flagged", "hits")}
    if not counts["wrong"] or not counts["flagged"]:
        return f"{counts['flagged'] / len(found):.0f} flagged"
    return f"{counts['hits'] / counts['flagged']:.2f} ({counts['hits'] / counts['wrong']:.2f})"


def _table(columns: list[str], rows: list[list[str]]) -> str:
    return "\n".join([*heading("", columns), *("| " + " | ".join(row) + " |" for row in rows)]) if rows else NOTHING
