"""What the estimated confusions of classes bring: ranking, flags, probabilities and suggestions, from one training per cell.

    python -m benchmarks.label_noise DATASETS                 all cells: many hours of one core
    python -m benchmarks.label_noise DATASETS --only digits   those of one dataset
    python -m benchmarks.label_noise DATASETS --smoke         the same code on digits: under a minute

Each training is judged twice: with the estimated noise of the labels, and without it, as before it was introduced. Photos are
judged by their pixels, by features of EfficientNet-Lite (as in `benchmarks.features`) and by both. Trainings are kept, so that a
change of the rules needs no training: delete `benchmarks/results/trainings` to train again. The constants were chosen on CIFAR-100
(20 classes), MNIST, digits and the clothing photos with seed 100.
"""

from __future__ import annotations

import pickle
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks import rows
from benchmarks.common import hash_of, load, make_cells, provenance, stratified
from benchmarks.features import PHOTOS, backbone
from curv_issues.auditing.assembly import evidence_of_run
from curv_issues.auditing.label_noise import with_label_noise
from curv_issues.backbones.extract import with_features
from curv_issues.bench.metrics import detection, flagging
from curv_issues.confusions.correction import count_wrong, fit_correction
from curv_issues.confusions.posterior import log_odds
from curv_issues.confusions.unevenness import unevenness
from curv_issues.data.base import LabeledData
from curv_issues.findings.cutoff import flag
from curv_issues.findings.judgement import judge
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.options import FindingOptions, TrainingOptions
from curv_issues.results.kinds import LABEL_ISSUE
from curv_issues.review.sample import choose_positions
from curv_issues.trackers import CROSS_FIT_SCORES
from curv_issues.trackers.gaps import fill_gaps
from curv_issues.training.run import ProbeRun, run_probe

SEEDS = (0, 1, 2)
PART = 10_000
PRECISIONS = (0.9, 0.8, 0.7)
BINS = 10
ANSWERS, DRAWS = 45, 20  # of a person, simulated
TRAININGS = rows.RESULTS / "trainings"  # kept, so that other rules need no training; git ignores them
WITH_CURVATURE = ("asymmetric:0.2", "file:cifar10n.parquet:aggregate")  # measured in several epochs
SHOWN = ("default", "without", "p_wrong")
LABELS = "file:cifar10n.parquet:"  # in the folder of the datasets
NOISES = (
    "asymmetric:0.2",
    f"{LABELS}aggregate",
    "uniform:0.1",
    f"{LABELS}worst",
    "instance:0.2",
    "asymmetric:0.4",
    "uniform:0.01",
    "uniform:0.4",
    f"{LABELS}random1",
    "none",
)
WHOLE = (
    ("cifar10", "uniform:0.1"),
    ("cifar10", f"{LABELS}aggregate"),
    ("cifar10", f"{LABELS}worst"),
    ("cifar100", "uniform:0.1"),
)


def cells() -> list[dict[str, Any]]:
    """Return all cells, seed by seed; quick ones first, whole datasets last."""
    found = []
    for seed in SEEDS:
        found += [cell("digits", noise, seed) for noise in ("uniform:0.1", "asymmetric:0.2", "none")]
        found += [cell("mnist", "none", seed)]
        found += [cell("cifar10", noise, seed) for noise in NOISES]
        found += [cell("clothing", "uniform:0.05", seed)]
    return [*found, *(cell(name, noise, SEEDS[0]) | {"part": None} for name, noise in WHOLE)]


def cell(dataset: str, noise: str, seed: int) -> dict[str, Any]:
    """Return the configuration of one run."""
    return {"dataset": dataset, "noise": noise, "seed": seed}


@lru_cache(maxsize=1)
def _source(name: str, root: Path) -> LabeledData:
    return load(name, root)


