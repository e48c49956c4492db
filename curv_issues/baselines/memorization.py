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
from curv_issues.options import TrainingOptions, whole_number
from curv_issues.progress import ProgressCallback


def memorization(
    data: LabeledData,
    options: TrainingOptions,
    *,
    progress: ProgressCallback | None = None,
    num_models: int = 20,
    ratio: float = 0.7,
) -> BaselineResult:
    """Rank samples by how much a network needs to have seen them to know their label. For small data.

    It tells something only where networks fit the exceptions: with a recipe too short for that nearly all scores are 0.

    Each of many networks is trained on a random part of the data and asked for the given label of every sample. The
    paper draws the parts independently of one another, in the thousands. With few networks chance would leave some
    samples out of no part, so here each part leaves out those that were left out least often so far: all samples are
    left out about equally often, and at least once.

    Args:
        data: n samples.
        options: of the audit whose recipe each network gets.
        progress: told of every step as a share of all trainings.
        num_models: number of networks m, >= 2.
        ratio: share of the data that each one is trained on, between 0 and 1.

    Returns:
        The score `memorization`, in [-1, 1], high = suspect; no flagged set. `info`: is_trained and is_correct,
        bool (m, n).

    Raises:
        UsageError: an option is out of its range, there are too few networks for that ratio, the device is not there,
            or the probe does not fit the data.
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
    """Share of correct networks among those trained on the sample, minus the share among the others.

    Args:
        is_correct: bool (m, n), network by sample: classified as its given label.
        is_trained: bool (m, n), network by sample: trained on it; for each sample some were and some were not.

    Returns:
        float64 (n,), in [-1, 1].
    """
    with_it = (is_correct & is_trained).sum(axis=0) / is_trained.sum(axis=0)
    without_it = (is_correct & ~is_trained).sum(axis=0) / (~is_trained).sum(axis=0)
    return with_it - without_it


def _subset_size(num_samples: int, num_models: int, ratio: float) -> int:
    """Samples a subset, such that balanced subsets train on each sample at least once and leave it out at least once."""
    whole_number("num_models", num_models, 2, None)
    if isinstance(ratio, bool) or not isinstance(ratio, numbers.Real) or not 0 < ratio < 1:
        raise UsageError(f"ratio must be a number between 0 and 1, got {ratio!r}.")
    size = round(ratio * num_samples)
    smaller_part = min(size, num_samples - size)
    if num_models * smaller_part < num_samples:
        needed = f"at least {math.ceil(num_samples / smaller_part)}" if smaller_part else "a ratio nearer to 0.5"
        raise UsageError(
            f"num_models = {num_models} at ratio {ratio:g} cannot train on each of {num_samples} samples once and leave it "
            f"out once; needed: {needed}."
        )
    return size
