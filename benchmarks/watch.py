"""Time that a Watch adds to the training of a torchvision ResNet-18 on random images.

    python -m benchmarks.watch DATASETS            about 4 minutes on 2 idle cores; reads no dataset
    python -m benchmarks.watch DATASETS --smoke    a few steps

Each batch is trained on twice in one process, once with `observe` and once without, in random order, so that both see the same
load. Two measures, both with `end_epoch` spread over its steps: the median difference of the pairs, with a 95% bootstrap interval,
and the time within `observe` and `end_epoch` themselves. On a CPU, it is processor time, which the load of the machine hardly
changes. On a GPU, it is wall-clock time, with a synchronisation between the steps, not within.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torchvision.models import resnet18

from benchmarks.common import make_cells
from curv_issues.callbacks.watch import Watch

WARM_UP = 5  # pairs
PLAIN = {"dataset": "generated", "network": "resnet18", "seed": 0}


def cells(device: str = "cpu") -> list[dict[str, Any]]:
    """Return small images with ten classes, then larger ones with a thousand."""
    sizes = ({"batch": 32, "resolution": 32, "classes": 10}, {"batch": 32, "resolution": 64, "classes": 1000})
    return [{**PLAIN, "device": device, "pairs": 60, **size} for size in sizes]


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return seconds per step (of processor time on a CPU) and what the Watch adds to them."""
    device, batch, classes = torch.device(cell["device"]), cell["batch"], cell["classes"]
    num_samples = batch * cell["pairs"]
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    torch.manual_seed(cell["seed"])
    network = resnet18(num_classes=classes).to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    images = torch.rand(batch, 3, cell["resolution"], cell["resolution"], device=device)
    labels = torch.randint(0, classes, (num_samples,))
    watch, within = Watch(num_samples, classes), []

    def step(index: torch.Tensor, *, watched: bool) -> float:
        synchronise(device)
        start = clock()
        given = labels[index].to(device)
        logits = network(images)
        if watched:
            before = clock()
            watch.observe(index, logits, given)
            within.append(clock() - before)
        optimizer.zero_grad()
        functional.cross_entropy(logits, given).backward()
        optimizer.step()
        synchronise(device)
        return clock() - start

    for index in torch.arange(WARM_UP * batch).remainder(num_samples).split(batch):
        step(index, watched=False)
    pairs = np.empty((cell["pairs"], 2))
    order = np.random.default_rng(cell["seed"]).integers(0, 2, cell["pairs"])
    for number, index in enumerate(torch.randperm(num_samples).split(batch)):
        for watched in (order[number], 1 - order[number]):
            pairs[number, watched] = step(index, watched=bool(watched))
    start = clock()
    watch.end_epoch()
    ending = (clock() - start) / cell["pairs"]
    plain = float(np.median(pairs[:, 0]))
    least, most = interval(pairs[:, 1] - pairs[:, 0], seed=cell["seed"])
    return {
        "step_seconds": plain,
        "observe_seconds": float(np.mean(within)),
        "end_epoch_seconds_per_step": ending,
        "added_within": (float(np.mean(within)) + ending) / plain,
        "added_paired": (float(np.median(pairs[:, 1] - pairs[:, 0])) + ending) / plain,
        "added_paired_interval": [(least + ending) / plain, (most + ending) / plain],
    }


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interval(differences: np.ndarray, *, seed: int) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the median."""
    rng = np.random.default_rng(seed)
    medians = np.median(rng.choice(differences, (2_000, len(differences))), axis=1)
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)


def main() -> None:
    """Measure the missing cells, also on a GPU if there is one."""
    smoke = [{**PLAIN, "device": "cpu", "pairs": 3, "batch": 8, "resolution": 32, "classes": 10}]
    make_cells(
        __doc__,
        "watch",
        cells() + (cells("cuda") if torch.cuda.is_available() else []),
        measure,
        smoke=smoke,
        show=lambda result: {
            name: result[name] for name in ("step_seconds", "added_within", "added_paired", "added_paired_interval")
        },
    )


if __name__ == "__main__":
    main()
