"""Second-split forgetting time (SSFT): Maini, Garg, Lipton, Kolter 2022."""

from __future__ import annotations

import time

import numpy as np
from torch import nn

from curv_issues.baselines.base import BaselineResult
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.baselines.seeds import child_generator, child_seed
from curv_issues.data.base import LabeledData
from curv_issues.data.folds import stratified_folds
from curv_issues.option_checks import Whole
from curv_issues.options import TrainingOptions
from curv_issues.progress import ProgressCallback


def second_split_forgetting(
    data: LabeledData, options: TrainingOptions, *, progress: ProgressCallback | None = None, seeds: int = 1
) -> BaselineResult:
    """Rank labels by how soon a network forgets them while it trains on other data only.

    The data are split into two stratified halves. A network is trained on half A, then on half B only, with the full recipe
    again (its learning rate rises and falls again). After each epoch of this second phase it predicts the samples of A; see
    `forgetting_time`. Another network goes from B to A. With several seeds, the score is the mean over new halves and
    networks.

    With e epochs and one seed there are only e + 2 values, so many samples tie; ties are not broken, and more seeds reduce
    them. Low = suspect.

    Args:
        data: n samples.
        options: options of the audit, whose recipe each phase uses.
        progress: called after every step, with the work of all trainings as the total.
        seeds: number of repetitions, >= 1, with two networks each.

    Returns:
        The score `ssft`, 0 to epochs + 1; no flagged set. `info`: learned, float64 (n,), fraction of the seeds in which
        the sample was learned in the first phase; epochs, number of epochs per phase.

    Raises:
        UsageError: seeds is not an integer >= 1, the device is not available, or the probe does not fit the data.
        DatasetError: the data cannot be audited, or have fewer than four samples.
        AuditError: the loss or the logits became NaN.
    """
    start = time.perf_counter()
    Whole(1, None, optional=False)("seeds", seeds)
    probes = FreshProbes(data, options, to_train=2 * len(data) * seeds, progress=progress)
    epochs = probes.recipe.epochs
    times, learned = np.zeros(len(data)), np.zeros(len(data))
    for seed in range(seeds):
        half = stratified_folds(data.labels, 2, generator=child_generator(options.seed, 0, seed))
        for side in (0, 1):
            first, second = np.flatnonzero(half == side), np.flatnonzero(half != side)
            probe = probes.train(first, seed=child_seed(options.seed, 1, seed, side))
            known = probes.is_correct(probe, first)
            is_correct = np.zeros((len(first), epochs), dtype=bool)

            def evaluate(epoch: int, probe: nn.Module, first: np.ndarray = first, is_correct: np.ndarray = is_correct) -> None:
                is_correct[:, epoch] = probes.is_correct(probe, first)

            probes.train(second, seed=child_seed(options.seed, 2, seed, side), probe=probe, on_epoch=evaluate)
            times[first] += forgetting_time(known, is_correct)
            learned[first] += known
    return BaselineResult(
        scores={"ssft": times / seeds},
        flagged=None,
        trainings=2 * seeds,
        seconds=time.perf_counter() - start,
        plain_seconds=probes.plain_seconds,
        info={"learned": learned / seeds, "epochs": epochs},
    )


def forgetting_time(learned: np.ndarray, is_correct: np.ndarray) -> np.ndarray:
    """Return the first epoch after which a sample's given label is never predicted again.

    Epoch 0 is the state after the first phase. A sample that is learned only in the second phase, from the other half,
    counts by when it is forgotten, as in the authors' code, which uses the second phase only.

    Args:
        learned: bool (n,), whether the given label is predicted after the first phase.
        is_correct: bool (n, e), whether it is predicted after each epoch of the second phase.

    Returns:
        int64 (n,): 0 if never predicted, 1 to e if forgotten, e + 1 if still predicted in the end.
    """
    known = np.column_stack([learned, is_correct])
    return (known * np.arange(1, known.shape[1] + 1)).max(axis=1)
