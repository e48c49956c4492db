"""Tables of the study of verdicts, made from its results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from benchmarks.study_tables import NAMES, NOTHING, Results, heading
from benchmarks.verdicts import COMPARED, KINDS
from curv_issues.bench.table import spread
from curv_issues.trackers import CROSS_FIT_SCORES, SCORES

SHOWN = ("mislabeled", "ambiguous", "rare", "outlier", "")
CURVATURE = ("input_curvature", "label_contrast", "label_contrast_difference")


def verdict_table(results: Results) -> str:
    """Return how often each kind of sample got each verdict: one row per dataset, truth, input and kind."""
    lines = heading("", ["seeds", "samples", *(name or "not suspect" for name in SHOWN)])
    for name, results_of_way in by_way(results):
        for kind in KINDS:
            found = [counts for way in results_of_way if (counts := way["verdicts"].get(kind))]
            if found:
                counts = [sum(part.get(verdict, 0) for part in found) for verdict in SHOWN]
                lines.append(f"| {name}: {kind} | {len(found)} | {sum(counts)} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines) if results else NOTHING


def curvature_table(results: Results) -> str:
    """Return AUROC of curvature and of the best free score: one row per dataset, truth, input and pair of kinds."""
    lines = heading("", ["seeds", "curvature", "best free score", "curvature, most suspect", "best free score, most suspect"])
    for name, results_of_way in by_way(results):
        for kind in COMPARED:
            cells = []
            for key in ("auroc", "auroc_of_most_suspect"):
                found = [way[key][kind] for way in results_of_way if way[key][kind]]
                cells += [curvature(found), best_free(found)] if found else ["", ""]
            if any(cells):
                lines.append(f"| {name}: {kind} or mislabeled | {len(results_of_way)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if results else NOTHING


def by_way(results: Results) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the name of each group of rows, and what was found on each seed."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        for way, found in result["ways"].items():
            groups[f"{NAMES[result['cell']['dataset']]}, {result['cell']['truth']}, {way}"].append(found)
    yield from groups.items()


def curvature(found: list[dict[str, float]]) -> str:
    """Return the AUROC of input curvature, in the direction that is better on average."""
    return spread(values("input_curvature", found))


def best_free(found: list[dict[str, float]]) -> str:
    """Return the AUROC of the score with the highest mean, in the direction that is better on average, and its name."""
    names = [name for name in (*SCORES, *CROSS_FIT_SCORES) if name not in CURVATURE and all(name in part for part in found)]
    best = max(names, key=lambda name: sum(values(name, found)))
    return f"{spread(values(best, found))} ({best})"


def values(name: str, found: list[dict[str, float]]) -> list[float]:
    """Return the AUROC of a score on each seed, in the direction that is better on average."""
    is_high = sum(part[name] for part in found) / len(found) >= 0.5
    return [part[name] if is_high else 1 - part[name] for part in found]
