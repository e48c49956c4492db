"""What curvature adds to the free scores where it might help: late in training, duplicates, human noise, rare classes, ...

    python -m benchmarks.beyond DATASETS           about 3 hours on 2 idle cores
    python -m benchmarks.beyond DATASETS --smoke   the same code on digits: under a minute

For each setting and each form of curvature: AUROC and average precision; AUROC within 20 equal bins of the best free score
(0.5 is chance); and the gain over the fusion of the free scores, as one more rank in the mean and, at best, in a logistic
regression fitted to the known errors of four fifths of the samples. The forms are chosen on seed 100 and reported on 0, 1, 2.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy.stats import norm, rankdata, spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from torch import Tensor, nn

from benchmarks.common import load, make_cells, stratified
from curv_issues.baselines.memorization import memorization
from curv_issues.bench.metrics import detection
from curv_issues.curvature import rademacher_directions
from curv_issues.data.base import LabeledData
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.options import TrainingOptions
from curv_issues.probes.base import ProbeSpec
from curv_issues.probes.convnet import ConvNet
from curv_issues.training.run import ProbeRun, run_probe

LATE = {"weight_decay": 0.0, "flip": False, "shift": 0}
LABELS = "file:cifar10n.parquet:"
SETTINGS: dict[str, dict[str, Any]] = {
    "uniform 10%": {"noise": "uniform:0.1"},
    "uniform 10%, memorised": {"noise": "uniform:0.1", "options": LATE},
    "conflicting duplicates": {"noise": "duplicates:50"},
    "conflicting duplicates, memorised": {"noise": "duplicates:50", "options": LATE},
    "human, 9%": {"noise": LABELS + "aggregate"},
    "human, 40%": {"noise": LABELS + "worst"},
    "instance-dependent 20%": {"noise": "instance:0.2"},
    "long tail, uniform 10%": {"noise": "longtail:100+uniform:0.1"},
    "1,000 samples, uniform 10%": {"noise": "uniform:0.1", "size": 1_000},
    "h = 0.1": {"noise": "uniform:0.1", "options": {"step": 0.1}},
    "h = 0.3": {"noise": "uniform:0.1", "options": {"step": 0.3}},
    "directions of 8 x 8 blocks": {"noise": "uniform:0.1", "blocks": 8},
    "GELU": {"noise": "uniform:0.1", "activation": "GELU"},
    "softplus": {"noise": "uniform:0.1", "activation": "Softplus"},
    "similarity to memorization": {"noise": "none", "size": 2_000},
}
SEEDS = (100, 0, 1, 2)
FREE = ("cumulative_loss", "margin", "final_margin", "final_loss", "residual")
FUSED = ("cumulative_loss", "margin", "final_margin")
FORMS = (
    "input_curvature",
    "input_curvature, last",
    "label_contrast",
    "label_contrast, last",
    "label_contrast_difference",
    "loss_sensitivity",
    "training_gradient",
    "training_gradient_change",
)
BINS = 20
SCORED = 4


def cells() -> list[dict[str, Any]]:
    """Return every setting with the first seed, then with the next."""
    return [
        {"dataset": "cifar10", "setting": name, "size": s.get("size", 5_000), "seed": seed}
        for seed in SEEDS
        for name, s in SETTINGS.items()
    ]


@lru_cache(maxsize=1)
def _source(name: str, root: Path) -> LabeledData:
    return load(name, root)


def measure(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return all comparisons of one run with every score measured after four epochs."""
    setting, seed, data = SETTINGS[cell["setting"]], cell["seed"], _source(cell["dataset"], root)
    spec = parse_noise(setting["noise"].replace("file:", f"file:{root}/"))
    if not setting["noise"].startswith("longtail"):  # a long tail is a subset already
        data = stratified(data, cell["size"], seed)
    planted = apply_noise(data, spec, seed=seed)
    probe = _with_activation(setting["activation"]) if "activation" in setting else "convnet"
    options = TrainingOptions(seed=seed, measure="all", curvature_epochs=SCORED, probe=probe, **setting.get("options", {}))
    with _directions(setting.get("blocks")):
        run = run_probe(planted.data, options)
    assert run is not None
    suspect = all_scores(run)
    described = {"n": len(planted.data), "wrong": int(planted.is_error.sum()), "epochs": run.recipe.epochs, "seconds": run.seconds}
    if not planted.is_error.any():
        memorized = memorization(planted.data, TrainingOptions(seed=seed)).scores["memorization"]
        return {**described, "spearman": {name: float(spearmanr(values, memorized).statistic) for name, values in suspect.items()}}
    return {**described, **compare(suspect, planted.is_error), "rare": _rare(suspect, planted.is_error, planted.data.labels)}


