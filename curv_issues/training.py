"""The one training loop. It knows no tracker by name: it hands each what it asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from curv_issues.batches import augmented, split_evenly, to_inputs
from curv_issues.device import autocast, compute_type
from curv_issues.errors import AuditError
from curv_issues.recipe import Recipe
from curv_issues.trackers.base import Need, Observation, Tracker

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
    trackers: Sequence[Tracker] = (),
    on_step: StepEnd | None = None,
    on_epoch: EpochEnd | None = None,
) -> None:
    """Train a probe in place with SGD and a one-cycle schedule; trackers watch the training pass at no further cost.

    Args:
        probe: network on `device`, maps (b, c, h, w) in [0, 1] to (b, k) logits.
        pictures: uint8 (n, h, w, c).
        labels: int64 (n,), what the probe is trained on.
        recipe: epochs, batch size, learning rate, augmentation.
        device: where the probe is.
        generator: order and augmentation; on the CPU.
        samples: int64 (m,), the positions to train on, at least two; default: all n.
        trackers: those with `Need.TRAINING` observe every training batch.
        on_step: called after every step with (epoch, samples done in it, m, mean loss so far in this epoch).
        on_epoch: called after every epoch with its number; scoring passes hang here. It must leave the weights alone.

    Raises:
        AuditError: the loss became NaN or infinite.
    """
    watching = [tracker for tracker in trackers if tracker.needs is Need.TRAINING]
    samples = torch.arange(len(labels)) if samples is None else samples
    num_samples = len(samples)
    steps = recipe.epochs * len(split_evenly(samples, recipe.batch_size))
    optimizer = torch.optim.SGD(
        probe.parameters(), lr=recipe.learning_rate, momentum=MOMENTUM, nesterov=True, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: one_cycle(step / steps))
    dtype = compute_type(device)

    for epoch in range(recipe.epochs):
        probe.train()
        done, loss_sum = 0, 0.0
        for index in split_evenly(samples[torch.randperm(num_samples, generator=generator)], recipe.batch_size):
            pixels = augmented(pictures, index, shift=recipe.shift, flip=recipe.flip, generator=generator)
            given = labels[index].to(device)
            with autocast(device, dtype):
                logits = probe(to_inputs(pixels, device))
            loss = functional.cross_entropy(logits.float(), given)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()

            value = loss.item()
            if not np.isfinite(value):
                raise AuditError(
                    f"The loss became {value} in epoch {epoch + 1} at learning rate {recipe.learning_rate:g}; "
                    "train again with a lower learning rate."
                )
            if watching:
                batch = Observation(index=index, labels=given, logits=logits.detach().float())
                for tracker in watching:
                    tracker.observe(epoch, batch)
            done += len(index)
            loss_sum += value * len(index)
            if on_step is not None:
                on_step(epoch, done, num_samples, loss_sum / done)
        if on_epoch is not None:
            on_epoch(epoch)


def one_cycle(progress: float) -> float:
    """Learning rate as a part of its peak at `progress` in [0, 1]: a straight line up, then a straight line to zero."""
    if progress < WARM_UP:
        return 0.1 + 0.9 * progress / WARM_UP
    return max(0.0, (1 - progress) / (1 - WARM_UP))
