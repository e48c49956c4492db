"""The estimator of memorization of Feldman and Zhang 2020 on features, with its cost and its standard error.

    python -m benchmarks.memorization_of_features DATASETS           under an hour of one core
    python -m benchmarks.memorization_of_features DATASETS --smoke   the same code on digits: seconds

CIFAR-100 as features of EfficientNet-Lite0 at 96 pixels, on which 500 networks with one hidden layer are trained, each on 70% of
the samples. Weight decay and dropout are off, so that they fit the exceptions, which the default probe for features avoids.
The estimate is compared with that of another group, from networks trained on the pixels. Blocks of networks are kept in
`benchmarks/results/trainings`, so that a run can be stopped and continued.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from benchmarks.common import hash_of, load, make_cells
from benchmarks.features import backbone
from benchmarks.label_noise import TRAININGS
from benchmarks.memorization import STUDY, reference_of
from curv_issues.backbones.extract import with_features
from curv_issues.baselines.memorization import memorization, memorization_scores
from curv_issues.data.base import LabeledData
from curv_issues.memorization.similarity import correlations, similarity
from curv_issues.options import TrainingOptions
from curv_issues.probes.base import ProbeSpec

NETWORKS = 500
BLOCK = 50
COUNTS = (10, 20, 50, 100, 200, 500)
TOP = 0.1
WIDTH = 128


class UnregularisedMLP(nn.Module):
    """The default probe for features, without its dropout."""

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(spec.shape[0], WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(inplace=True))
        self.head = nn.Linear(WIDTH, spec.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (b, k) for standardised features (b, d)."""
        return self.head(self.hidden(inputs))


def cells() -> list[dict[str, Any]]:
    """Return the only cell."""
    return [{"group": "features", "dataset": "cifar100", "networks": NETWORKS, "part": None, "seed": 0}]


def features_of(cell: dict[str, Any], root: Path) -> LabeledData:
    """Return the samples with features; those of digits are their pixels."""
    data = load(cell["dataset"], root)
    return with_pixels(data) if cell["dataset"] == "digits" else with_features(data, backbone("photos", cell["dataset"]))


def with_pixels(data: LabeledData) -> LabeledData:
    """Return the samples with their pixels as features."""
    pixels = np.asarray(data.images, dtype=np.float32).reshape(len(data), -1)
    return replace(data, features=(pixels - pixels.mean(axis=0)) / (pixels.std(axis=0) + 1))


def trained(cell: dict[str, Any], data: LabeledData, number: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return which samples the networks of a block are trained on, and predict, bool (m, n) each, and seconds per network."""
    kept = TRAININGS / f"{hash_of(cell)}-{number}.npz"
    size = min(BLOCK, cell["networks"])
    if not kept.exists():
        options = TrainingOptions(
            seed=cell["seed"] + number, input="features", probe=lambda spec: UnregularisedMLP(spec), weight_decay=0.0
        )
        found = memorization(data, options, num_models=size)
        TRAININGS.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npz")
        is_trained, is_correct = (np.packbits(found.info[name], axis=1) for name in ("is_trained", "is_correct"))
        np.savez(partial, is_trained=is_trained, is_correct=is_correct, seconds=found.seconds / size)
        partial.rename(kept)
    with np.load(kept) as file:
        is_trained, is_correct = (np.unpackbits(file[name], axis=1, count=len(data)) for name in ("is_trained", "is_correct"))
        return is_trained.astype(bool), is_correct.astype(bool), float(file["seconds"])


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Train the networks, and compare the estimates of more and more of them with each other and with the reference."""
    data = features_of(cell, root)
    blocks = [trained(cell, data, number) for number in range(max(1, cell["networks"] // BLOCK))]
    is_trained, is_correct = (np.concatenate([block[index] for block in blocks]) for index in (0, 1))
    reference = reference_of(cell, data, root).values
    estimate = memorization_scores(is_correct, is_trained)
    compared = similarity({"features": estimate}, reference, top=round(TOP * len(data)))
    return {
        "n": len(data),
        "accuracy": {"trained": float(is_correct[is_trained].mean()), "held_out": float(is_correct[~is_trained].mean())},
        "mean": {"features": float(estimate.mean()), "reference": float(np.nanmean(reference))},
        "compared": compared.round(4).to_dict("records"),
        "by_networks": [of_networks(is_correct, is_trained, count, reference) for count in COUNTS if count <= len(is_trained)],
        "seconds_per_network": float(np.mean([seconds for *_, seconds in blocks])),
    }


def of_networks(is_correct: np.ndarray, is_trained: np.ndarray, count: int, reference: np.ndarray) -> dict[str, Any]:
    """Return the mean standard error of the estimate from the first networks, and how much it agrees with others.

    Args:
        is_correct: bool (m, n), see `memorization_scores`.
        is_trained: bool (m, n).
        count: number of networks, at most m.
        reference: (n,).
    """
    first = memorization_scores(is_correct[:count], is_trained[:count])
    found: dict[str, Any] = {
        "networks": count,
        "standard_error": float(standard_errors(is_correct[:count], is_trained[:count]).mean()),
        "spearman_with_reference": correlations(first, reference)["spearman"],
    }
    if 2 * count <= len(is_trained):
        others = memorization_scores(is_correct[-count:], is_trained[-count:])
        found["spearman_with_as_many_others"] = correlations(first, others)["spearman"]
    return found


def standard_errors(is_correct: np.ndarray, is_trained: np.ndarray) -> np.ndarray:
    """Return the standard error of each estimate, that of a difference of two fractions, (n,)."""
    variance = np.zeros(is_correct.shape[1])
    for chosen in (is_trained, ~is_trained):
        count = chosen.sum(axis=0)
        fraction = (is_correct & chosen).sum(axis=0) / count
        variance += fraction * (1 - fraction) / count
    return np.sqrt(variance)


def main() -> None:
    """Run the command line."""
    smoke = [{**cells()[0], "dataset": "digits", "networks": 20}]
    make_cells(__doc__, STUDY, cells(), measure, smoke=smoke, show=lambda row: row["by_networks"])


if __name__ == "__main__":
    main()
