"""Which images of a test set have the highest curvature, as in figures 16 and 17 of Garg, Ravikumar, Roy 2023.

    python -m benchmarks.held_out_images DATASETS            both datasets: about 15 minutes of one core
    python -m benchmarks.held_out_images DATASETS --smoke    the same code on digits: seconds

A network is trained on the training set by the default recipe (for CIFAR-100, on four fifths of it, and the rest is the test set).
Then the curvature around each image of the test set is measured once, as `curv-issues audit DATASET --split test --probe NETWORK
--epochs 0` does. The 60 highest are drawn next to the results.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from benchmarks.common import load, make_cells
from benchmarks.duplicates import HIGHEST, draw
from curv_issues.auditing.audit import audit_data
from curv_issues.auditing.leakage import find_leakage
from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.data.sampling import stratified_sample
from curv_issues.device import choose_device, limit_threads_for_small_batches
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.training.loop import train_probe
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import isolated_rng, make_probe
from curv_issues.training.state import TrainingState

STUDY = "held_out_images"
WITH_TEST = ("cifar10", "mnist")


def cells() -> list[dict[str, Any]]:
    """Return all cells."""
    return [{"dataset": name, "seed": 0} for name in ("cifar10", "cifar100")]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Train on one split, and measure the images of the other."""
    data, test = split(cell, root)
    network = train(data, TrainingOptions(seed=cell["seed"]))
    options = TrainingOptions(seed=cell["seed"], probe=network, epochs=0)
    result = audit_data(test, options, FindingOptions(), DuplicateOptions(duplicates=False), images=False)
    scores = result.scores
    curvature, wrong = scores["input_curvature"].to_numpy(), scores["final_margin"].to_numpy() < 0
    top = np.argsort(-curvature, kind="stable")[:HIGHEST]
    assert test.images is not None
    draw([(test.images[position],) for position in top], f"highest-test-{cell['dataset']}", columns=12)
    pairs = find_leakage(data, test)[0]
    copies = {name: np.isin(scores["row"], pairs.loc[pairs["agree"] == agree, "other_row"]) for name, agree in AGREE.items()}
    return {
        "n": len(test),
        "rows": scores["row"].iloc[top].tolist(),
        "given": scores["given"].iloc[top].tolist(),
        "wrong": fractions(wrong, top),
        "median_curvature": {"highest": float(np.median(curvature[top])), "all": float(np.median(curvature))},
        "auroc_of_wrong": float(roc_auc_score(wrong, curvature)) if wrong.any() else None,
        "copies": {name: fractions(mask, top) for name, mask in copies.items()},
        "seconds": result.summary["seconds"],
    }


def split(cell: dict[str, Any], root: Path) -> tuple[LabeledData, LabeledData]:
    """Return training and test set; a stratified fifth of the training set as the test set if the folder has no test set."""
    data = load(cell["dataset"], root)
    if cell["dataset"] in WITH_TEST:
        test = load_data(str(root / cell["dataset"]), split="test", label_column=data.source.label_column)
        assert test.class_names == data.class_names
        return data, test
    held_out = stratified_sample(data.labels, len(data) // 5, seed=cell["seed"])
    return data.take(np.setdiff1d(np.arange(len(data)), held_out)), data.take(held_out)


AGREE = {"same label": True, "other label": False}
"""Whether a copy in the training set has the label of the test image."""


def fractions(mask: np.ndarray, top: np.ndarray) -> dict[str, float]:
    """Return which fraction of the highest, and of all n images, the mask (n,) contains."""
    return {"highest": float(mask[top].mean()), "all": float(mask.mean())}


def train(data: LabeledData, options: TrainingOptions) -> nn.Module:
    """Return a network that is trained by the recipe of the options, without scores."""
    device, inputs = choose_device(options.device), data.inputs(options.input)
    recipe = make_recipe(options, num_samples=len(data), shape=inputs.shape)
    with limit_threads_for_small_batches(recipe.batch_size, inputs.shape), isolated_rng(options.seed):
        probe = make_probe(options, inputs.spec(data.num_classes)).to(device).to(memory_format=torch.channels_last)
        train_probe(TrainingState(probe, recipe, seed=options.seed), inputs, torch.from_numpy(data.labels), device=device)
    return probe.eval()


def show(row: dict[str, Any]) -> Any:
    """Return what the command prints for a cell."""
    return row["wrong"], row["auroc_of_wrong"], row["copies"]


def main() -> None:
    """Run the command line."""
    make_cells(__doc__, STUDY, cells(), measure, smoke=[{"dataset": "digits", "seed": 0}], show=show)


if __name__ == "__main__":
    main()
