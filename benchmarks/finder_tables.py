"""Tables of the comparison of duplicate finders, made from its results."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.duplicate_finders import KINDS
from benchmarks.duplicate_tables import Results, by_eye, of_group, rows_of
from benchmarks.study_tables import NOTHING
from curv_issues.bench.table import spread

TURNED = tuple(kind for kind in KINDS if kind.startswith("turned by"))
COLUMNS = ("re-encoded", "resized", "cropped", "brightened", "mirrored", TURNED, "upside down")


def photos_table(results: Results) -> str:
    """Return precision and recall of every method on copies of photos, by what was done to the copy."""
    cells = of_group(results, "photos")
    if not cells:
        return NOTHING
    names = [name if isinstance(name, str) else "turned" for name in COLUMNS]
    lines = ["| | threshold | pairs that are right | " + " | ".join(names) + " | processor |", "|---" * (len(names) + 4) + "|"]
    for method in cells[0]["methods"]:
        found = [cell["methods"][method] for cell in cells]
        recall = [[_recall(entry, name) for entry in found] for name in COLUMNS]
        thresholds = [abs(entry["threshold"]) for entry in found]
        shown = [
            f"{np.mean(thresholds):.3g}",
            spread([entry["precision"] for entry in found]),
            *(spread(each, 2) for each in recall),
        ]
        seconds = "" if method == "audit" else f"{np.mean([entry['seconds'] for entry in found]):.0f} s"
        lines.append(f"| {method} | " + " | ".join(shown) + f" | {seconds} |")
    return "\n".join(lines)


def _recall(found: dict[str, Any], kind: str | tuple[str, ...]) -> float:
    return float(np.mean([found["recall"][name] for name in ([kind] if isinstance(kind, str) else kind)]))


def leakage_table(results: Results) -> str:
    """Return how many test images of CIFAR-10 the search and pHash find in the training set, and how many of the judged ones."""
    cells = of_group(results, "leakage")
    if not cells:
        return NOTHING
    (cell,) = cells
    judged = cell["methods"]["search"]["recall_by_judgment"]
    counts = [f"judged as {judgment} ({number})" for judgment, (_, number) in judged.items()]
    lines = [f"| | threshold | test images found | {' | '.join(counts)} | right by eye |", "|---" * (len(counts) + 4) + "|"]
    rows = [("**search**", cell["methods"]["search"], "copies-search")]
    hashed = cell["methods"]["pHash (imagehash)"]
    rows += [
        ("pHash (imagehash)", {**found, "threshold": int(bits)}, "copies-phash" if int(bits) == hashed["threshold"] else "")
        for bits, found in hashed["by_threshold"].items()
    ]
    for name, found, sheet in rows:
        recall = " | ".join(f"{found['recall_by_judgment'][judgment][0]:.3f}" for judgment in judged)
        seen = by_eye(sheet, [rows_of(pair) for pair in cell["samples"][sheet]]) if sheet else ""
        lines.append(f"| {name} | {found['threshold']:.3g} | {found['images']:,} | {recall} | {seen} |")
    return "\n".join(lines)


def command_table(results: Results) -> str:
    """Return time and memory of the whole command."""
    cells = sorted(of_group(results, "command"), key=lambda cell: bool(cell["cell"]["turned"]))
    if not cells:
        return NOTHING
    lines = ["| | images | groups | images beside those to keep | processor time | peak memory |", "|---" * 6 + "|"]
    for cell in cells:
        name = "`duplicates --turned`" if cell["cell"]["turned"] else "`duplicates`"
        counts = f"{cell['n']:,} | {cell['num_groups']:,} | {cell['num_removable']:,}"
        lines.append(f"| {name} | {counts} | {cell['processor_seconds']:.0f} s | {cell['peak_memory'] / 1e9:.2f} GB |")
    return "\n".join(lines)
