"""The tables of memorization and privacy, from built rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import memorization_tables as made
from benchmarks.study_tables import NOTHING


def similarity(recipe: str, seed: int, value: float, *, part: int | None = 10_000) -> dict[str, Any]:
    names = ["suspicion", "given_probability", *made.SHOWN]
    scores = [
        {"score": name, "samples": samples, "cosine": 0.1, "pearson": 0.2, "spearman": value + (name == "margin") / 10}
        for name in names
        for samples in ("all", "top")
    ]
    curvature = {"quantity": "input_curvature", "kind": "epoch", "samples": "all"}
    relation = {"n": [5, 5], "slope": 0.5, "r2_of_bins": 0.9, "r2": 0.25}
    return {
        "cell": {"group": "similarity", "dataset": "cifar100", "recipe": recipe, "part": part, "seed": seed},
        "n": 50_000 if part is None else part,
        "num_top": 5_000,
        "scores": scores,
        "by_epoch": [{**curvature, "epoch": epoch, "spearman": value - epoch / 100} for epoch in (1, 2)],
        "relations": {"learning_time, memorization": relation},
    }


def private(epsilon: float | None, seed: int, curvature: float) -> dict[str, Any]:
    means = {name: {"all": curvature, "right": 0.1, "wrong": 0.6} for name in ("curvature", "loss", "memorization")}
    detection = {"margin": {"auroc": 0.9}}
    cell = {"epsilon": epsilon, "seed": seed}
    return {"cell": cell, "median_curvature": curvature, "means": means, "accuracy": {"held_out": 0.8}, "detection": detection}


def test_nothing_is_measured_yet() -> None:
    tables = [table for name, table in vars(made).items() if name.endswith("_table")]
    assert len(tables) == 8
    assert all(table([]) == NOTHING for table in tables)


def test_similarity() -> None:
    rows = [similarity("long", 0, 0.5), similarity("long", 1, 0.7), similarity("default", 0, 0.8, part=None)]
    whole, part = made.similarity_table(rows).splitlines()[2:]
    assert whole.startswith("| all of CIFAR-100, default | 1 | 0.900 (margin) | 0.800 |")
    assert part.startswith("| CIFAR-100, 10,000, long | 2 | 0.700 ± 0.141 (margin) | 0.600 ± 0.141 |")
    assert part.endswith("| 0.590 ± 0.141 |")
    assert made.measures_table(rows).splitlines()[2] == "| default ranking | 0.100 | 0.200 | 0.800 | 0.100 | 0.200 | 0.800 |"
    assert made.relations_table(rows).splitlines()[2:] == ["| memorization by learning_time | 2 | 0.5 | 0.900 | 0.250 |"]


def test_images_of_test_sets() -> None:
    share = {"highest": 0.5, "all": 0.25}
    copies = {"same label": {"highest": 0.0, "all": 0.01}, "other label": share}
    row = {"cell": {"dataset": "cifar10", "seed": 0}, "wrong": share, "copies": copies, "auroc_of_wrong": 0.75}
    (line,) = made.held_out_images_table([row]).splitlines()[2:]
    assert line == "| CIFAR-10 | 0.50 (0.250) | 0.00 (0.010) | 0.50 (0.250) | 0.750 |"


def test_dynamics_and_networks() -> None:
    membership = {
        "by_epoch": {name: {"training": [1, 2, 3], "held_out": [2, 3, 4]} for name in ("curvature", "loss")},
        "auroc": {name: {"value": 0.7} for name in ("curvature", "loss")},
    }
    cell = {"group": "dynamics", "recipe": "default", "seed": 0}
    lines = made.dynamics_table([{"cell": cell, "membership": membership}]).splitlines()[2:]
    assert lines[0] == "| default | 1 | curvature | 1, 2, 3 | 2, 3, 4 | 0.700 |"
    found = {"networks": 10, "standard_error": 0.2, "spearman_with_reference": 0.5}
    row = {"cell": {"group": "features"}, "by_networks": [found, {**found, "spearman_with_as_many_others": 0.6}]}
    assert made.networks_table([row]).splitlines()[2:] == ["| 10 | 0.200 |  | 0.500 |", "| 10 | 0.200 | 0.600 | 0.500 |"]


def test_privacy() -> None:
    epsilons = (1, 2, 8)
    rows = [
        private(None, 0, 9.0),
        *(private(epsilon, seed, 2 + 3 * (1 - np.exp(-epsilon))) for epsilon in epsilons for seed in (0, 1)),
    ]
    lines = made.privacy_table(rows).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| 1", "| 2", "| 8", "| not private"]
    assert lines[-1] == "| not private | 1 | 0.800 | 9 | 9 | 9.000 | 9.000 | 0.600 | 0.900 |"
    fit = made.privacy_fit_table(rows).splitlines()[2]
    assert fit.startswith("| median curvature | 2 | 3 | 1.00 |")


def test_the_fit_finds_the_curve_and_its_residuals() -> None:
    epsilons = np.array([1.0, 2.0, 4.0, 8.0])
    (a, b), residuals = made.fit_saturating(epsilons, 5 - 2 * (1 - np.exp(-epsilons)))
    assert (a, b) == pytest.approx((5, -2))
    np.testing.assert_allclose(residuals, 0, atol=1e-9)
