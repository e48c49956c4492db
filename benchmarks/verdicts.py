"""Verdicts on built samples (flips, blends of two images, classes of three members, foreign images) and on human labels.

    python -m benchmarks.verdicts DATASETS           all cells: about 1 hour of one core
    python -m benchmarks.verdicts DATASETS --smoke   the same code on digits: a minute

`built`: 5,000 images of CIFAR-10; the small classes are five of CIFAR-100. `human`: the labels of CIFAR-10N, from the trainings of
`benchmarks.label_noise`: a label is mislabeled if the majority of three persons took a wrong class, and ambiguous if the majority
was right and another took a wrong one. Each training is judged by pixels, by features of EfficientNet-Lite0 and by both. The limits
of the verdicts were chosen on 5,000 images of CIFAR-100 (20 classes), built in the same way with small classes of CIFAR-10, seed
100.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from benchmarks.common import load, make_cells, stratified
from benchmarks.label_noise import LABELS, PART, joined, train
from benchmarks.label_noise import cell as label_noise_cell
from curv_issues.auditing.assembly import evidence_of_run
from curv_issues.auditing.isolation import with_isolation
from curv_issues.auditing.label_noise import with_label_noise
from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.findings.judgement import judge
from curv_issues.findings.verdicts import find_verdicts
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.options import FindingOptions
from curv_issues.results.kinds import LABEL_ISSUE
from curv_issues.training.run import ProbeRun

SEEDS = (0, 1, 2)
BUILT = 5_000
FLIPPED, BLENDED, FOREIGN = 0.02, 0.01, 0.002  # fractions of the samples
RARE_CLASSES, RARE_MEMBERS = 5, 3
KINDS = ("right", "mislabeled", "ambiguous", "rare", "outlier")
COMPARED = ("rare", "ambiguous")  # with mislabeled, by each score
MOST_SUSPECT = 1_500


@dataclass(frozen=True, eq=False)
class Built:
    """Built samples.

    Attributes:
        data: n samples with their given labels.
        kind: int64 (n,), index into `KINDS`: what each sample is.
        true: int64 (n,), the classes before labels were flipped.
    """

    data: LabeledData
    kind: np.ndarray
    true: np.ndarray


def build(data: LabeledData, others: LabeledData, seed: int) -> Built:
    """Return the samples with some replaced by flips, blends and foreign images, and with small classes of `others` added.

    A flipped label becomes another class at random. A blend is the mean of an image and one of another class. Foreign images
    are noise and hand-written digits, one half each.
    """
    random = np.random.default_rng(seed)
    assert data.images is not None
    assert others.images is not None
    images, labels, k = data.images.copy(), data.labels.copy(), data.num_classes
    kind = np.zeros(len(data), dtype=np.int64)
    counts = [round(fraction * len(data)) for fraction in (FLIPPED, BLENDED, FOREIGN)]
    flipped, blended, foreign, _ = np.split(random.permutation(len(data)), np.cumsum(counts))
    kind[flipped], kind[blended], kind[foreign] = (KINDS.index(name) for name in ("mislabeled", "ambiguous", "outlier"))
    labels[flipped] = (labels[flipped] + random.integers(1, k, len(flipped))) % k
    for index in blended:
        partner = random.choice(np.flatnonzero(data.labels != data.labels[index]))
        images[index] = (data.images[index].astype(int) + data.images[partner] + 1) // 2
    images[foreign] = foreign_images(random, images[foreign].shape)
    chosen = random.choice(np.unique(others.labels), RARE_CLASSES, replace=False)
    rare = np.concatenate([random.choice(np.flatnonzero(others.labels == c), RARE_MEMBERS, replace=False) for c in chosen])
    names = [*data.class_names, *(f"rare {others.class_names[c]}" for c in chosen)]
    more = k + np.repeat(np.arange(RARE_CLASSES), RARE_MEMBERS)
    return Built(
        from_arrays(np.concatenate([images, others.images[rare]]), np.concatenate([labels, more]), class_names=names),
        np.concatenate([kind, np.full(len(rare), KINDS.index("rare"))]),
        np.concatenate([data.labels, more]),
    )


def foreign_images(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return noise and enlarged hand-written digits, uint8 of this shape (n, side, side, channels)."""
    n, side, _, channels = shape
    images = random.integers(0, 256, shape, dtype=np.uint8)
    digits = load_digits().images
    for index, digit in enumerate(random.choice(len(digits), n // 2, replace=False)):
        enlarged = np.kron(digits[digit] * 15.9, np.ones((side // 8, side // 8)))
        images[index] = np.repeat(enlarged.astype(np.uint8)[:, :, None], channels, axis=2)
    return images


def cells() -> list[dict[str, Any]]:
    """Return all cells, seed by seed."""
    return [{"dataset": "cifar10", "truth": truth, "seed": seed} for seed in SEEDS for truth in ("built", "human")]


def measure(configuration: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return the verdicts by kind, and how well each score tells the kinds apart, by pixels, features and both."""
    name, seed = configuration["dataset"], configuration["seed"]
    if configuration["truth"] == "human":
        built, runs = human(name, root, seed)
    else:
        data = load(name, root)
        others = data if name == "digits" else load("cifar100", root)
        built = build(stratified(data, min(BUILT, len(data)), seed), others, seed)
        runs, _ = train(configuration, built.data)
    if "features" in runs:
        runs["both"] = joined(runs["pixels"], runs["features"])
    counts = np.bincount(built.kind, minlength=len(KINDS)).tolist()
    return {
        "n": len(built.data),
        "kinds": dict(zip(KINDS, counts, strict=True)),
        "ways": {way: judged(built, run) for way, run in runs.items()},
    }


def human(name: str, root: Path, seed: int) -> tuple[Built, dict[str, ProbeRun]]:
    """Return the samples of CIFAR-10N with what three persons say of each, and the runs on their majority's labels."""
    data = stratified(load(name, root), PART, seed)
    majority, worst = (
        apply_noise(data, parse_noise(f"{LABELS}{column}".replace("file:", f"file:{root}/")), seed=seed)
        for column in ("aggregate", "worst")
    )
    kind = np.where(majority.is_error, KINDS.index("mislabeled"), np.where(worst.is_error, KINDS.index("ambiguous"), 0))
    runs, _ = train(label_noise_cell(name, f"{LABELS}aggregate", seed), majority.data)
    return Built(majority.data, kind, data.labels), runs


def judged(built: Built, before: ProbeRun) -> dict[str, Any]:
    """Return how often each kind got each verdict ("": not suspect), and AUROC by score of kinds against mislabeled ones.

    The AUROC are among all samples of both kinds, and among those in the 1,500 most suspect.
    """
    data = built.data
    run = with_isolation(with_label_noise(before, data.labels), data)
    evidence = evidence_of_run(data, run)
    found = judge(evidence, FindingOptions(), kinds=[LABEL_ISSUE]).kinds[LABEL_ISSUE]
    verdicts = find_verdicts(evidence, found.columns["flagged"], None)
    names = np.array(KINDS)[built.kind]
    table = pd.crosstab(names, [verdict or "" for verdict in verdicts])
    top = np.zeros(len(data), dtype=bool)
    top[np.argsort(-found.columns["suspicion"])[:MOST_SUSPECT]] = True
    return {
        "verdicts": {kind: {name: int(count) for name, count in row.items()} for kind, row in table.iterrows()},
        "auroc": {kind: telling_apart(names, kind, run.scores, np.ones(len(data), dtype=bool)) for kind in COMPARED},
        "auroc_of_most_suspect": {kind: telling_apart(names, kind, run.scores, top) for kind in COMPARED},
    }


def telling_apart(names: np.ndarray, kind: str, scores: dict[str, np.ndarray], part: np.ndarray) -> dict[str, float]:
    """Return by score the probability that a sample of this kind has a higher value than a mislabeled one; {} without samples."""
    chosen = part & np.isin(names, (kind, "mislabeled"))
    is_kind = names[chosen] == kind
    if not is_kind.any() or is_kind.all():
        return {}
    return {name: float(roc_auc_score(is_kind, values[chosen])) for name, values in scores.items()}


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "verdicts",
        cells(),
        measure,
        smoke=[{"dataset": "digits", "truth": "built", "seed": 0}],
        show=lambda result: {way: found["verdicts"] for way, found in result["ways"].items()},
    )


if __name__ == "__main__":
    main()
