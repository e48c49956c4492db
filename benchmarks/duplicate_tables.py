"""Tables of the benchmark of duplicates, made from its results."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.altered import ALTERED
from benchmarks.duplicates import SETTINGS, SHOWN
from benchmarks.study_tables import NAMES, NOTHING
from curv_issues.bench.table import spread

Results = Sequence[dict[str, Any]]
VERDICTS = Path(__file__).parent / "verdicts.csv"  # judged by eye from the contact sheets, one row per group or pair
METHODS = {
    "conflict_similarity": "**duplicate_conflict**",
    "near_duplicate": "cleanlab, near_duplicate",
    "margin": "AUM",
    "cumulative_loss": "CSL",
    "confident_learning": "Confident Learning",
    "label_contrast": "label contrast",
    "input_curvature": "curvature",
    "training_gradient": "training gradient",
}


def of_group(results: Results, group: str) -> list[dict[str, Any]]:
    """Return the cells of one group."""
    return [result for result in results if result["cell"]["group"] == group]


def verdicts() -> dict[tuple[str, tuple[int, ...]], bool]:
    """Return whether the images of a group are duplicates, by contact sheet and rows."""
    with VERDICTS.open(newline="") as file:
        return {(line["sheet"], rows_of(line["rows"].split())): line["same"] == "yes" for line in csv.DictReader(file)}


def rows_of(rows: Iterable[Any]) -> tuple[int, ...]:
    """Return rows as a key."""
    return tuple(int(row) for row in rows)


def by_eye(sheet: str, groups: Sequence[tuple[int, ...]]) -> str:
    """Return how many groups are duplicates by the verdicts, and how many have no verdict."""
    verdict = verdicts()
    known = [verdict[sheet, group] for group in groups if (sheet, group) in verdict]
    missing = len(groups) - len(known)
    return f"{sum(known)} of {len(known)}" + (f", {missing} not looked at" if missing else "")


def planted_table(results: Results) -> str:
    """Return the recall of planted pairs by kind."""
    cells = of_group(results, "planted")
    if not cells:
        return NOTHING
    lines = ["| the copy is | pairs per seed | seeds | pairs found |", "|---|---|---|---|"]
    for kind in ALTERED:
        found = [cell for cell in cells if kind in cell["recall"]]
        if not found:
            continue
        lines.append(f"| {kind} | {found[0]['pairs'][kind]} | {len(found)} | {spread([cell['recall'][kind] for cell in found])} |")
    return "\n".join(lines)


def precision_table(results: Results) -> str:
    """Return the precision of conflict pairs and how often the correct side was named, by planted kinds."""
    cells = of_group(results, "planted")
    if not cells:
        return NOTHING
    lines = ["| planted | seeds | conflict pairs | of them right | copy named suspect | source named suspect |", "|---" * 6 + "|"]
    for kinds in dict.fromkeys(cell["cell"]["kinds"] for cell in cells):
        found = [cell for cell in cells if cell["cell"]["kinds"] == kinds]
        columns = [spread([cell[name] for cell in found]) for name in ("precision", "copy_suspect", "source_suspect")]
        pairs = spread([float(cell["conflict_pairs"]) for cell in found], 0)
        lines.append(f"| {kinds.replace('+', ', ')} | {len(found)} | {pairs} | " + " | ".join(columns) + " |")
    return "\n".join(lines)


def protocol_table(results: Results) -> str:
    """Return the results of all methods on exact conflicting pairs."""
    cells = of_group(results, "protocol")
    if not cells:
        return NOTHING
    lines = ["| | AUROC | average precision | pairs: precision | pairs: recall |", "|---" * 5 + "|"]
    pairs = {"conflict_similarity": "duplicate_conflict", "near_duplicate": "near_duplicate"}
    for name, shown in METHODS.items():
        found = [cell["methods"][name] for cell in cells]
        row = [spread([value[metric] for value in found]) for metric in ("auroc", "average_precision")]
        if name in pairs:
            row += [spread([cell["pairs"][pairs[name]][metric] for cell in cells]) for metric in ("precision", "recall")]
        else:
            row += ["", ""]
        lines.append(f"| {shown} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def natural_table(results: Results) -> str:
    """Return the duplicates found in the unmodified datasets."""
    cells = of_group(results, "natural")
    if not cells:
        return NOTHING
    lines = [
        f"| dataset | threshold | conflict groups | right by eye, of the first {SHOWN} | same-label groups |",
        "|---" * 5 + "|",
    ]
    for cell in sorted(cells, key=lambda cell: list(NAMES).index(cell["cell"]["dataset"])):
        dataset = cell["cell"]["dataset"]
        seen = by_eye(f"natural-{dataset}", [rows_of(group["rows"]) for group in cell["groups"][:SHOWN]])
        lines.append(
            f"| {NAMES[dataset]} | {cell['threshold']:.3f} | {len(cell['groups'])} | {seen} | {cell['same_label_groups']:,} |"
        )
    return "\n".join(lines)


def leakage_table(results: Results) -> str:
    """Return the training images that also appear in the test set."""
    cells = of_group(results, "against")
    if not cells:
        return NOTHING
    lines = ["| | |", "|---|---|"]
    for cell in cells:
        lines += [
            f"| pairs found (threshold {cell['threshold']:.3f}) | {cell['pairs']:,} |",
            f"| test images among them | {cell['test_pictures']:,} |",
            f"| pairs with differing labels | {cell['differing_labels']} |",
        ]
        seen = by_eye(f"against-{cell['cell']['dataset']}", [rows_of(pair[:2]) for pair in cell["sample"]])
        lines.append(f"| right by eye, of {len(cell['sample'])} random pairs | {seen} |")
        for judgment, (recall, number) in cell["recall_by_judgment"].items():
            lines.append(f"| found of the {number} pairs that people judged as {judgment} | {recall:.3f} |")
    return "\n".join(lines)


def highest_table(results: Results) -> str:
    """Return how many of the images with the highest curvature are conflicting duplicates."""
    cells = of_group(results, "highest")
    if not cells:
        return NOTHING
    lines = [
        "| training | members of conflict groups, by seed | among the 60 of highest curvature | ... of highest label contrast |",
        "|---" * 4 + "|",
    ]
    for setting in SETTINGS:
        chosen = sorted((cell for cell in cells if cell["cell"]["setting"] == setting), key=lambda cell: cell["cell"]["seed"])
        columns = [[cell["members"] for cell in chosen]]
        columns += [[cell["scores"][name]["count"] for cell in chosen] for name in ("input_curvature", "label_contrast")]
        if chosen:
            lines.append(f"| {setting} | " + " | ".join(", ".join(map(str, column)) for column in columns) + " |")
    return "\n".join(lines)


def scale_table(results: Results) -> str:
    """Return processor seconds of the search by stage, and as a multiple of the search among the fewest images."""
    cells = sorted(of_group(results, "scale"), key=lambda cell: int(cell["cell"]["n"]))
    if not cells:
        return NOTHING
    stages = ("details", "candidates", "comparison")
    lines = [
        "| images | search | " + " | ".join(stages) + " | all | multiple | found of the exact result |",
        "|---" * (len(stages) + 5) + "|",
    ]
    least = {name: sum(found["processor_seconds"].values()) for name, found in cells[0]["searches"].items()}
    for cell in cells:
        for name, found in cell["searches"].items():
            seconds = [found["processor_seconds"][stage] for stage in stages]
            recall = f"{cell['recall_of_exact']:.4f}" if name == "approximate" else ""
            shown = " | ".join(f"{value:,.0f} s" for value in (*seconds, sum(seconds)))
            lines.append(f"| {cell['cell']['n']:,} | {name} | {shown} | {sum(seconds) / least[name]:.1f} | {recall} |")
    return "\n".join(lines)
