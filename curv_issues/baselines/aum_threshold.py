"""Area under the margin with threshold samples: Pleiss, Zhang, Elenberg, Weinberger 2020."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from curv_issues.baselines.base import BaselineResult
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.baselines.seeds import child_generator, child_seed
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.errors import DatasetError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.progress import ProgressCallback
from curv_issues.trackers.quantities import Margin
from curv_issues.trackers.scores import REDUCTIONS

PERCENTILE = 99.0  # of the threshold samples' AUM, as in the paper


def aum_with_threshold_samples(
    data: LabeledData, options: TrainingOptions, *, progress: ProgressCallback | None = None
) -> BaselineResult:
    """Rank labels by their training margin, with a cut-off from deliberately mislabelled samples.

    n / (k + 1) random samples, the threshold samples, form an extra class and are trained on with the rest. They can only
    be memorised, so the 99th percentile of their AUM is the cut-off. A second training uses other threshold samples, so
    that every sample has an AUM under its own label.

    As in the authors' code, samples that are not threshold samples in either training get the mean AUM of both, and are
    flagged if they are below the cut-off in both. The AUM is that of the tracker `margin`, over all epochs; the authors'
    code omits the first epoch.

    Args:
        data: n samples of k classes.
        options: options of the audit, whose recipe each network uses. The probe has k + 1 logits, so it must be a name or
            a function that returns a network.
        progress: called after every step, with the work of both trainings as the total.

    Returns:
        The score `aum` (logits, low = suspect) and the flagged samples. `info`: is_threshold, bool (2, n), and
        cut_offs, two floats, by training.

    Raises:
        UsageError: the probe is a network instance or does not fit the data, or the device is not available.
        DatasetError: the data cannot be audited, or have fewer than k + 1 samples.
        AuditError: the loss became NaN.
    """
    start = time.perf_counter()
    check_auditable(data)
    if isinstance(options.probe, nn.Module):
        raise UsageError(
            "AUM with threshold samples needs a probe with one class more than the data; "
            "pass its name or a function that returns it instead of a network."
        )
    n, k = len(data), data.num_classes
    is_threshold = threshold_samples(n, k, generator=child_generator(options.seed, 0))
    probes = FreshProbes(data, options, to_train=2 * n, progress=progress, extra_classes=1)
    aums = np.empty((2, n))
    for number, chosen in enumerate(is_threshold):
        labels = torch.from_numpy(np.where(chosen, k, data.labels))
        margin = Margin(n, probes.recipe.epochs)
        probes.train(np.arange(n), seed=child_seed(options.seed, 1, number), labels=labels, quantities=[margin])
        aums[number] = REDUCTIONS["mean"](margin.history)
    score, flagged, cut_offs = join_trainings(aums, is_threshold, percentile=PERCENTILE)
    return BaselineResult(
        scores={"aum": score},
        flagged=flagged,
        trainings=2,
        seconds=time.perf_counter() - start,
        plain_seconds=probes.plain_seconds,
        info={"is_threshold": is_threshold, "cut_offs": cut_offs},
    )


def threshold_samples(num_samples: int, num_classes: int, *, generator: np.random.Generator) -> np.ndarray:
    """Return two disjoint random sets of n // (k + 1) samples, bool (2, n).

    Raises:
        DatasetError: there are fewer than k + 1 samples.
    """
    size = num_samples // (num_classes + 1)
    if size == 0:
        raise DatasetError(
            f"AUM with threshold samples needs more samples than classes, got {num_samples} samples of {num_classes} classes."
        )
    order = generator.permutation(num_samples)
    chosen = np.zeros((2, num_samples), dtype=bool)
    chosen[0, order[:size]] = True
    chosen[1, order[size : 2 * size]] = True
    return chosen


def join_trainings(aums: np.ndarray, is_threshold: np.ndarray, *, percentile: float) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Combine several trainings, each with its own threshold samples, into one AUM and one flag per sample.

    Args:
        aums: (t, n), AUM of the label that each sample had in each training.
        is_threshold: bool (t, n); each training has threshold samples, and no sample is one in all trainings.
        percentile: percentile of the threshold samples' AUM, in [0, 100].

    Returns:
        Mean AUM over the trainings with the sample's own label, float64 (n,); flagged, bool (n,): below the cut-off in
        each of these trainings; and the cut-off of each training.
    """
    own = ~is_threshold
    cut_offs = [float(np.percentile(aum[chosen], percentile)) for aum, chosen in zip(aums, is_threshold, strict=True)]
    score = np.where(own, aums, 0).sum(axis=0) / own.sum(axis=0)
    flagged = ((aums < np.array(cut_offs)[:, None]) | is_threshold).all(axis=0)
    return score, flagged, cut_offs
