"""Measure one cell of a benchmark: plant errors, run all methods, and compare how well they find the errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from curv_issues.auditing.assembly import evidence_of_run
from curv_issues.auditing.label_noise import with_label_noise
from curv_issues.baselines import BASELINES
from curv_issues.bench.costs import cost_of_score, measure_passes
from curv_issues.bench.methods import DEFAULT, Methods
from curv_issues.bench.metrics import curves, detection, flagging, histogram, mean_auroc_within_classes
from curv_issues.data.base import LabeledData
from curv_issues.errors import AuditError, DatasetError
from curv_issues.findings.judgement import judge
from curv_issues.noise.spec import NoiseSpec, apply_noise
from curv_issues.options import MOST_EPOCHS, FindingOptions, TrainingOptions
from curv_issues.plugins import load_attribute
from curv_issues.progress import ProgressCallback
from curv_issues.results.kinds import LABEL_ISSUE
from curv_issues.trackers import CROSS_FIT_SCORES, LABEL_NOISE_SCORES, SCORES
from curv_issues.trackers.base import Need
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.training.run import ProbeRun, run_probe

EVERY_EPOCH = MOST_EPOCHS  # reduced to the number of epochs of the run


def measure_cell(
    data: LabeledData,
    noise: NoiseSpec,
    seed: int,
    *,
    options: TrainingOptions,
    methods: Methods,
    finding: FindingOptions | None = None,
    passes: dict[Need, float] | None = None,
    measure: Callable[[LabeledData, TrainingOptions], dict[Need, float]] = measure_passes,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Plant errors with a seed, train once, run the baselines, and compare all methods with the planted errors.

    Unless the options say otherwise, the scores are measured after every epoch, as published.

    Args:
        data: n samples with their own labels.
        noise: errors to plant.
        seed: seed of noise and trainings.
        options: training options; their seed is replaced.
        methods: methods to compare.
        finding: cut-off of the default ranking; None: "auto".
        passes: cost of each kind of pass, see `measure_passes`; None: measured.
        measure: function that measures the costs.
        progress: called after every step.

    Returns:
        JSON values: `n`, `wrong` (number of errors), `methods` by name, `curvature_by_epoch`, `recipe`, `seconds`,
            `passes`, `decision`.

    Raises:
        KeyboardInterrupt: Ctrl-C, at any point.
    """
    finding = finding or FindingOptions()
    planted = apply_noise(data, noise, seed=seed)
    noisy, is_error = planted.data, planted.is_error
    options = replace(
        options,
        seed=seed,
        measure=[name for name in methods.scores if name in SCORES],
        curvature_epochs=options.curvature_epochs or EVERY_EPOCH,
    )
    run = run_probe(noisy, options, progress=progress)
    if run is None or run.interrupted:
        raise KeyboardInterrupt
    run = with_label_noise(run, noisy.labels)
    passes = passes or measure(noisy, options)
    plain_seconds = run.seconds["train"] / (1 + passes_added(options, passes))
    found = _results_of_run(run, noisy, is_error, methods, finding, passes, plain_seconds)
    decision = found.pop("decision")
    for name in methods.baselines:
        found.update(_results_of_baseline(name, run, noisy, is_error, options, plain_seconds, progress))
    return {
        "n": len(noisy),
        "wrong": int(is_error.sum()),
        "methods": found,
        "curvature_by_epoch": _curvature_by_epoch(run, is_error),
        "recipe": {
            "epochs": run.recipe.epochs,
            "batch_size": run.recipe.batch_size,
            "scored_epochs": len(run.recipe.curvature_epochs),
        },
        "seconds": {name: round(value, 3) for name, value in run.seconds.items()},
        "passes": {need.name: round(value, 4) for need, value in passes.items()},
        "decision": decision,
    }


def passes_added(options: TrainingOptions, passes: dict[Any, float]) -> float:
    """Return the time of input gradients in this training, as a fraction of the plain training."""
    needs = [QUANTITIES[SCORES[name].quantity].needs for name in options.score_names]
    return max((passes[need] for need in needs if need.in_training), default=0.0)


