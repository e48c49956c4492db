"""Detection of planted label errors: AUROC of suspicion and of every score, the ablation, and the cut-off.

    python -m benchmarks.detection DATASETS            all cells: about 1.3 hours on 2 idle cores
    python -m benchmarks.detection DATASETS --smoke    the same code on digits: under a minute

DATASETS is a folder with cifar10, cifar100, mnist and clothing, each laid out like a dataset repository of the Hub.
Each cell becomes a row of results/detection.jsonl.gz; cells that have a row are not measured again.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.common import (
    load,
    make_cells,
    plant,
    stratified,
)
from curv_issues.auditing.audit import audit_data
from curv_issues.bench.metrics import auroc_by_class, detection, flagging
from curv_issues.data.base import LabeledData
from curv_issues.noise.long_tail import long_tailed
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.trackers import SCORES_OF_LABELS

SEEDS = (0, 1, 2)
TWO_CLASSES = "cifar10:automobile,truck"
FUSIONS = {  # whose ranks are averaged
    "default + input_curvature": ("default", "input_curvature"),
    "default + cumulative_loss": ("default", "cumulative_loss"),
    "default + final_margin": ("default", "final_margin"),
    "cumulative_loss + margin": ("cumulative_loss", "margin"),
    "cumulative_loss + margin + final_margin": ("cumulative_loss", "margin", "final_margin"),
}


def cells() -> list[dict[str, Any]]:
    """Return all cells of the tables, most informative first; the comparison has those with 1 and 10% of 10,000 samples."""
    targets = [("cifar10", 0.1), ("clothing", 0.05), ("digits", 0.05), ("cifar100", 0.1), ("mnist", 0.01)]
    listed = [cell(name, rate, seed) for seed in SEEDS for name, rate in targets]
    listed += [cell("cifar10", rate, 0) for rate in (0.0, 0.4)]
    listed += [cell("cifar10", 0.1, seed, long_tail=100) for seed in SEEDS]
    listed += [cell("cifar10", 0.1, seed, size=size) for seed in SEEDS for size in (500, 2_000)]
    listed += [cell("cifar10", rate, seed, size=10_000) for rate in (0.0, 0.4) for seed in SEEDS]
    listed += [cell("digits", rate, seed) for rate in (0.0, 0.1, 0.2) for seed in SEEDS]
    listed += [cell("mnist", 0.1, seed, size=5_000) for seed in SEEDS]
    listed += [cell(TWO_CLASSES, rate, seed) for rate in (0.1, 0.2) for seed in SEEDS]
    listed += [cell(TWO_CLASSES, 0.1, seed, size=2_000) for seed in SEEDS]
    listed += [cell("clothing", 0.0, seed) for seed in SEEDS]
    listed += [cell("cifar10", 0.0, seed, size=2_000) for seed in SEEDS]
    return listed


def cell(dataset: str, rate: float, seed: int, *, size: int | None = None, long_tail: int | None = None) -> dict[str, Any]:
    """Return the configuration of one run."""
    return {"dataset": dataset, "size": size or "full", "long_tail": long_tail or "balanced", "rate": rate, "seed": seed}


def measure(configuration: dict[str, Any], root: Path) -> dict[str, Any]:
    """Plant errors, audit, and compare the findings with the errors."""
    data, seed = _load_once(configuration["dataset"], root), configuration["seed"]
    if configuration["size"] != "full":
        data = stratified(data, configuration["size"], seed)
    if configuration["long_tail"] != "balanced":
        data = long_tailed(data, configuration["long_tail"], seed=seed)
    noisy, is_error = plant(data, configuration["rate"], seed)
    result = audit_data(noisy, TrainingOptions(seed=seed), FindingOptions(), DuplicateOptions(duplicates=False))

    suspicion = result.scores["suspicion"].to_numpy()
    suspect = {
        name: result.scores[name].to_numpy() * (1 if result.score_metadata[name]["direction"] == "high" else -1)
        for name in result.score_names
        if name in SCORES_OF_LABELS
    }
    parts = {"default": suspicion, **suspect}
    fused = {name: np.mean([rankdata(parts[part]) for part in members], axis=0) for name, members in FUSIONS.items()}
    return {
        "n": len(data),
        "wrong": int(is_error.sum()),
        "suspicion": detection(is_error, suspicion),
        "scores": {name: detection(is_error, values) for name, values in suspect.items()},
        "fusions": {name: detection(is_error, values) for name, values in fused.items()},
        "by_class": auroc_by_class(is_error, suspicion, noisy.labels, noisy.class_names) if is_error.any() else None,
        "flagged": flagging(is_error, result.scores["flagged"].to_numpy()),
        "cut_off": result.summary["cut_off"],
        "ranking": result.summary["ranking"],
        "recipe": result.summary["recipe"],
        "seconds": result.summary["seconds"],
    }


@lru_cache(maxsize=1)
def _load_once(name: str, root: Path) -> LabeledData:
    return load(name, root)


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "detection",
        cells(),
        measure,
        smoke=[cell("digits", 0.05, 0)],
        show=lambda result: (result["suspicion"], result["flagged"], result["seconds"]),
    )


if __name__ == "__main__":
    main()
