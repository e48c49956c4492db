"""Code that all benchmarks share: datasets, planted errors, and rows of results with their provenance."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rows
from curv_issues.auditing.summary import versions
from curv_issues.bench.cell import measure_cell
from curv_issues.bench.methods import Methods
from curv_issues.bench.run import machine
from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.data.sampling import stratified_sample
from curv_issues.noise import uniform
from curv_issues.noise.demo import digits_with_errors
from curv_issues.noise.spec import parse_noise
from curv_issues.options import TrainingOptions
from curv_issues.trackers.base import Need

DATASETS: dict[str, dict[str, Any]] = {
    "cifar10": {"split": "train"},
    "cifar100": {"split": "train", "label_column": "fine_label"},
    "mnist": {"split": "train"},
    "clothing": {"split": "train"},
}


def load(name: str, root: Path, *, resolution: int | None = None) -> LabeledData:
    """Load a benchmark dataset with its own labels; digits come with scikit-learn.

    "cifar10:cat,dog" are the samples of these classes.
    """
    name, _, chosen = name.partition(":")
    if name == "digits":
        data = digits_with_errors(rate=0.0)[0]
    else:
        data = load_data(str(root / name), resolution=resolution, **DATASETS[name])
    return _of_classes(data, [data.class_names.index(label) for label in chosen.split(",")]) if chosen else data


def stratified(data: LabeledData, size: int, seed: int) -> LabeledData:
    """Return a stratified part of the samples."""
    return data.take(stratified_sample(data.labels, size, seed=seed))


def ten_classes(data: LabeledData, seed: int) -> LabeledData:
    """Return ten random classes, renumbered."""
    return _of_classes(data, np.random.default_rng(seed).choice(data.num_classes, 10, replace=False))


def _of_classes(data: LabeledData, classes: Sequence[int] | np.ndarray) -> LabeledData:
    chosen = np.sort(classes)
    part = data.take(np.flatnonzero(np.isin(data.labels, chosen)))
    names = tuple(data.class_names[index] for index in chosen)
    return replace(part, labels=np.searchsorted(chosen, part.labels).astype(np.int64), class_names=names)


def plant(data: LabeledData, rate: float, seed: int) -> tuple[LabeledData, np.ndarray]:
    """Return the data with a fraction of each class flipped uniformly at random, and a mask of the flipped labels."""
    planted = uniform.plant(data, rate, seed=seed)
    return planted.data, planted.is_error


def measure_scores(data: LabeledData, noise: str, seed: int, *, options: TrainingOptions, methods: Methods) -> dict[str, Any]:
    """Return the results of `measure_cell` without costs, whose measurement takes longer than the training, and curves."""
    not_measured = dict.fromkeys(Need, 0.0)
    result = measure_cell(data, parse_noise(noise), seed, options=options, methods=methods, passes=not_measured)
    del result["passes"]
    for method in result["methods"].values():
        del method["curves"], method["histogram"], method["cost"]
    return result


def make_cells(
    description: str | None,
    study: str,
    cells: Sequence[dict[str, Any]],
    measure: Callable[[dict[str, Any], Path], dict[str, Any]],
    *,
    smoke: Sequence[dict[str, Any]] = (),
    show: Callable[[dict[str, Any]], Any],
) -> None:
    """Run the command line of a benchmark: measure the missing cells of the study, and print `show(row)` for each row.

    Args:
        description: text of --help.
        study: name of the results, in results/; those of a smoke run go to results/smoke, which git ignores.
        cells: configurations, most informative first.
        measure: function from a configuration and the folder of the datasets to the results in the row.
        smoke: small configurations of --smoke, on digits.
        show: function from a row to what is printed.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, help="folder of the datasets")
    parser.add_argument("--only", nargs="+", help="run only the cells of these datasets")
    if any("group" in cell for cell in cells):
        parser.add_argument("--group", choices=sorted({cell["group"] for cell in cells}), help="run only the cells of this group")
    parser.add_argument("--part", default="0/1", help="i/m: every m-th cell, starting at the i-th, for m parallel processes")
    if smoke:
        parser.add_argument("--smoke", action="store_true", help="run the same code on a small cell")
    options = parser.parse_args()
    if smoke and options.smoke:
        study, cells = f"smoke/{study}", smoke
        shutil.rmtree(rows.RESULTS / "smoke", ignore_errors=True)
    group = getattr(options, "group", None)
    chosen = [c for c in cells if (not options.only or c["dataset"] in options.only) and (group is None or c["group"] == group)]
    for cell in part_of(chosen, options.part):
        row = run_cell(study, cell, lambda cell=cell: measure(cell, options.datasets))  # type: ignore[misc]
        print(cell, show(row), flush=True)


def run_cell(study: str, cell: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a cell; measure and store it first if it is missing.

    The row contains the cell's configuration and its hash, the result of `make`, and commit, versions, machine and its load.
    """
    key = hash_of(cell)
    for row in rows.read(study):
        if row[rows.HASH] == key:
            return row
    row = {"cell": cell, rows.HASH: key, **make(), "made_by": provenance()}
    rows.put(study, row)
    return row


def hash_of(cell: dict[str, Any]) -> str:
    """Return twelve hex digits that identify a configuration."""
    return hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:12]


def part_of(items: Sequence[Any], part: str) -> Sequence[Any]:
    """Return every m-th item, starting at the i-th, for a part written "i/m"."""
    first, parts = (int(number) for number in part.split("/"))
    return items[first::parts]


def provenance() -> dict[str, Any]:
    """Return commit, versions and machine of this run."""
    git = ["git", "-C", str(Path(__file__).parent)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--", "../curv_issues"], capture_output=True, text=True)
    return {
        "commit": commit + ("-modified" if changed.stdout.strip() else ""),
        "versions": versions(),
        "machine": machine(),
    }
