"""Curvature, loss and memorization of networks that are trained with differential privacy.

    python -m benchmarks.privacy DATASETS           about 11 minutes of training on one core
    python -m benchmarks.privacy DATASETS --smoke   the same code on digits: seconds

5,000 images of CIFAR-10 as features of EfficientNet-Lite0 at 96 pixels, 10% of the labels flipped uniformly; the probe for features
without dropout, with group normalisation; 10 epochs of DP-SGD with epsilon 1 to 32, and the same training without privacy.
Memorization is estimated from ten networks, each trained on 70% of the samples (Feldman, Zhang 2020).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.common import load, make_cells, plant, stratified
from benchmarks.features import backbone
from benchmarks.memorization import binned
from benchmarks.memorization_of_features import UnregularisedMLP, with_pixels
from curv_issues.backbones.extract import with_features
from curv_issues.baselines.memorization import memorization
from curv_issues.bench.cell import EVERY_EPOCH
from curv_issues.bench.metrics import detection
from curv_issues.options import TrainingOptions
from curv_issues.training.private import made_private
from curv_issues.training.run import run_probe

SEEDS = (0, 1, 2)
EPSILONS = (None, 8, 1, 2, 4, 16, 32)  # None: not private
PART = 5_000
RATE = 0.1  # of flipped labels
NETWORKS = 10
RECIPE: dict[str, Any] = {"epochs": 10, "batch_size": 512, "learning_rate": 0.5, "weight_decay": 5e-4, "input": "features"}
BINS = 10


def cells() -> list[dict[str, Any]]:
    """Return all cells, most informative first."""
    return [
        {"dataset": "cifar10", "part": PART, "rate": RATE, "epsilon": epsilon, "seed": seed}
        for seed in SEEDS
        for epsilon in EPSILONS
    ]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Train on all samples and on parts of them."""
    seed, data = cell["seed"], load(cell["dataset"], root)
    data = stratified(data, cell["part"], seed)
    data = with_pixels(data) if cell["dataset"] == "digits" else with_features(data, backbone("photos", cell["dataset"]))
    noisy, is_error = plant(data, cell["rate"], seed)
    options = TrainingOptions(
        seed=seed,
        private=cell["epsilon"],
        probe=lambda spec: made_private(UnregularisedMLP(spec)),
        **RECIPE,
        curvature_epochs=EVERY_EPOCH,
    )
    run = run_probe(noisy, options)
    assert run is not None
    estimated = memorization(noisy, options, num_models=NETWORKS)
    values = {
        "memorization": estimated.scores["memorization"],
        "curvature": run.trajectories["input_curvature"][:, -1].astype(np.float64),
        "loss": run.trajectories["loss"][:, -1].astype(np.float64),
    }
    is_trained, is_correct = estimated.info["is_trained"], estimated.info["is_correct"]
    sets = {"all": np.ones(len(noisy), dtype=bool), "right": ~is_error, "wrong": is_error}
    return {
        "n": len(noisy),
        "privacy": run.privacy,
        "means": {name: {which: float(value[chosen].mean()) for which, chosen in sets.items()} for name, value in values.items()},
        "median_curvature": float(np.median(values["curvature"])),  # a few samples make most of the mean
        "curvature_by_epoch": [float(column.mean()) for column in run.trajectories["input_curvature"].T],
        "accuracy": {
            "trained": float(is_correct[is_trained].mean()),
            "held_out": float(is_correct[~is_trained & ~is_error].mean()),
        },
        "detection": {
            name: detection(is_error, run.scores[name] * (-1 if name == "margin" else 1)) for name in ("margin", "input_curvature")
        },
        "curvature_and_memorization": {
            "spearman": float(spearmanr(values["curvature"], values["memorization"])[0]),
            "bins": binned(values["curvature"], values["memorization"], bins=BINS),
        },
        "seconds": {"train": run.seconds["train"], "memorization": estimated.seconds},
    }


def main() -> None:
    """Run the command line."""
    smoke = [{**cells()[0], "dataset": "digits", "part": 300, "epsilon": epsilon} for epsilon in (None, 8)]
    make_cells(__doc__, "privacy", cells(), measure, smoke=smoke, show=lambda row: {**row["means"], **row["accuracy"]})


if __name__ == "__main__":
    main()
