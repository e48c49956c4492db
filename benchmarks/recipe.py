"""Epochs and batch size by size of the dataset: what the rule in `curv_issues/recipe.py` was chosen from.

    python -m benchmarks.recipe DATASETS         about 40 minutes on 2 idle cores

Ten random classes of CIFAR-100, 10% flipped, seeds from 100 up, which no reported figure uses.
"""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.common import detection, load, plant, run_cell, stratified, ten_classes
from curv_issues.config import TrainingOptions
from curv_issues.data.base import LabeledData
from curv_issues.findings.looked_wrong import looked_wrong
from curv_issues.findings.ranking import rank_samples
from curv_issues.run import run_probe

GRID: dict[int, tuple[dict[str, int], ...]] = {
    3_000: (
        {"epochs": 15, "batch_size": 32},
        {"epochs": 30, "batch_size": 32},
        {"epochs": 45, "batch_size": 32},
        {"epochs": 30, "batch_size": 64},
    ),
    500: (
        {"epochs": 20, "batch_size": 16},
        {"epochs": 40, "batch_size": 16},
        {"epochs": 80, "batch_size": 16},
        {"epochs": 40, "batch_size": 32},
    ),
}


@lru_cache(maxsize=1)
def _source(root: Path) -> LabeledData:
    return load("cifar100", root)


def measure(root: Path, size: int, seed: int, options: dict[str, int]) -> dict[str, Any]:
    """AUROC of the default ranking and of single scores."""
    noisy, truth = plant(stratified(ten_classes(_source(root), seed), size, seed), 0.1, seed)
    run = run_probe(noisy, TrainingOptions(seed=seed, **options))  # type: ignore[arg-type]
    assert run is not None
    directions = {name: metadata["direction"] for name, metadata in run.score_metadata.items()}
    names = ("default", "cumulative_loss", "margin", "final_margin", "input_curvature")
    wrong = looked_wrong(run.trajectories["margin"], run.reference_margin).mask
    ranked = {name: rank_samples(run.scores, directions, score=name, looked_wrong=wrong) for name in names}
    return {
        **{name: detection(truth, ranking.suspicion) for name, ranking in ranked.items()},
        "memorised_share": ranked["default"].memorised_share,
        "seconds": run.seconds,
    }


def main() -> None:
    """Run the cells that have no result file yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path)
    root = parser.parse_args().datasets
    for seed in (100, 101):
        for size, grid in GRID.items():
            for options in grid:
                cell = {"dataset": "cifar100", "classes": 10, "size": size, "rate": 0.1, "seed": seed, **options}
                result = run_cell("recipe", cell, lambda s=size, e=seed, o=options: measure(root, s, e, o))
                print(cell, result["default"], flush=True)


if __name__ == "__main__":
    main()
