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
from curv_issues.option_checks import Whole
from curv_issues.options import TrainingOptions
from curv_issues.progress import ProgressCallback


def confident_learning(
    data: LabeledData, options: TrainingOptions, *, progress: ProgressCallback | None = None, folds: int = 5
) -> BaselineResult:
    """Rank labels by the predictions of networks that were not trained on the sample.

    The data are split into stratified folds, and each fold is predicted by a fresh network trained on all others. A class
    may be smaller than the number of folds; if it lies in one fold only, that fold's network has never seen the class.

    `cl_self_confidence` is cleanlab's default and the score that Datalab shows; cleanlab's documentation prefers
    `cl_normalized_margin` for labels that should be another class. Both are in [0, 1], low = suspect. With two classes
    their rankings are equal. The flagged set is that of `cleanlab.filter.find_label_issues` with its defaults.

    Args:
        data: n samples of k classes.
        options: options of the audit, whose recipe each network uses. A network instance as probe is copied with its
            weights: if it was trained on these data, the predictions are not out-of-sample.
        progress: called after every step, with the work of all trainings as the total.
        folds: number of folds and of trainings, 2 to n.

    Returns:
        Scores and flagged samples. `info`: pred_probs, float64 (n, k), out-of-sample; fold, int64 (n,), of each sample.

    Raises:
        UsageError: folds is not an integer from 2 to n, the device is not available, or the probe does not fit the data.
        DatasetError: the data cannot be audited, or the folds leave fewer than two samples to train on.
        AuditError: the loss or the logits became NaN.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    start = time.perf_counter()
    check_auditable(data)
    Whole(2, len(data), optional=False)("folds", folds)
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
