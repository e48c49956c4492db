"""When to measure curvature, and with how many directions: AUROC by epoch on CIFAR-100 with 10% flips.

    python -m benchmarks.schedule DATASETS       about 20 minutes on 2 idle cores

Seeds from 100 up, which no reported figure uses. Curvature is measured after every epoch with 1 and with 4 directions;
all schedules of n epochs are then read off the trajectories.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import detection, load, make_cells, plant, stratified
from curv_issues.config import TrainingOptions
from curv_issues.recipe import spread_epochs
from curv_issues.run import run_probe


def cells() -> list[dict[str, Any]]:
    """Two seeds with one and with four directions."""
    fixed = {"dataset": "cifar100", "size": 10_000, "rate": 0.1}
    return [{**fixed, "seed": seed, "num_matvecs": num_matvecs} for seed in (100, 101) for num_matvecs in (1, 4)]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """AUROC of curvature by epoch and by schedule."""
    seed = cell["seed"]
    noisy, truth = plant(stratified(load("cifar100", root), cell["size"], seed), cell["rate"], seed)
    run = run_probe(noisy, TrainingOptions(seed=seed, curvature_epochs=100, num_matvecs=cell["num_matvecs"]))
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
    """Make the cells that have no result file yet."""
    make_cells(__doc__, "schedule", cells(), measure, show=lambda result: result["by_schedule"])


if __name__ == "__main__":
    main()
