"""Measure the cost of each kind of pass on a part of the data, as a multiple of a plain training epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from curv_issues.curvature import rademacher_directions
from curv_issues.data.base import LabeledData
from curv_issues.data.sampling import stratified_sample
from curv_issues.device import choose_device, limit_threads_for_small_batches
from curv_issues.inputs.base import Inputs
from curv_issues.options import TrainingOptions
from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Need, Quantity
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.training.loop import train_probe
from curv_issues.training.recipe import Recipe, make_recipe
from curv_issues.training.run import isolated_rng, make_probe
from curv_issues.training.scoring import scoring_pass
from curv_issues.training.state import TrainingState

PART = 2_048  # maximum number of samples
REPEATS = 5


class PassCosts:
    """Cache of the costs of passes by number of samples; noise and seed do not change them."""

    def __init__(self) -> None:
        self._known: dict[int, dict[Need, float]] = {}

    def __call__(self, data: LabeledData, options: TrainingOptions) -> dict[Need, float]:
        """Return the result of `measure_passes` for the first dataset of this size."""
        if len(data) not in self._known:
            self._known[len(data)] = measure_passes(data, options)
        return self._known[len(data)]


def measure_passes(data: LabeledData, options: TrainingOptions) -> dict[Need, float]:
    """Return the time of each kind of pass over the data, as a multiple of a plain training epoch over the same data.

    `Need.TRAINING_GRADIENT` is the extra time of input gradients in the epoch; the others are separate passes, and
    `Need.TRAINING` is 0. Each is the median of five ratios, on at most 2,048 samples. A plain epoch is timed right before
    each pass, so that other programs slow both down.
    """
    device = choose_device(options.device)
    shape = data.inputs(options.input).shape
    whole = make_recipe(options, num_samples=len(data), shape=shape)
    recipe = replace(whole, epochs=1, curvature_epochs=(0,))
    index = stratified_sample(data.labels, min(PART, len(data)), seed=options.seed)
    part = data.take(np.sort(index))
    inputs, labels = part.inputs(options.input), torch.from_numpy(part.labels)
    directions = rademacher_directions(recipe.num_matvecs, shape, generator=torch.Generator().manual_seed(0))
    trackers = {need: _quantity_of(need, len(index)) for need in Need}
    with limit_threads_for_small_batches(recipe.batch_size, shape), isolated_rng(options.seed):
        spec = data.inputs(options.input).spec(data.num_classes)
        probe = make_probe(options, spec).to(device).to(memory_format=torch.channels_last)

        def run_pass(need: Need) -> None:
            if need is Need.TRAINING:
                _train(probe, inputs, labels, recipe, device, [])
            elif need.in_training:
                _train(probe, inputs, labels, recipe, device, [trackers[need]])
            else:
                scoring_pass(
                    probe,
                    inputs,
                    labels,
                    [trackers[need]],
                    epoch=0,
                    device=device,
                    directions=directions,
                    step=recipe.step,
                    form=recipe.form,
                )

        found = _median_ratios(run_pass)
    added = found[Need.TRAINING_GRADIENT] - 1
    return {**found, Need.TRAINING: 0.0, Need.TRAINING_GRADIENT: max(0.0, added)}


def cost_of_score(score: str, passes: dict[Need, float], *, epochs: int, scored_epochs: int) -> float:
    """Return the cost of measuring one score only, including the training, as a multiple of the plain training.

    Args:
        score: name of the score.
        passes: from `measure_passes`.
        epochs: number of training epochs.
        scored_epochs: number of epochs that are followed by a scoring pass.
    """
    info = SCORES[score]
    needs = QUANTITIES[info.quantity].needs
    if needs.in_training:
        return 1 + passes[needs]
    return 1 + passes[needs] * (1 if info.epochs == "last" else scored_epochs) / epochs


def _quantity_of(need: Need, num_samples: int) -> Quantity:
    """Return a quantity that needs this kind of pass."""
    return next(quantity for quantity in QUANTITIES.values() if quantity.needs is need)(num_samples, 1)


def _train(
    probe: nn.Module,
    inputs: Inputs,
    labels: torch.Tensor,
    recipe: Recipe,
    device: torch.device,
    quantities: list[Quantity],
) -> None:
    """Train for one epoch with a tiny learning rate."""
    slow = replace(recipe, learning_rate=1e-6)  # only the time matters, and the weights must not diverge
    train_probe(TrainingState(probe, slow, seed=0, quantities=quantities), inputs, labels, device=device)


def _median_ratios(run_pass: Callable[[Need], None]) -> dict[Need, float]:
    """Return the median over the repeats of the time of each kind of pass divided by that of the plain epoch before it."""
    ratios: dict[Need, list[float]] = {need: [] for need in Need if need is not Need.TRAINING}
    for _ in range(REPEATS):
        for need, found in ratios.items():
            plain = _seconds(run_pass, Need.TRAINING)
            found.append(_seconds(run_pass, need) / plain)
    return {need: float(np.median(found)) for need, found in ratios.items()}


def _seconds(run_pass: Callable[[Need], None], need: Need) -> float:
    """Return the duration of a pass in seconds."""
    start = time.perf_counter()
    run_pass(need)
    return time.perf_counter() - start
