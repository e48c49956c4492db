"""Tables of the studies of features, backbones and transformers, made from their results."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.features import PHOTOS
from benchmarks.study_tables import NAMES, NOTHING, Results, best_marked, heading, value
from curv_issues.bench.table import spread

NETWORKS = {
    ("photos", "clothing"): ", Lite2 at 192 px",
    ("photos", "cifar10"): ", Lite0 at 96 px",
    ("fine_tuning", "clothing"): ", Lite0 at 96 px",
}
"""EfficientNets whose features are audited, by group and dataset."""

FEATURE_METHODS = {
    "default": "default",
    "cumulative_loss": "CSL",
    "margin": "AUM",
    "held_out_loss": "held-out loss",
    "input_curvature": "curvature",
    "cl_self_confidence": "CL, probe",
    "cl_logistic": "CL, logistic regression",
    "cl_boosting": "CL, boosting",
    "knn_label_score": "kNN (cleanlab)",
}


def features_table(results: Results, metric: str) -> str:
    """Return one row per dataset, noise and input, one column per method on features."""
    if not results:
        return NOTHING
    groups = defaultdict(list)
    for result in results:
        cell = result["cell"]
        groups[cell["group"], cell["dataset"], cell["noise"], cell["input"]].append(result)
    lines = heading("", ["seeds", *FEATURE_METHODS.values()])
    for (group, dataset, noise, chosen), cells in groups.items():
        names = [name for name in FEATURE_METHODS if name in cells[0]["methods"]]
        found = dict(
            zip(names, best_marked([spread([value(cell, name, metric) for cell in cells]) for name in names]), strict=True)
        )
        noise = noise.replace("file:cifar10n.parquet:", "human, ")
        features = cells[0]["num_features"]
        size = f"{cells[0]['n']:,}" + (f" x {features:,}" if features else "") + NETWORKS.get((group, dataset), "")
        tuned = ", fine-tuned" if chosen == "fine-tuned" else ""
        row = " | ".join(found.get(name, "") for name in FEATURE_METHODS)
        lines.append(f"| {dataset} ({size}), {noise}{tuned} | {len(cells)} | {row} |")
    return "\n".join(lines)


def backbone_table(results: Results) -> str:
    """Return AUROC / average precision of photos, from features of a backbone, joined with pixels, and from pixels.

    Args:
        results: of `benchmarks.label_noise`.
    """
    groups = defaultdict(list)
    for result in results:
        cell = result["cell"]
        if cell["noise"] in PHOTOS.get(cell["dataset"], ()) and "part" not in cell:
            groups[cell["dataset"], cell["noise"]].append(result["ways"])
    if not groups:
        return NOTHING
    columns = {"`--input features`": "features", "both (default)": "both", "without backbone": "pixels"}
    lines = heading("", ["seeds", *columns])
    for (dataset, noise), cells in groups.items():
        texts = []
        for way in columns.values():
            found = [cell[way]["rankings"]["default"] for cell in cells]
            texts.append(" / ".join(spread([one[metric] for one in found]) for metric in ("auroc", "average_precision")))
        title = f"{NAMES[dataset]}, {noise.replace('file:cifar10n.parquet:', 'human, ')}"
        lines.append(f"| {title} | {len(cells)} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


TRANSFORMER_METHODS = {
    "default": "default",
    "cumulative_loss": "CSL",
    "residual": "residual",
    "loss_sensitivity": "loss sensitivity",
    "training_gradient": "training gradient",
    "input_curvature": "curvature",
}


def transformer_table(results: Results) -> str:
    """Return AUROC / average precision, one row per probe and one column per method."""
    if not results:
        return NOTHING
    groups = defaultdict(list)
    for result in results:
        groups[result["cell"]["probe"]].append(result)
    lines = heading("probe", ["seeds", *TRANSFORMER_METHODS.values()])
    for probe, cells in groups.items():
        found = [
            " / ".join(spread([value(cell, name, metric) for cell in cells]) for metric in ("auroc", "average_precision"))
            for name in TRANSFORMER_METHODS
        ]
        lines.append(f"| {probe} | {len(cells)} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def features_scale_table(results: Results) -> str:
    """Return time and memory of audits of feature vectors by their number."""
    if not results:
        return NOTHING
    columns = ["duplicates", "epochs", "whole audit", "processor time", "per sample and epoch", "memory"]
    lines = heading("vectors of 768 numbers", columns)
    for result in sorted(results, key=lambda found: (found["cell"]["n"], found["cell"]["duplicates"])):
        cell, epochs = result["cell"], result["recipe"]["epochs"]
        each = f"{1e6 * result['processor'] / cell['n'] / epochs:.0f} µs"
        times = f"{result['wall']:.0f} s | {result['processor']:.0f} s | {each}"
        searched = "searched" if cell["duplicates"] else "not searched"
        lines.append(f"| {cell['n']:,} | {searched} | {epochs} | {times} | {result['memory'] / 1e9:.2f} GB |")
    return "\n".join(lines)