def train(configuration: dict[str, Any], data: LabeledData) -> tuple[dict[str, ProbeRun], dict[str, Any]]:
    """Return the runs on pixels and, for photos, on features of a pretrained network, and what trained them, by name.

    Args:
        configuration: of the cell.
        data: with planted errors.
    """
    name, seed = configuration["dataset"], configuration["seed"]
    once = "part" in configuration or ("noise" in configuration and configuration["noise"] not in WITH_CURVATURE)
    options = {"pixels": TrainingOptions(seed=seed, curvature_epochs=1 if once else None)}
    if name in PHOTOS:
        options["features"] = TrainingOptions(seed=seed, input="features")
    found = {}
    for way, chosen in options.items():
        kept = TRAININGS / f"{hash_of(configuration)}-{way}.pickle"
        if not kept.exists():
            seen = data if way == "pixels" else with_features(data, backbone("photos", name))
            TRAININGS.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial")
            partial.write_bytes(pickle.dumps({"labels": data.labels, "run": run_probe(seen, chosen), "made_by": provenance()}))
            partial.rename(kept)
        found[way] = pickle.loads(kept.read_bytes())
        assert np.array_equal(found[way]["labels"], data.labels), f"{kept} was trained on other labels; delete it."
    return {way: trained["run"] for way, trained in found.items()}, {way: trained["made_by"] for way, trained in found.items()}


def measure(configuration: dict[str, Any], root: Path) -> dict[str, Any]:
    """Plant errors, train once, and judge the pixels, the features and both, with and without the estimated noise."""
    data, seed = _source(configuration["dataset"], root), configuration["seed"]
    part = configuration.get("part", PART)
    if part is not None and len(data) > part:
        data = stratified(data, part, seed)
    noisy, is_error = data, np.zeros(len(data), dtype=bool)
    if configuration["noise"] != "none":
        planted = apply_noise(data, parse_noise(configuration["noise"].replace("file:", f"file:{root}/")), seed=seed)
        noisy, is_error = planted.data, planted.is_error
    runs, trained_by = train(configuration, noisy)
    if "features" in runs:
        runs["both"] = joined(runs["pixels"], runs["features"])
    return {
        "n": len(noisy),
        "wrong": int(is_error.sum()),
        "trained_by": trained_by,
        "ways": {way: judged(noisy, data.labels, is_error, run) for way, run in runs.items()},
    }


def joined(pixels: ProbeRun, features: ProbeRun) -> ProbeRun:
    """Return the run on pixels with the cross-fitting of that on features, as an audit of both makes it."""
    names = [name for name in CROSS_FIT_SCORES if name in features.scores]
    return replace(
        pixels,
        pred_probs=features.pred_probs,
        leave_one_out=features.leave_one_out,
        out_of_sample=True,
        suggested=features.suggested,
        scores={**pixels.scores, **{name: features.scores[name] for name in names}},
        score_metadata={**pixels.score_metadata, **{name: features.score_metadata[name] for name in names}},
    )


def judged(data: LabeledData, true: np.ndarray, is_error: np.ndarray, before: ProbeRun) -> dict[str, Any]:
    """Return rankings, flags, probabilities, counts and suggestions of a run."""
    run = with_label_noise(before, data.labels)
    found = judge(evidence_of_run(data, run), FindingOptions(), kinds=[LABEL_ISSUE]).kinds[LABEL_ISSUE]
    formerly = judge(evidence_of_run(data, replace(before, class_history=None)), FindingOptions(), kinds=[LABEL_ISSUE])
    p_wrong, suspicion = run.scores["p_wrong"], found.columns["suspicion"]
    rankings = {
        "default": suspicion,
        "without": formerly.kinds[LABEL_ISSUE].columns["suspicion"],
        "with_curvature": log_odds(suspicion) + log_odds(rank(run.scores["input_curvature"])),
        **{name: score if run.score_metadata[name]["direction"] == "high" else -score for name, score in run.scores.items()},
    }
    assert run.error_count is not None
    return {
        "rankings": {name: detection(is_error, values) for name, values in rankings.items()} if is_error.any() else {},
        "flagged": {
            "auto": flagging(is_error, found.columns["flagged"]),
            "without": flagging(is_error, formerly.kinds[LABEL_ISSUE].columns["flagged"]),
            **{f"{precision:g}": flagging(is_error, flags_at(precision, data, run)) for precision in PRECISIONS},
        },
        "calibration_error": calibration_error(is_error, p_wrong),
        "estimate": asdict(run.error_count),
        "answers": [after_answers(is_error, run, suspicion, seed) for seed in range(DRAWS)],
        "suggested_right": {
            "default": fraction_right(run.suggested, true, is_error),
            "without": fraction_right(before.suggested, true, is_error),
        },
        "unevenness": unevenness(run.scores["class_confusion"]),
    }


