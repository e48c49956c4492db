"""The training loop, which computes what the quantities declare that they need."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.device import autocast, compute_type
from curv_issues.errors import diverged
from curv_issues.inputs.base import Augmentation, Inputs
from curv_issues.inputs.images import split_evenly
from curv_issues.plugins import load_attribute
from curv_issues.trackers.base import Need, Observation
from curv_issues.training.state import TrainingState

EpochEnd = Callable[[int], None]
StepEnd = Callable[[int, int, int, float], None]

WARM_UP = 0.25  # fraction of the steps in which the learning rate rises
STEPS_BETWEEN_CHECKS = 16  # between checks of the loss on an accelerator, as each check waits for it


def train_probe(
    state: TrainingState,
    inputs: Inputs,
    labels: Tensor,
    *,
    device: torch.device,
    given: Tensor | None = None,
    samples: Tensor | None = None,
    on_step: StepEnd | None = None,
    on_epoch: EpochEnd | None = None,
) -> None:
    """Train a probe in place with SGD and a one-cycle schedule, from the state's epoch to the last epoch of its recipe.

    If the recipe is private, `train_privately` does.

    Args:
        state: network, optimiser, generator and quantities. Quantities measured in the training pass observe each of its
            batches. Input gradients, which cost the first layer's part of the backward pass, are computed only if a quantity
            needs them; the weights do not depend on this.
        inputs: n samples.
        labels: int64 (n,), the labels to train on.
        device: device of the probe.
        given: int64 (n,), the given labels, which the quantities use; default: `labels`.
        samples: int64 (m,), the positions to train on, at least two; default: all n.
        on_step: called after every step (every few steps on an accelerator) with (epoch, samples done in this epoch, m, mean
            loss so far in this epoch).
        on_epoch: called after every epoch with its number, such as for scoring passes. It must not change the weights.

    Raises:
        AuditError: the loss became NaN or infinite.
    """
    if state.recipe.private is not None:
        train = load_attribute("curv_issues.training.private:train_privately")  # imports opacus
        train(state, inputs, labels, device=device, given=given, samples=samples, on_step=on_step, on_epoch=on_epoch)
        return
    probe, recipe, generator, optimizer = state.probe, state.recipe, state.generator, state.optimizer
    watching = [quantity for quantity in state.quantities if quantity.needs.in_training]
    with_gradient = any(quantity.needs is Need.TRAINING_GRADIENT for quantity in watching)
    given = labels if given is None else given
    samples = torch.arange(len(labels)) if samples is None else samples
    num_samples = len(samples)
    augmentation = Augmentation(flip=recipe.flip, shift=recipe.shift)
    steps_per_epoch = len(split_evenly(samples, recipe.batch_size))
    steps = recipe.epochs * steps_per_epoch
    step = state.epoch * steps_per_epoch
    between_checks = 1 if device.type == "cpu" else STEPS_BETWEEN_CHECKS
    dtype = compute_type(device)

    for epoch in range(state.epoch, recipe.epochs):
        probe.train()
        done, loss_sum = 0, torch.zeros((), device=device)
        for index in split_evenly(samples[torch.randperm(num_samples, generator=generator)], recipe.batch_size):
            augmented = inputs.augmented(index, device, augmentation=augmentation, generator=generator)
            seen = augmented.inputs.requires_grad_(with_gradient)
            with autocast(device, dtype):
                logits = probe(seen)
            loss = functional.cross_entropy(logits.float(), labels[index].to(device, non_blocking=True))
            optimizer.clear_gradients()
            loss.backward()
            optimizer.step(recipe.learning_rate * one_cycle(step / steps))
            step += 1

            if watching:
                gradient = None
                if seen.grad is not None:  # scaled, as the gradient of the mean loss depends on the batch size
                    gradient = augmented.to_samples(seen.grad * len(index))
                labels_given = given[index].to(device, non_blocking=True)
                batch = Observation(index=index, labels=labels_given, logits=logits.detach().float(), gradient=gradient)
                for quantity in watching:
                    quantity.observe(epoch, batch)
            done += len(index)
            loss_sum += loss.detach() * len(index)
            if step % between_checks == 0 or done == num_samples:
                mean_loss = loss_sum.item() / done
                if not math.isfinite(mean_loss):
                    raise diverged(f"The loss became {mean_loss} in epoch {epoch + 1}", recipe.learning_rate)
                if on_step is not None:
                    on_step(epoch, done, num_samples, mean_loss)
        for quantity in watching:
            quantity.end_epoch()
        state.epoch = epoch + 1
        if on_epoch is not None:
            on_epoch(epoch)


def one_cycle(progress: float) -> float:
    """Return the learning rate as a fraction of its peak at `progress` in [0, 1]: a linear rise, then a linear fall to zero."""
    if progress < WARM_UP:
        return 0.1 + 0.9 * progress / WARM_UP
    return max(0.0, (1 - progress) / (1 - WARM_UP))