def all_scores(run: ProbeRun) -> dict[str, np.ndarray]:
    """Return the free scores and the forms of curvature, high = suspect."""
    found = {}
    for name, values in run.scores.items():
        if name in FREE + FORMS:
            found[name] = values if run.score_metadata[name]["direction"] == "high" else -values
    for name in ("input_curvature", "label_contrast"):
        found[f"{name}, last"] = run.trajectories[name][:, -1].astype(np.float64)
    return found


def compare(suspect: dict[str, np.ndarray], is_error: np.ndarray) -> dict[str, Any]:
    """Return the metrics of the free scores, of their fusion, and of each form of curvature combined with them."""
    found = {name: detection(is_error, values) for name, values in suspect.items()}
    best = max(FREE, key=lambda name: found[name]["auroc"])  # type: ignore[index]
    bins = (rankdata(suspect[best], method="ordinal") - 1) * BINS // len(is_error)
    fused = [suspect[name] for name in FUSED]
    before, informed = ranked(fused, is_error), taught([suspect[name] for name in FREE], is_error)
    forms = {}
    for name in FORMS:
        after = ranked([*fused, suspect[name]], is_error)
        fitted = taught([*(suspect[free] for free in FREE), suspect[name]], is_error)
        forms[name] = {
            "within_bins": within_bins(suspect[name], is_error, bins),
            "gain_in_rank_mean": {key: after[key] - before[key] for key in before},
            "gain_at_best": {key: fitted[key] - informed[key] for key in informed},
        }
    return {"detection": found, "best_free": best, "fusion": before, "fusion_at_best": informed, "forms": forms}


def within_bins(values: np.ndarray, is_error: np.ndarray, bins: np.ndarray) -> float | None:
    """Return the mean AUROC within bins that contain correct and wrong samples, weighted by the number of wrong samples."""
    aurocs, weights = [], []
    for number in range(BINS):
        members = bins == number
        if is_error[members].any() and not is_error[members].all():
            aurocs.append(roc_auc_score(is_error[members], values[members]))
            weights.append(is_error[members].sum())
    return float(np.average(aurocs, weights=weights)) if aurocs else None


def ranked(scores: list[np.ndarray], is_error: np.ndarray) -> dict[str, float]:
    """Return AUROC and average precision of the mean of the ranks."""
    return _found(is_error, np.mean([rankdata(values) for values in scores], axis=0))


def taught(scores: list[np.ndarray], is_error: np.ndarray) -> dict[str, float]:
    """Return AUROC and average precision of a cross-validated (5 folds) logistic regression on normal scores."""
    features = np.stack([norm.ppf((rankdata(values) - 0.5) / len(values)) for values in scores], axis=1)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = LogisticRegression(C=100.0, max_iter=1_000)
    return _found(is_error, cross_val_predict(model, features, is_error, cv=folds, method="decision_function"))


def _found(is_error: np.ndarray, values: np.ndarray) -> dict[str, float]:
    return {"auroc": float(roc_auc_score(is_error, values)), "average_precision": float(average_precision_score(is_error, values))}


def _rare(suspect: dict[str, np.ndarray], is_error: np.ndarray, labels: np.ndarray) -> dict[str, float] | None:
    """Return the AUROC of wrong samples against correct ones of classes below a tenth of the largest; None if there are none."""
    sizes = np.bincount(labels)
    rare = sizes[labels] < sizes.max() / 10
    members = is_error | rare
    if not rare.any() or is_error[members].all():
        return None
    return {name: float(roc_auc_score(is_error[members], values[members])) for name, values in suspect.items()}


def _with_activation(name: str) -> Any:
    def probe(spec: ProbeSpec) -> nn.Module:
        network = ConvNet(spec)
        for parent in list(network.modules()):
            for child, module in list(parent.named_children()):
                if isinstance(module, nn.ReLU):
                    setattr(parent, child, getattr(nn, name)())
        return network

    return probe


@contextlib.contextmanager
def _directions(blocks: int | None) -> Iterator[None]:
    """Use directions that are constant over blocks of this many pixels; None: one value per pixel, as published."""
    if blocks is None:
        yield
        return

    def coarse(num_matvecs: int, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        channels, height, width = shape
        small = rademacher_directions(num_matvecs, (channels, height // blocks, width // blocks), generator=generator)
        return small.repeat_interleave(blocks, 2).repeat_interleave(blocks, 3)

    with mock.patch("curv_issues.training.run.rademacher_directions", coarse):
        yield


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "beyond",
        cells(),
        measure,
        smoke=[{"dataset": "digits", "setting": "uniform 10%", "size": 300, "seed": 100}],
        show=lambda result: (
            result.get("spearman")
            or {name: (round(form["within_bins"] or 0, 3), form["gain_at_best"]["auroc"]) for name, form in result["forms"].items()}
        ),
    )


if __name__ == "__main__":
    main()
