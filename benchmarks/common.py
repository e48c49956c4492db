"""What every benchmark shares: datasets, planted errors, metrics, and result files that say how they were made."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curv_issues.bench.run import machine
from curv_issues.data.base import LabeledData
from curv_issues.data.demo import digits_with_errors
from curv_issues.data.huggingface import load_data
from curv_issues.data.sampling import stratified_sample
from curv_issues.noise import uniform
from curv_issues.summary import versions

RESULTS = Path(__file__).parent / "results"
DATASETS: dict[str, dict[str, Any]] = {
    "cifar10": {"split": "train"},
    "cifar100": {"split": "train", "label_column": "fine_label"},
    "mnist": {"split": "train"},
    "clothing": {"split": "train"},
}


def load(name: str, root: Path, *, resolution: int | None = None) -> LabeledData:
    """One of the benchmark datasets, with its own labels; digits come with scikit-learn.

    "cifar10:cat,dog" are the samples of these classes.
    """
    name, _, chosen = name.partition(":")
    if name == "digits":
        data = digits_with_errors(rate=0.0)[0]
    else:
        data = load_data(str(root / name), resolution=resolution, **DATASETS[name])
    return _of_classes(data, [data.class_names.index(label) for label in chosen.split(",")]) if chosen else data


def stratified(data: LabeledData, size: int, seed: int) -> LabeledData:
    """A stratified part of the samples."""
    return data.take(stratified_sample(data.labels, size, seed=seed))


def ten_classes(data: LabeledData, seed: int) -> LabeledData:
    """Ten classes drawn at random, numbered anew."""
    return _of_classes(data, np.random.default_rng(seed).choice(data.num_classes, 10, replace=False))


def _of_classes(data: LabeledData, classes: Sequence[int] | np.ndarray) -> LabeledData:
    chosen = np.sort(classes)
    part = data.take(np.flatnonzero(np.isin(data.labels, chosen)))
    names = tuple(data.class_names[index] for index in chosen)
    return replace(part, labels=np.searchsorted(chosen, part.labels).astype(np.int64), class_names=names)


def plant(data: LabeledData, rate: float, seed: int) -> tuple[LabeledData, np.ndarray]:
    """The data with uniform flips of a share of each class, and the truth."""
    planted = uniform.plant(data, rate, seed=seed)
    return planted.data, planted.truth


def make_cells(
    description: str | None,
    folder: str,
    cells: Sequence[dict[str, Any]],
    measure: Callable[[dict[str, Any], Path], dict[str, Any]],
    *,
    smoke: Sequence[dict[str, Any]] = (),
    show: Callable[[dict[str, Any]], Any],
) -> None:
    """The command line of a benchmark: make the cells that have no result file yet, and print of each what `show` tells.

    Args:
        description: text of --help.
        folder: of the results, in results/; those of a smoke run go to results/smoke, which git ignores.
        cells: configurations, the most telling first.
        measure: from a configuration and the folder of the datasets to what goes into the result file.
        smoke: configurations of --smoke: small ones, on digits.
        show: what to print of a result.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, help="folder of the datasets")
    parser.add_argument("--only", nargs="+", help="names of datasets, to make their cells only")
    if any("group" in cell for cell in cells):
        parser.add_argument("--group", choices=sorted({cell["group"] for cell in cells}), help="make the cells of one group only")
    parser.add_argument("--part", default="0/1", help="i/m: every m-th cell from the i-th on, for m processes side by side")
    if smoke:
        parser.add_argument("--smoke", action="store_true", help="the same code on a small cell")
    options = parser.parse_args()
    if smoke and options.smoke:
        folder, cells = "smoke", smoke
        shutil.rmtree(RESULTS / folder, ignore_errors=True)
    part, parts = (int(number) for number in options.part.split("/"))
    group = getattr(options, "group", None)
    chosen = [c for c in cells if (not options.only or c["dataset"] in options.only) and (group is None or c["group"] == group)]
    for cell in chosen[part::parts]:
        result = run_cell(folder, cell, lambda cell=cell: measure(cell, options.datasets))  # type: ignore[misc]
        print(cell, show(result), flush=True)


def run_cell(folder: str, cell: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Make one result file, unless it is there already.

    The file holds the cell's configuration and its hash, what `make` measured, and commit, versions and machine.
    """
    key = hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:12]
    name = re.sub(r"[^\w.+-]+", "-", "-".join(str(value) for value in cell.values() if not isinstance(value, dict)))
    path = RESULTS / folder / f"{name}-{key}.json"
    if path.exists():
        return json.loads(path.read_text())
    measured = make()
    result = {"cell": cell, "config_hash": key, **measured, "made_by": provenance()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_result(path, result)
    return result


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result file, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(partial, path)


def provenance() -> dict[str, Any]:
    """Commit, versions and machine of this run."""
    git = ["git", "-C", str(Path(__file__).parent)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--", "../curv_issues"], capture_output=True, text=True)
    return {
        "commit": commit + ("-modified" if changed.stdout.strip() else ""),
        "versions": versions(),
        "machine": machine(),
    }
