"""Memorization by training on subsets: Feldman, Zhang 2020."""

from __future__ import annotations

import math
import numbers
import time

import numpy as np

from curv_issues.baselines.base import BaselineResult
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.baselines.seeds import child_generator, child_seed
from curv_issues.baselines.splits import balanced_subsets
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.errors import UsageError
from curv_issues.option_checks import Whole
from curv_issues.options import TrainingOptions
from curv_issues.progress import ProgressCallback


def memorization(
    data: LabeledData,
    options: TrainingOptions,
    *,
    progress: ProgressCallback | None = None,
    num_models: int = 20,
    ratio: float = 0.7,
) -> BaselineResult:
    """Rank samples by how much the prediction of their label depends on training on them. For small data.

    It is informative only if networks fit the exceptions: with a recipe too short for that, nearly all scores are 0.

    Each of many networks is trained on a random subset of the data and predicts every sample. The paper draws thousands of
    independent subsets. With few networks, some samples might be in all subsets by chance. So here each subset excludes
    the samples excluded least often so far: all samples are excluded about equally often, and at least once.

    Args:
        data: n samples.
        options: options of the audit, whose recipe each network uses.
        progress: called after every step, with the work of all trainings as the total.
        num_models: number of networks m, >= 2.
        ratio: fraction of the data that each network is trained on, between 0 and 1.

    Returns:
        The score `memorization`, in [-1, 1], high = suspect; no flagged set. `info`: is_trained and is_correct,
        bool (m, n).

    Raises:
        UsageError: an option is out of range, there are too few networks for this ratio, the device is not available, or
            the probe does not fit the data.
        DatasetError: the data cannot be audited.
        AuditError: the loss or the logits became NaN.
    """
    start = time.perf_counter()
    check_auditable(data)
    n = len(data)
    size = _subset_size(n, num_models, ratio)
    is_trained = balanced_subsets(n, num_models, size, generator=child_generator(options.seed, 0))
    probes = FreshProbes(data, options, to_train=num_models * size, progress=progress)
    is_correct = np.zeros((num_models, n), dtype=bool)
    for number, members in enumerate(is_trained):
        probe = probes.train(np.flatnonzero(members), seed=child_seed(options.seed, 1, number))
        is_correct[number] = probes.is_correct(probe, np.arange(n))
    return BaselineResult(
        scores={"memorization": memorization_scores(is_correct, is_trained)},
        flagged=None,
        trainings=num_models,
        seconds=time.perf_counter() - start,
        plain_seconds=probes.plain_seconds,
        info={"is_trained": is_trained, "is_correct": is_correct},
    )


def memorization_scores(is_correct: np.ndarray, is_trained: np.ndarray) -> np.ndarray:
    """Return the fraction of correct networks among those trained on the sample minus the fraction among the others.

    Args:
        is_correct: bool (m, n), whether the network predicts the given label of the sample.
        is_trained: bool (m, n), whether the network is trained on the sample; for each sample some are and some are not.

    Returns:
        float64 (n,), in [-1, 1].
    """
    with_it = (is_correct & is_trained).sum(axis=0) / is_trained.sum(axis=0)
    without_it = (is_correct & ~is_trained).sum(axis=0) / (~is_trained).sum(axis=0)
    return with_it - without_it


def _subset_size(num_samples: int, num_models: int, ratio: float) -> int:
    """Return the samples per subset; balanced subsets must include and exclude each sample at least once."""
    Whole(2, None, optional=False)("num_models", num_models)
    if isinstance(ratio, bool) or not isinstance(ratio, numbers.Real) or not 0 < ratio < 1:
        raise UsageError(f"ratio must be a number between 0 and 1, got {ratio!r}.")
    size = round(ratio * num_samples)
    smaller_part = min(size, num_samples - size)
    if num_models * smaller_part < num_samples:
        needed = f"num_models >= {math.ceil(num_samples / smaller_part)}" if smaller_part else "a ratio closer to 0.5"
        raise UsageError(
            f"num_models = {num_models} at ratio {ratio:g} cannot include and exclude each of {num_samples} samples at least "
            f"once; use {needed}."
        )
    return size