def _results_of_run(
    run: ProbeRun,
    data: LabeledData,
    is_error: np.ndarray,
    methods: Methods,
    finding: FindingOptions,
    passes: dict[Any, float],
    plain_seconds: float,
) -> dict[str, Any]:
    """Return the results of the default ranking and of the scores, by name, and the `decision` of the default."""
    directions = {name: metadata["direction"] for name, metadata in run.score_metadata.items()}
    judged = judge(evidence_of_run(data, run), finding, kinds=[LABEL_ISSUE]).kinds[LABEL_ISSUE]
    epochs, scored = run.recipe.epochs, len(run.recipe.curvature_epochs)
    costs = {name: cost_of_score(name, passes, epochs=epochs, scored_epochs=scored) for name in SCORES}
    crossed = 1 + run.seconds.get("cross_fit", 0.0) / plain_seconds
    costs.update(dict.fromkeys((*CROSS_FIT_SCORES, *LABEL_NOISE_SCORES), crossed))
    found: dict[str, Any] = {
        DEFAULT: _results_of_method(data, is_error, judged.columns["suspicion"], "high", crossed, judged.columns["flagged"]),
        "decision": dict(judged.summary),
    }
    for name in methods.scores:
        found[name] = _results_of_method(data, is_error, run.scores[name], directions[name], costs[name], None)
    return found


def _results_of_baseline(
    name: str,
    run: ProbeRun,
    data: LabeledData,
    is_error: np.ndarray,
    options: TrainingOptions,
    plain_seconds: float,
    progress: ProgressCallback | None,
) -> dict[str, Any]:
    """Return the results of the scores of a baseline, by name."""
    info = BASELINES[name]
    features = data.features if data.choose_input(options.input) == "both" else run.embeddings  # of both, the stronger ones
    settings = {"features": np.asarray(features, dtype=np.float32)} if info.takes_features else {}
    try:
        result = load_attribute(info.target)(data, options, progress=progress, **settings)
    except (AuditError, DatasetError) as error:  # such as too few samples of a class; the other methods run anyway
        return {score: _failed(found.direction, str(error)) for score, found in info.scores.items()}
    plain_seconds = result.plain_seconds or plain_seconds  # preferably measured during the baseline
    seconds = result.seconds + (plain_seconds if info.takes_features else 0.0)  # the features come from the main training
    return {
        score: _results_of_method(
            data,
            is_error,
            result.scores[score],
            info.scores[score].direction,
            seconds / plain_seconds,
            result.flagged if score == info.headline else None,
        )
        for score in info.scores
    }


def _results_of_method(
    data: LabeledData, is_error: np.ndarray, values: np.ndarray, direction: str, cost: float, flagged: np.ndarray | None
) -> dict[str, Any]:
    """Return the results of one method; it has failed if a value is not finite. `cost` is a multiple of the plain training."""
    missing = int((~np.isfinite(values)).sum())
    if missing:
        return _failed(direction, f"it has no value for {missing:,} of {len(values):,} samples; train longer (--epochs)")
    suspect = np.asarray(values, dtype=np.float64) * (1 if direction == "high" else -1)
    return {
        "direction": direction,
        "detection": detection(is_error, suspect),
        "auroc_within_classes": mean_auroc_within_classes(is_error, suspect, data.labels),
        "flagged": None if flagged is None else flagging(is_error, flagged),
        "cost": round(cost, 3),
        "curves": curves(is_error, suspect),
        "histogram": histogram(is_error, np.asarray(values, dtype=np.float64)),
    }


def _failed(direction: str, reason: str) -> dict[str, Any]:
    """Return the results of a method that failed on this data."""
    empty = dict.fromkeys(("detection", "auroc_within_classes", "flagged", "cost", "curves", "histogram"))
    return {"direction": direction, **empty, "failed": reason}


def _curvature_by_epoch(run: ProbeRun, is_error: np.ndarray) -> dict[str, list[float | None]]:
    """Return the mean input curvature of correct and wrong samples by epoch, and its AUROC; None where not measured."""
    history = run.trajectories["input_curvature"]
    found: dict[str, list[float | None]] = {"right": [], "wrong": [], "auroc": []}
    for values in history.T:
        measured = bool(np.isfinite(values).all())
        ranked = detection(is_error, values) if measured else None
        found["right"].append(float(values[~is_error].mean()) if measured and not is_error.all() else None)
        found["wrong"].append(float(values[is_error].mean()) if measured and is_error.any() else None)
        found["auroc"].append(ranked["auroc"] if ranked else None)
    return found
