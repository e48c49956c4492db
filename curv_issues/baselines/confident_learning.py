"""Confident Learning on out-of-sample probabilities: Northcutt, Jiang, Chuang 2021, as cleanlab computes it."""

from __future__ import annotations

import time

import numpy as np
from scipy.special import softmax

from curv_issues.baselines.base import BaselineResult
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.baselines.seeds import child_generator, child_seed
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.data.folds import stratified_folds
from curv_issues.options import TrainingOptions, whole_number
from curv_issues.progress import ProgressCallback


def confident_learning(
    data: LabeledData, options: TrainingOptions, *, progress: ProgressCallback | None = None, folds: int = 5
) -> BaselineResult:
    """Rank labels by what a network says that never saw the sample.

    The data are cut into stratified folds. For each one a fresh network is trained on all the others and predicts it.
    A class may be smaller than the number of folds; where all of it lies in one fold, its network never saw the class.

    `cl_self_confidence` is cleanlab's default and the score that Datalab shows; cleanlab's documentation finds
    `cl_normalized_margin` better for labels that another class should have. Both in [0, 1], low = suspect. With
    two classes they rank alike. The flagged set is `cleanlab.filter.find_label_issues` with its defaults.

    Args:
        data: n samples of k classes.
        options: of the audit whose recipe each network gets. A finished network as probe is copied with the weights it
            has: if it was trained on these data, nothing is out of sample.
        progress: told of every step as a share of all trainings.
        folds: number of folds and of trainings, 2 to n.

    Returns:
        Scores and flagged samples. `info`: pred_probs, float64 (n, k), out of sample; fold, int64 (n,), of each sample.

    Raises:
        UsageError: folds is no whole number from 2 to n, the device is not there, or the probe does not fit the data.
        DatasetError: the data cannot be audited, or the folds leave fewer than two samples to train on.
        AuditError: the loss or the logits became NaN.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    start = time.perf_counter()
    check_auditable(data)
    whole_number("folds", folds, 2, len(data))
    fold = stratified_folds(data.labels, folds, generator=child_generator(options.seed, 0))
    probes = FreshProbes(data, options, to_train=(folds - 1) * len(data), progress=progress)
    logits = np.full((len(data), data.num_classes), np.nan)
    for number in range(folds):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        probe = probes.train(outside, seed=child_seed(options.seed, 1, number))
        logits[inside] = probes.logits(probe, inside)
    pred_probs = softmax(logits, axis=1)
    return BaselineResult(
        scores={
            "cl_self_confidence": get_label_quality_scores(data.labels, pred_probs, method="self_confidence"),
            "cl_normalized_margin": get_label_quality_scores(data.labels, pred_probs, method="normalized_margin"),
        },
        flagged=find_label_issues(data.labels, pred_probs, n_jobs=1),
        trainings=folds,
        seconds=time.perf_counter() - start,
        plain_seconds=probes.plain_seconds,
        info={"pred_probs": pred_probs, "fold": fold},
    )
