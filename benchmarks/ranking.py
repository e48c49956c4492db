"""Candidates for the default ranking: which epochs' margins to average, with which weights, and what to combine them with.

    python -m benchmarks.ranking DATASETS            about an hour of one core
    python -m benchmarks.ranking DATASETS --smoke    the same code on digits: under a minute

Seeds of 100 and above, which no reported figure uses.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.common import load, make_cells, stratified
from curv_issues.bench.metrics import detection
from curv_issues.data.base import LabeledData
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.findings.ranking import late_margin
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.options import TrainingOptions
from curv_issues.training.run import run_probe

SEEDS = (100, 101, 102)  # the first only, or all for few samples
DEFAULT = "weights 1, 2, 3, ... (the default)"
LITTLE_MEMORISED = 0.15  # the previous rule added the final margin up to this fraction


def cell(dataset: str, noise: str, size: int | str = 10_000, *, seed: int = SEEDS[0]) -> dict[str, Any]:
    """Return the configuration of one run."""
    return {"dataset": dataset, "size": size, "noise": noise, "seed": seed}


def cells() -> list[dict[str, Any]]:
    """Return cells with several kinds of noise on hard datasets, with memorised and easy datasets, and with all samples."""
    return [
        *(cell("cifar100", noise) for noise in ("uniform:0.1", "asymmetric:0.2", "instance:0.2")),
        *(cell("cifar10", noise) for noise in ("uniform:0.01", "uniform:0.4", "asymmetric:0.3", "instance:0.3", "duplicates:50")),
        *(cell("cifar10", "uniform:0.1", size, seed=seed) for size in (500, 2_000) for seed in SEEDS),
        cell("clothing", "uniform:0.05", "full"),
        cell("digits", "uniform:0.1", "full"),
        cell("mnist", "uniform:0.1", 5_000),
        cell("mnist", "uniform:0.01", "full"),
        *(cell("cifar100", noise, "full") for noise in ("uniform:0.1", "asymmetric:0.2")),
        cell("cifar10", "instance:0.3", "full"),
    ]


@lru_cache(maxsize=1)
def _source(name: str, root: Path) -> LabeledData:
    return load(name, root)


def measure(configuration: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return the metrics of all rankings, from one training."""
    data = _source(configuration["dataset"], root)
    if configuration["size"] != "full":
        data = stratified(data, configuration["size"], configuration["seed"])
    planted = apply_noise(data, parse_noise(configuration["noise"]), seed=configuration["seed"])
    run = run_probe(planted.data, TrainingOptions(seed=configuration["seed"], curvature_epochs=1))
    assert run is not None
    margins = run.trajectories["margin"]
    wrong = compare_with_null(margins, run.reference_margin)
    final = run.scores["final_margin"]
    memorised = float((final[wrong.below_null] > 0).mean()) if wrong.below_null.any() else None
    found = ways(margins, run.trajectories["loss"], final, epochs=wrong.unmemorised_epochs, memorised=memorised)
    return {
        "n": len(data),
        "wrong": int(planted.is_error.sum()),
        "epochs": run.recipe.epochs,
        "unmemorised_epochs": wrong.unmemorised_epochs,
        "memorised_share": memorised,
        "ways": {name: detection(planted.is_error, suspect) for name, suspect in found.items()},
        "seconds": run.seconds,
    }


def ways(
    margins: np.ndarray, losses: np.ndarray, final_margin: np.ndarray, *, epochs: int, memorised: float | None
) -> dict[str, np.ndarray]:
    """Return all rankings of n samples, (n,) each, high = suspect.

    Args:
        margins: (n, e), margins by epoch.
        losses: (n, e), losses by epoch.
        final_margin: (n,).
        epochs: number of epochs before the probe memorises labels that look wrong.
        memorised: fraction of the labels below the null threshold that the trained probe predicts; None if no label is below.
    """
    weights = np.arange(1, epochs + 1)
    default, counted = -late_margin(margins, epochs), margins[:, :epochs]
    final = [-final_margin] if memorised is not None and memorised < LITTLE_MEMORISED else []
    return {
        DEFAULT: default,
        "equal weights": -counted.mean(axis=1),
        "weights 1, 4, 9, ...": -np.average(counted, axis=1, weights=weights**2),
        "the later half": -counted[:, epochs // 2 :].mean(axis=1),
        "weights 1, 2, 3, ... of all epochs": -late_margin(margins, margins.shape[1]),
        "margin (AUM: all epochs, equal)": -margins.mean(axis=1),
        "loss, weights 1, 2, 3, ...": np.average(losses[:, :epochs], axis=1, weights=weights),
        "default + final margin": _fused([default, *final]),
        "cumulative loss + margin + final margin": _fused([losses.sum(axis=1), -margins.mean(axis=1), *final]),
    }


def _fused(suspect: list[np.ndarray]) -> np.ndarray:
    return np.mean([rankdata(values) for values in suspect], axis=0)


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "ranking",
        cells(),
        measure,
        smoke=[cell("digits", "uniform:0.1", 400)],
        show=lambda result: {name: round(found["auroc"], 4) for name, found in result["ways"].items()},
    )


if __name__ == "__main__":
    main()
