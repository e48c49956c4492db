"""Epochs and batch size by dataset size: the data behind the rule in `curv_issues/training/recipe.py`.

    python -m benchmarks.recipe DATASETS            about 25 minutes on 2 idle cores
    python -m benchmarks.recipe DATASETS --smoke    the same code on digits: under a minute

CIFAR-100 (all of it; ten random classes for the small sizes), 10% flipped, seeds of 100 and above, which no reported figure uses.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.common import load, make_cells, plant, stratified, ten_classes
from curv_issues.auditing.assembly import evidence_of_run
from curv_issues.bench.metrics import detection
from curv_issues.data.base import LabeledData
from curv_issues.findings.judgement import judge
from curv_issues.findings.ranking import rank_by_score
from curv_issues.options import FindingOptions, TrainingOptions
from curv_issues.results.kinds import LABEL_ISSUE
from curv_issues.training.run import run_probe

# dataset size: (epochs, batch size) tried; the middle one is the rule's
GRID: dict[int, tuple[tuple[int, int], ...]] = {
    3_000: ((15, 32), (30, 32), (45, 32), (30, 64)),
    500: ((20, 16), (40, 16), (80, 16), (40, 32)),
    50_000: ((5, 256), (8, 256), (12, 256), (8, 512)),
}
FULL = 50_000


def cells() -> list[dict[str, Any]]:
    """Return all cells, with two seeds for small datasets."""
    return [
        {
            "dataset": "cifar100",
            "classes": 100 if size == FULL else 10,
            "size": size,
            "rate": 0.1,
            "seed": seed,
            "epochs": epochs,
            "batch_size": batch_size,
        }
        for seed in (100, 101)
        for size, grid in GRID.items()
        for epochs, batch_size in grid
        if size != FULL or seed == 100
    ]


@lru_cache(maxsize=1)
def _source(name: str, root: Path) -> LabeledData:
    return load(name, root)


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return the AUROC of the default ranking and of single scores."""
    data, seed = _source(cell["dataset"], root), cell["seed"]
    if cell["size"] != FULL:
        data = stratified(ten_classes(data, seed), cell["size"], seed)
    noisy, is_error = plant(data, cell["rate"], seed)
    run = run_probe(noisy, TrainingOptions(seed=seed, epochs=cell["epochs"], batch_size=cell["batch_size"]))
    assert run is not None
    directions = {name: metadata["direction"] for name, metadata in run.score_metadata.items()}
    judged = judge(evidence_of_run(noisy, run), FindingOptions()).kinds[LABEL_ISSUE]
    names = ("cumulative_loss", "margin", "final_margin", "input_curvature")
    suspicion = {name: rank_by_score(run.scores, directions, name).suspicion for name in names}
    return {
        **{name: detection(is_error, values) for name, values in {"default": judged.columns["suspicion"], **suspicion}.items()},
        "memorised_share": judged.summary["ranking"]["memorised_fraction"],
        "seconds": run.seconds,
    }


def main() -> None:
    """Measure the missing cells."""
    smoke = [{"dataset": "digits", "classes": 10, "size": 400, "rate": 0.1, "seed": 100, "epochs": 4, "batch_size": 16}]
    make_cells(__doc__, "recipe", cells(), measure, smoke=smoke, show=lambda result: result["default"])


if __name__ == "__main__":
    main()
