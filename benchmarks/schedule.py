"""When to measure curvature, and with how many directions: AUROC by epoch on CIFAR-100 with 10% flips.

    python -m benchmarks.schedule DATASETS            about 25 minutes on 2 idle cores
    python -m benchmarks.schedule DATASETS --smoke    the same code on digits: under a minute

Seeds of 100 and above, which no reported figure uses. Curvature is measured after every epoch with 1 and with 4 directions;
the trajectories then give all schedules of n epochs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import load, make_cells, plant, stratified, ten_classes
from curv_issues.bench.metrics import detection
from curv_issues.options import TrainingOptions
from curv_issues.training.recipe import spread_epochs
from curv_issues.training.run import run_probe


def cells() -> list[dict[str, Any]]:
    """Return cells with all classes, where wrong labels are hardly memorised, and with ten classes, where they are."""
    all_classes = {"dataset": "cifar100", "size": 10_000, "rate": 0.1}
    ten = {"dataset": "cifar100", "size": 3_000, "rate": 0.1}
    return [{**all_classes, "seed": seed, "num_matvecs": num_matvecs} for seed in (100, 101) for num_matvecs in (1, 4)] + [
        {**ten, "seed": seed, "num_matvecs": 1, "classes": 10} for seed in (100, 101)
    ]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return the AUROC of curvature by epoch and by schedule."""
    seed = cell["seed"]
    data = load(cell["dataset"], root)
    data = ten_classes(data, seed) if cell.get("classes") == 10 else data
    noisy, is_error = plant(stratified(data, cell["size"], seed), cell["rate"], seed)
    run = run_probe(noisy, TrainingOptions(seed=seed, curvature_epochs=100, num_matvecs=cell["num_matvecs"]))
    assert run is not None
    history = run.trajectories["input_curvature"]
    epochs = run.recipe.epochs
    return {
        "by_epoch": [detection(is_error, history[:, epoch]) for epoch in range(epochs)],
        "by_schedule": {
            str(count): detection(is_error, history[:, list(spread_epochs(epochs, count))].mean(1))
            for count in range(1, epochs + 1)
        },
        "sum_of_logarithms": detection(is_error, np.log(history + 1e-12).sum(1)),
        "cumulative_loss": detection(is_error, run.scores["cumulative_loss"]),
        "recipe_epochs": epochs,
        "seconds": run.seconds,
    }


def main() -> None:
    """Measure the missing cells."""
    smoke = [{"dataset": "digits", "size": 400, "rate": 0.1, "seed": 100, "num_matvecs": 1}]
    make_cells(__doc__, "schedule", cells(), measure, smoke=smoke, show=lambda result: result["by_schedule"])


if __name__ == "__main__":
    main()
