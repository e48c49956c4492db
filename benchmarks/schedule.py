"""When to measure curvature, and with how many directions: AUROC by epoch on CIFAR-100 with 10% flips.

    python -m benchmarks.schedule DATASETS       about 10 minutes on 2 idle cores

Seeds from 100 up, which no reported figure uses. Curvature is measured after every epoch with 1 and with 4 directions;
all schedules of n epochs are then read off the trajectories.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import detection, load, plant, run_cell, stratified
from curv_issues.config import TrainingOptions
from curv_issues.recipe import spread_epochs
from curv_issues.run import run_probe

SIZE = 10_000


def measure(root: Path, seed: int, num_matvecs: int) -> dict[str, Any]:
    """AUROC of curvature by epoch and by schedule."""
    noisy, truth = plant(stratified(load("cifar100", root), SIZE, seed), 0.1, seed)
    run = run_probe(noisy, TrainingOptions(seed=seed, curvature_epochs=100, num_matvecs=num_matvecs))
    assert run is not None
    history = run.trajectories["input_curvature"]
    epochs = run.recipe.epochs
    return {
        "by_epoch": [detection(truth, history[:, epoch]) for epoch in range(epochs)],
        "by_schedule": {
            str(count): detection(truth, history[:, list(spread_epochs(epochs, count))].mean(1)) for count in range(1, epochs + 1)
        },
        "sum_of_logarithms": detection(truth, np.log(history + 1e-12).sum(1)),
        "cumulative_loss": detection(truth, run.scores["cumulative_loss"]),
        "recipe_epochs": epochs,
        "seconds": run.seconds,
    }


def main() -> None:
    """Run the cells that have no result file yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path)
    root = parser.parse_args().datasets
    for seed in (100, 101):
        for num_matvecs in (1, 4):
            cell = {"dataset": "cifar100", "size": SIZE, "rate": 0.1, "seed": seed, "num_matvecs": num_matvecs}
            result = run_cell("schedule", cell, lambda seed=seed, m=num_matvecs: measure(root, seed, m))
            print(cell, {n: round(found["auroc"], 4) for n, found in result["by_schedule"].items()}, result["seconds"])


if __name__ == "__main__":
    main()
