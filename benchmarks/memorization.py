"""How near the scores of one training are to estimates of memorization, and how training samples differ from held-out ones.

    python -m benchmarks.memorization DATASETS                      all cells: about 6 hours of one core
    python -m benchmarks.memorization DATASETS --group similarity   one of: similarity, dynamics
    python -m benchmarks.memorization DATASETS --smoke              the same code on digits: a minute

`similarity`: CIFAR-100 with memorization scores of another group (250 networks): the whole dataset, and 10,000 samples of it with
several recipes. The scores were estimated for networks that see most of the dataset, so on a part of it they fit less. `dynamics`:
CIFAR-10, 10,000 samples with the test set as held-out samples, measured after every epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import load, make_cells, stratified
from curv_issues.auditing.audit import audit_data
from curv_issues.baselines.memorization import memorization
from curv_issues.bench.cell import EVERY_EPOCH
from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.memorization.compare import compare_with
from curv_issues.memorization.matching import match
from curv_issues.memorization.reference import Reference, read_reference
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.results.result import AuditResult

STUDY = "memorization"
SEEDS = (0, 1, 2)
PART = 10_000
LONG: dict[str, Any] = {"epochs": 24, "flip": False, "shift": 0}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "no weight decay": {"weight_decay": 0.0},
    "thorough": {"preset": "thorough"},
    "long": LONG,
    "long, no weight decay": {**LONG, "weight_decay": 0.0},
}
RELATIONS = (("learning_time", "memorization"), ("learning_time", "cumulative_loss"), ("cumulative_loss", "memorization"))
"""What theorems 5.3 to 5.5 of Ravikumar et al. 2025 relate: the first is binned, and the means of the second are fitted."""
BINS = 20
DYNAMICS = ("default", "long", "long, no weight decay")


def cells() -> list[dict[str, Any]]:
    """Return all cells, most informative first; the thorough recipe, which takes five times as long, with one seed."""
    whole = {"group": "similarity", "dataset": "cifar100", "recipe": "default", "part": None, "seed": 0}
    parts = [
        {"group": "similarity", "dataset": "cifar100", "recipe": recipe, "part": PART, "seed": seed}
        for seed in SEEDS
        for recipe in RECIPES
        if seed == SEEDS[0] or recipe != "thorough"
    ]
    dynamics = [
        {"group": "dynamics", "dataset": "cifar10", "recipe": recipe, "part": PART, "seed": seed}
        for seed in SEEDS
        for recipe in DYNAMICS
    ]
    first = len(RECIPES)
    return [whole, *parts[:first], *dynamics[: len(DYNAMICS)], *parts[first:], *dynamics[len(DYNAMICS) :]]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Train once, with curvature after every epoch, and compare."""
    data = load(cell["dataset"], root)
    if cell["part"] is not None and len(data) > cell["part"]:
        data = stratified(data, cell["part"], cell["seed"])
    if cell["group"] == "similarity":
        return compared(train(cell, data), reference_of(cell, data, root))
    if cell["dataset"] == "digits":
        data, others = data.take(np.arange(0, len(data), 2)), data.take(np.arange(1, len(data), 2))
    else:
        others = load_data(str(root / cell["dataset"]), split="test")
    found = train(cell, data, others)
    return {"n": len(data), "membership": found.summary["membership"], "seconds": found.summary["seconds"]}


def train(cell: dict[str, Any], data: LabeledData, others: LabeledData | None = None) -> AuditResult:
    """Return an audit without duplicates and images."""
    options = TrainingOptions(seed=cell["seed"], curvature_epochs=EVERY_EPOCH, **RECIPES[cell["recipe"]])
    return audit_data(data, options, FindingOptions(), DuplicateOptions(duplicates=False), others=others, images=False)


def reference_of(cell: dict[str, Any], data: LabeledData, root: Path) -> Reference:
    """Return the memorization scores of a dataset; for digits, of a few networks."""
    if cell["dataset"] != "digits":
        return read_reference(root / f"{cell['dataset']}_memorization.npz")
    found = memorization(data, TrainingOptions(epochs=4, seed=cell["seed"]), num_models=6)
    return Reference("memorization", found.scores["memorization"], rows=data.rows)


def compared(result: AuditResult, reference: Reference) -> dict[str, Any]:
    """Return the similarity of every score, and by epoch."""
    found = compare_with(result, reference)
    values = {"memorization": match(reference, result)[0]}
    most = values["memorization"] >= np.sort(values["memorization"])[-found.num_top]
    values |= {name: result.scores[name].to_numpy() for name in ("learning_time", "cumulative_loss")}
    return {
        "n": len(result),
        "num_top": found.num_top,
        "scores": found.scores.round(4).to_dict("records"),
        "by_epoch": found.by_epoch.round(4).to_dict("records"),
        "curvature": course(result.trajectories["input_curvature"], most),
        "relations": {f"{x}, {y}": binned(values[x], values[y]) for x, y in RELATIONS},
        "seconds": result.summary["seconds"],
    }


def course(history: np.ndarray, most: np.ndarray) -> dict[str, list[float]]:
    """Return the mean curvature (n, e) by epoch of the most memorized samples, a mask (n,), and of the others."""
    return {name: history[mask].astype(np.float64).mean(axis=0).tolist() for name, mask in (("most", most), ("others", ~most))}


def binned(x: np.ndarray, y: np.ndarray, *, bins: int = BINS) -> dict[str, Any]:
    """Return the means of both (n,) in bins of x with about as many samples each, and the linear fit of the means.

    If x has no more values than there are bins, each value is a bin. `half_width` is half of the 95% interval of each mean of y,
    `r2_of_bins` the fraction of the variance of the means that the fit explains, and `r2` that of all samples.
    """
    values = np.unique(x)
    edges = values[:-1] if len(values) <= bins else np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]))
    places = np.searchsorted(edges, x, side="left")
    members = [np.flatnonzero(places == place) for place in np.unique(places)]
    means = [(x[index].mean(), y[index].mean()) for index in members]
    xs, ys = np.array(means).T
    sizes = np.array([len(index) for index in members])
    half = [1.96 * y[index].std() / np.sqrt(len(index)) for index in members]
    slope, intercept = np.polyfit(xs, ys, 1, w=np.sqrt(sizes)) if len(xs) > 1 else (0.0, ys[0])

    def explained(found: np.ndarray, fitted: np.ndarray, weights: np.ndarray) -> float:
        centre = np.average(found, weights=weights)
        spread = np.average((found - centre) ** 2, weights=weights)
        return float(1 - np.average((found - fitted) ** 2, weights=weights) / spread) if spread > 0 else 0.0

    return {
        "n": sizes.tolist(),
        "x": xs.round(4).tolist(),
        "y": ys.round(4).tolist(),
        "half_width": np.round(half, 4).tolist(),
        "slope": float(slope),
        "intercept": float(intercept),
        "r2_of_bins": explained(ys, slope * xs + intercept, sizes),
        "r2": explained(y, slope * x + intercept, np.ones(len(y))),
    }


def show(row: dict[str, Any]) -> Any:
    """Return what the command prints for a cell."""
    if "membership" in row:
        return {name: round(found["value"], 3) for name, found in row["membership"]["auroc"].items()}
    return {found["score"]: found["spearman"] for found in row["scores"] if found["samples"] == "all"}


def main() -> None:
    """Run the command line."""
    smoke = [{**cells()[0], "group": group, "dataset": "digits", "part": 400} for group in ("similarity", "dynamics")]
    make_cells(__doc__, STUDY, cells(), measure, smoke=smoke, show=show)


if __name__ == "__main__":
    main()
