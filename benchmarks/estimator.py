"""Ablation of the curvature estimator: step, directions, form, weight decay, augmentation, epochs, and its controls.

    python -m benchmarks.estimator DATASETS           about 1 hour on 2 idle cores
    python -m benchmarks.estimator DATASETS --smoke   the same code on digits: under a minute

Ten random classes of CIFAR-100, 5,000 samples, 10% flipped, seeds of 100 and above, which no reported figure uses. Measured
after four evenly spread epochs, in float32 unless stated. The full grid is measured in the default setting (weight decay 5e-4,
augmentation); the other settings measure the default step with four directions, and the controls.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common import load, make_cells, plant, stratified, ten_classes
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.bench.metrics import detection
from curv_issues.curvature import input_gradient, rademacher_directions
from curv_issues.data.base import LabeledData
from curv_issues.device import autocast
from curv_issues.options import TrainingOptions
from curv_issues.training.recipe import spread_epochs
from curv_issues.training.scoring import evaluating

STEPS = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3)
DEFAULT_STEP = 1e-2
FEW, MANY = 4, 20
COUNTS = (1, 2, 5, 10, 20)
SCORED = 4
BATCH = 250


def cells() -> list[dict[str, Any]]:
    """Return the default setting with the full grid, then the others."""
    return [
        {
            "dataset": "cifar100",
            "size": 5_000,
            "rate": 0.1,
            "seed": seed,
            "weight_decay": decay,
            "augmentation": augmentation,
            "grid": decay == 5e-4 and augmentation,
        }
        for seed in (100, 101, 102)
        for decay, augmentation in ((5e-4, True), (1e-4, True), (0.0, True), (5e-4, False), (1e-4, False), (0.0, False))
    ]


@lru_cache(maxsize=1)
def _source(name: str, root: Path) -> LabeledData:
    return load(name, root)


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return AUROC and average precision of every variant, for each scored epoch and for the mean over them."""
    data, seed = _source(cell["dataset"], root), cell["seed"]
    data = ten_classes(data, seed) if data.num_classes > 10 else data
    noisy, is_error = plant(stratified(data, cell["size"], seed), cell["rate"], seed)
    plain: dict[str, Any] = {} if cell["augmentation"] else {"flip": False, "shift": 0}
    probes = FreshProbes(noisy, TrainingOptions(seed=seed, weight_decay=cell["weight_decay"], **plain))
    scored = spread_epochs(probes.recipe.epochs, min(SCORED, probes.recipe.epochs))
    by_epoch: dict[str, list[np.ndarray]] = defaultdict(list)

    def look(epoch: int, network: nn.Module) -> None:
        if epoch in scored:
            generator = torch.Generator().manual_seed(seed * 1000 + epoch)
            for name, values in look_at_all(network, probes, grid=cell["grid"], generator=generator).items():
                by_epoch[name].append(values)

    probes.train(np.arange(len(noisy)), seed=seed, on_epoch=look)
    return {
        "n": len(noisy),
        "scored_epochs": list(scored),
        "epochs": probes.recipe.epochs,
        "variants": {
            name: {
                "mean": detection(is_error, np.mean(values, axis=0)),
                "by_epoch": [detection(is_error, value) for value in values],
            }
            for name, values in by_epoch.items()
        },
    }


def look_at_all(network: nn.Module, probes: FreshProbes, *, grid: bool, generator: torch.Generator) -> dict[str, np.ndarray]:
    """Return every variant for every sample, (n,) each."""
    directions = rademacher_directions(MANY if grid else FEW, probes.inputs.shape, generator=generator)
    found: dict[str, list[Tensor]] = defaultdict(list)
    with evaluating(network):
        for index in torch.arange(len(probes.labels)).split(BATCH):
            inputs, labels = probes.inputs.batch(index, probes.device), probes.labels[index]
            for name, values in look_at(network, inputs, labels, directions, grid=grid).items():
                found[name].append(values)
    return {name: torch.cat(values).double().numpy() for name, values in found.items()}


def look_at(network: nn.Module, inputs: Tensor, labels: Tensor, directions: Tensor, *, grid: bool) -> dict[str, Tensor]:
    """Return every variant for a batch, (b,) each."""
    gradient, logits = input_gradient(network, inputs, labels)
    residual = logits.softmax(1) - functional.one_hot(labels, logits.shape[1])
    found = {"residual": residual.norm(dim=1), "gradient norm": gradient.flatten(1).norm(dim=1)}
    for step in STEPS if grid else (DEFAULT_STEP,):
        count = len(directions) if step == DEFAULT_STEP else FEW
        squared = changes(network, inputs, labels, directions[:count], step)
        found[f"h {step:g}, {FEW} directions, squared"] = squared[:FEW].mean(0)
        found[f"h {step:g}, {FEW} directions, norm"] = squared[:FEW].sqrt().mean(0)
        for number in COUNTS if count == MANY else ():
            found[f"h {step:g}, {number} directions, squared"] = squared[:number].mean(0)
    with autocast(inputs.device, torch.bfloat16):
        found["bfloat16"] = changes(network, inputs, labels, directions[:FEW], DEFAULT_STEP).mean(0)
    predicted = logits.argmax(1)
    found["label replaced by the prediction"] = changes(network, inputs, predicted, directions[:FEW], DEFAULT_STEP).mean(0)
    found["exact Hessian"] = exact(network, inputs, labels, directions[:FEW]).mean(0)
    return found


def changes(network: nn.Module, inputs: Tensor, labels: Tensor, directions: Tensor, step: float) -> Tensor:
    """Return the squared norm of the change of the gradient divided by h, (m, b)."""
    at_rest, _ = input_gradient(network, inputs, labels)
    return torch.stack(
        [
            ((input_gradient(network, inputs + step * direction, labels)[0] - at_rest) / step).flatten(1).square().sum(1)
            for direction in directions
        ]
    )


def exact(network: nn.Module, inputs: Tensor, labels: Tensor, directions: Tensor) -> Tensor:
    """Return ||H v||^2 by automatic differentiation, (m, b)."""
    inputs = inputs.detach().requires_grad_(True)
    loss = functional.cross_entropy(network(inputs), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, inputs, create_graph=True)
    products = [torch.autograd.grad((gradient * direction).sum(), inputs, retain_graph=True)[0] for direction in directions]
    return torch.stack([product.flatten(1).square().sum(1) for product in products])


def main() -> None:
    """Measure the missing cells."""
    smoke = {"dataset": "digits", "size": 300, "rate": 0.1, "seed": 100, "weight_decay": 5e-4, "augmentation": True, "grid": True}
    make_cells(
        __doc__,
        "estimator",
        cells(),
        measure,
        smoke=[smoke],
        show=lambda result: {name: round(found["mean"]["auroc"], 3) for name, found in result["variants"].items()},
    )


if __name__ == "__main__":
    main()
