"""The one training loop. It knows no tracker by name: it hands each what it asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from curv_issues.batches import draw_views, split_evenly, to_inputs
from curv_issues.device import autocast, compute_type
from curv_issues.errors import diverged
from curv_issues.optimizer import NesterovSGD
from curv_issues.recipe import Recipe
from curv_issues.trackers.base import Need, Observation, Quantity

EpochEnd = Callable[[int], None]
StepEnd = Callable[[int, int, int, float], None]

MOMENTUM = 0.9
WARM_UP = 0.25  # part of the steps in which the learning rate rises


def train_probe(
    probe: nn.Module,
    pictures: Tensor,
    labels: Tensor,
    recipe: Recipe,
    *,
    device: torch.device,
    generator: torch.Generator,
    samples: Tensor | None = None,
    trackers: Sequence[Quantity] = (),
    on_step: StepEnd | None = None,
    on_epoch: EpochEnd | None = None,
) -> None:
    """Train a probe in place with SGD and a one-cycle schedule; trackers watch the training pass.

    Args:
        probe: network on `device`, maps (b, c, h, w) in [0, 1] to (b, k) logits.
        pictures: uint8 (n, h, w, c).
        labels: int64 (n,), what the probe is trained on.
        recipe: epochs, batch size, learning rate, augmentation.
        device: where the probe is.
        generator: order and augmentation; on the CPU.
        samples: int64 (m,), the positions to train on, at least two; default: all n.
        trackers: those that look at the training pass observe every batch of it. Input gradients, which cost the first layer's
            share of the backward pass, are computed only if one asks for them; the weights are the same either way.
        on_step: called after every step with (epoch, samples done in it, m, mean loss so far in this epoch).
        on_epoch: called after every epoch with its number; scoring passes hang here. It must leave the weights alone.

    Raises:
        AuditError: the loss became NaN or infinite.
    """
    watching = [tracker for tracker in trackers if tracker.needs.in_training]
    with_gradient = any(tracker.needs is Need.TRAINING_GRADIENT for tracker in watching)
    samples = torch.arange(len(labels)) if samples is None else samples
    num_samples = len(samples)
    steps = recipe.epochs * len(split_evenly(samples, recipe.batch_size))
    optimizer = NesterovSGD(probe.parameters(), momentum=MOMENTUM, weight_decay=recipe.weight_decay)
    dtype = compute_type(device)

    step = 0
    for epoch in range(recipe.epochs):
        probe.train()
        done, loss_sum = 0, 0.0
        for index in split_evenly(samples[torch.randperm(num_samples, generator=generator)], recipe.batch_size):
            views = draw_views(len(index), *pictures.shape[1:3], shift=recipe.shift, flip=recipe.flip, generator=generator)
            inputs = to_inputs(views.of(pictures, index), device).requires_grad_(with_gradient)
            given = labels[index].to(device)
            with autocast(device, dtype):
                logits = probe(inputs)
            loss = functional.cross_entropy(logits.float(), given)
            optimizer.clear_gradients()
            loss.backward()
            optimizer.step(recipe.learning_rate * one_cycle(step / steps))
            step += 1

            value = loss.item()
            if not np.isfinite(value):
                raise diverged(f"The loss became {value} in epoch {epoch + 1}", recipe.learning_rate)
            if watching:
                gradient = None
                if inputs.grad is not None:  # of the mean loss; a sample's own must not depend on the size of its batch
                    gradient = views.gradient_of_pictures(inputs.grad * len(index))
                batch = Observation(index=index, labels=given, logits=logits.detach().float(), gradient=gradient)
                for tracker in watching:
                    tracker.observe(epoch, batch)
            done += len(index)
            loss_sum += value * len(index)
            if on_step is not None:
                on_step(epoch, done, num_samples, loss_sum / done)
        for tracker in watching:
            tracker.end_epoch()
        if on_epoch is not None:
            on_epoch(epoch)


def one_cycle(progress: float) -> float:
    """Learning rate as a part of its peak at `progress` in [0, 1]: a straight line up, then a straight line to zero."""
    if progress < WARM_UP:
        return 0.1 + 0.9 * progress / WARM_UP
    return max(0.0, (1 - progress) / (1 - WARM_UP))