def rank(values: np.ndarray) -> np.ndarray:
    """Return ranks in (0, 1), high for high values."""
    return (rankdata(values) - 0.5) / len(values)


def after_answers(is_error: np.ndarray, run: ProbeRun, suspicion: np.ndarray, seed: int) -> dict[str, Any]:
    """Return the estimate, and the flags at an expected precision of 0.9, after true answers on 45 samples; see `with_answers`."""
    p_wrong, answers = run.scores["p_wrong"], np.full(len(is_error), np.nan)
    chosen = choose_positions(suspicion, ANSWERS, seed=seed, is_open=np.isnan(answers))
    answers[chosen] = is_error[chosen]
    correction = fit_correction(p_wrong[chosen], is_error[chosen])
    count = count_wrong(correction, np.delete(p_wrong, chosen), known=int(is_error[chosen].sum()))
    corrected = np.where(np.isnan(answers), correction(p_wrong), answers)
    comparison = compare_with_null(fill_gaps(run.trajectories["margin"]), run.reference_margin)
    rule = FindingOptions(precision=PRECISIONS[0]).parsed_cut_off
    flagged, _ = flag(suspicion, comparison, cut_off=rule, p_wrong=corrected, answers=answers)
    return {"estimate": asdict(count), "flagged": flagging(is_error, flagged)}


def flags_at(precision: float, data: LabeledData, run: Any) -> np.ndarray:
    """Return the samples that are flagged at a precision, (n,)."""
    judged = judge(evidence_of_run(data, run), FindingOptions(precision=precision), kinds=[LABEL_ISSUE])
    return judged.kinds[LABEL_ISSUE].columns["flagged"]


def calibration_error(is_error: np.ndarray, p_wrong: np.ndarray) -> float:
    """Return the expected calibration error of (n,) probabilities, in ten equal bins (Guo et al. 2017, ICML, eq. 3)."""
    bins = np.minimum((p_wrong * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=p_wrong - is_error, minlength=BINS)
    return float(np.abs(gaps).sum() / len(p_wrong))


def fraction_right(suggested: np.ndarray, true: np.ndarray, is_error: np.ndarray) -> float | None:
    """Return the fraction of the wrong labels whose suggested class is the true one; None without wrong labels."""
    return float((suggested[is_error] == true[is_error]).mean()) if is_error.any() else None


def shown(found: dict[str, Any]) -> dict[str, Any]:
    """Return the main numbers of one way."""
    rankings = {name: found["rankings"][name] for name in SHOWN if found["rankings"]}
    return {
        **{name: f"{metrics['auroc']:.4f}/{metrics['average_precision']:.3f}" for name, metrics in rankings.items()},
        **{name: (flags["flagged"], flags["precision"], flags["recall"]) for name, flags in found["flagged"].items()},
        "estimate": [round(found["estimate"][name]) for name in ("num_errors", "low", "high")],
    }


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "label_noise",
        cells(),
        measure,
        smoke=[cell("digits", "uniform:0.1", 0)],
        show=lambda result: {way: shown(found) for way, found in result["ways"].items()},
    )


if __name__ == "__main__":
    main()
