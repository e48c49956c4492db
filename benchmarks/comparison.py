"""Compare the default ranking, scores and baselines: published settings, human noise, structured noise, photos.

    python -m benchmarks.comparison DATASETS                  all cells: about 33 hours of one core
    python -m benchmarks.comparison DATASETS --group human    one of: published, duplicates, human, structured, photos
    python -m benchmarks.comparison DATASETS --smoke          the same code on digits: under a minute

`published`: the noise rates of table 2 of Garg, Ravikumar, Roy 2023 and of the table of Ravikumar et al. 2025 (CSL).
`duplicates`: the duplicate protocol of the latter. `human`: the re-annotations of CIFAR-10N. `structured`: asymmetric,
instance-dependent, long-tailed. `photos`: the clothing photos.

One seed on all samples, three on a stratified part of 10,000. Every score is measured after every epoch, as published; Confident
Learning is ranked by cleanlab's continuous quality score, and its flagged set is reported too. SSFT, which needs two more
trainings, is included where its paper's successor (CSL) compares with it: at 1, 2, 5 and 10% and on duplicates.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.common import load, make_cells, stratified
from curv_issues.bench.cell import measure_cell
from curv_issues.bench.methods import parse_methods
from curv_issues.data.base import LabeledData
from curv_issues.noise.spec import parse_noise
from curv_issues.options import TrainingOptions
from curv_issues.trackers.base import Need

SEEDS = (0, 1, 2)
PART = 10_000
METHODS = (
    "margin,final_margin,cumulative_loss,evaluation_loss,final_loss,inconfidence,max_inconfidence,input_curvature,label_contrast,"
    "label_contrast_difference,loss_sensitivity,residual,learning_time,first_learned,forgetting,el2n,training_gradient,"
    "training_gradient_change,confident_learning,knn_label_score"
)
RATES = (0.1, 0.01, 0.02, 0.05, 0.04, 0.06, 0.08)
RATES_OF_CSL = (0.01, 0.02, 0.05, 0.1)
LABELS = "file:cifar10n.parquet:"  # in the folder of the datasets


def cell(group: str, dataset: str, noise: str, seed: int, *, size: int | str = PART) -> dict[str, Any]:
    """Return the configuration of one run."""
    return {"group": group, "dataset": dataset, "size": size, "noise": noise, "seed": seed}


def cells() -> list[dict[str, Any]]:
    """Return all cells, most informative first: one seed of each kind, all samples, the other seeds, the rates in between."""
    names, humans = ("cifar10", "cifar100", "mnist"), ("aggregate", "random1", "worst")
    by_seed = [
        [
            *(cell("published", name, f"uniform:{rate}", seed) for rate in RATES[:2] for name in names),
            *(cell("human", "cifar10", LABELS + column, seed) for column in humans),
            *(cell("duplicates", name, "duplicates:50", seed) for name in names[:2]),
            *(cell("structured", "cifar10", f"asymmetric:{rate}", seed) for rate in (0.2, 0.4)),
            *(cell("structured", "cifar10", noise, seed) for noise in ("instance:0.2", "longtail:100+uniform:0.1")),
            cell("photos", "clothing", "uniform:0.05", seed, size="full"),
        ]
        for seed in SEEDS
    ]
    full = [
        *(cell("published", name, "uniform:0.1", 0, size="full") for name in names),
        *(cell("human", "cifar10", LABELS + column, 0, size="full") for column in humans),
        cell("duplicates", "cifar10", "duplicates:250", 0, size="full"),
        *(cell("published", name, "uniform:0.01", 0, size="full") for name in names),
    ]
    between = [cell("published", name, f"uniform:{rate}", seed) for rate in RATES[2:] for seed in SEEDS for name in names]
    return [*by_seed[0], *full, *by_seed[1], *by_seed[2], *between]


def methods_of(configuration: dict[str, Any]) -> str:
    """Return the methods that a cell compares."""
    published = [f"uniform:{rate}" for rate in RATES_OF_CSL]
    with_ssft = configuration["group"] == "duplicates" or configuration["noise"] in published
    return METHODS + (",ssft" if with_ssft else "")


@lru_cache(maxsize=1)
def _source(name: str, root: Path) -> LabeledData:
    return load(name, root)


def measure(
    configuration: dict[str, Any],
    root: Path,
    *,
    methods: str | None = None,
    curvature_epochs: int | None = None,
    passes: dict[Need, float] | None = None,
) -> dict[str, Any]:
    """Plant errors and compare all methods, without the curves and histograms of `curv-issues bench`.

    Args:
        configuration: configuration of the cell.
        root: folder of the datasets.
        methods: names of methods; None: those of the cell.
        curvature_epochs: number of epochs after which the costly scores are measured; None: all.
        passes: costs of each kind of pass; None: measure them.
    """
    data, seed = _source(configuration["dataset"], root), configuration["seed"]
    noise = configuration["noise"]
    long_tailed = noise.startswith("longtail")
    if configuration["size"] != "full" and not long_tailed:  # a long tail is a subset already
        data = stratified(data, configuration["size"], seed)
    spec = parse_noise(noise.replace("file:", f"file:{root}/"))
    chosen = parse_methods(methods or methods_of(configuration), num_samples=len(data), with_features=data.features is not None)
    options = TrainingOptions(curvature_epochs=curvature_epochs)
    result = measure_cell(data, spec, seed, options=options, methods=chosen, passes=passes)
    for method in result["methods"].values():
        del method["curves"], method["histogram"]
    return result


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "comparison",
        cells(),
        measure,
        smoke=[cell("published", "digits", "uniform:0.05", 0, size=400)],
        show=lambda result: {
            name: round(method["detection"]["auroc"], 4) for name, method in result["methods"].items() if method["detection"]
        },
    )


if __name__ == "__main__":
    main()
