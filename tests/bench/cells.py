"""Made-up cells of a benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from curv_issues.bench.metrics import curves, detection, flagging, histogram
from curv_issues.bench.results import SCHEMA_VERSION


def make_cell(
    noise: str = "uniform:0.1", seed: int = 0, *, methods: tuple[str, ...] = ("default", "margin"), n: int = 200
) -> dict[str, Any]:
    """Return a cell as `run_bench` writes it; each method is a little worse than the previous one."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) < (0 if noise == "none" else n // 10)
    found = {}
    for place, name in enumerate(methods):
        values = truth * (3.0 - place) + rng.normal(size=n)
        found[name] = {
            "direction": "high",
            "detection": detection(truth, values),
            "auroc_within_classes": 0.9,
            "flagged": flagging(truth, values > 2) if name == "default" else None,
            "cost": 1.0 + place,
            "curves": curves(truth, values),
            "histogram": histogram(truth, values),
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "cell": {"dataset": {"source": "digits", "n": n, "classes": 10}, "noise": noise, "seed": seed, "cut_off": "auto"},
        "n": n,
        "wrong": int(truth.sum()),
        "methods": found,
        "curvature_by_epoch": {"right": [1.0, 2.0, None], "wrong": [1.5, 4.0, None], "auroc": [0.5, 0.8, None]},
        "decision": {"cut_off": {"rule": "auto", "note": None}},
        "recipe": {"epochs": 3, "batch_size": 16, "scored_epochs": 2},
        "made_by": {"machine": {"processor": "abacus", "cores": 2}},
    }
