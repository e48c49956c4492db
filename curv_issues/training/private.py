"""Train a probe with differential privacy: DP-SGD (Abadi et al. 2016, arXiv:1607.00133), by Opacus."""

from __future__ import annotations

import math
import secrets
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from curv_issues.curvature import input_gradient
from curv_issues.errors import UsageError, diverged
from curv_issues.inputs.base import Augmentation, Inputs, ProbeSpec
from curv_issues.trackers.base import Need, Observation, Quantity
from curv_issues.training.loop import EpochEnd, StepEnd, one_cycle
from curv_issues.training.optimizer import MOMENTUM
from curv_issues.training.scoring import evaluating, scoring_batch
from curv_issues.training.state import TrainingState

if TYPE_CHECKING:
    from opacus.optimizers import DPOptimizer

    from curv_issues.training.recipe import Recipe

MOST_DELTA = 1e-5
MOST_GRADIENT_NORM = 1.0
AT_ONCE = 128  # samples whose gradients are in memory at the same time
MEAN, DEVIATION = 0.5, 0.25  # of pixels, in place of those of the dataset, which would not be private


@dataclass(frozen=True)
class Privacy:
    """The guarantee for the weights of a probe: adding or removing one sample changes their distribution by (epsilon, delta).

    Attributes:
        epsilon: by the accountant of Renyi differential privacy (Mironov 2017), > 0; lower is more private.
        delta: 1e-5, or half of one in n if that is less.
        noise_multiplier: standard deviation of the noise, in units of `max_grad_norm`.
        max_grad_norm: to which the gradient of each sample is clipped.
        sample_rate: probability of each sample to be in a batch.
        steps: number of batches.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    max_grad_norm: float
    sample_rate: float
    steps: int

    def describe(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return the guarantee, what it is about, and the shape of the probe's inputs, as JSON values."""
        return {
            **asdict(self),
            "input_shape": list(shape),
            "private": "the weights of the probe (probe.npz)",
            "not_private": "everything else in the results: scores, findings, probabilities, embeddings and images",
        }


@lru_cache
def plan_privacy(epsilon: float, num_samples: int, batch_size: int, epochs: int) -> Privacy:
    """Return the noise that keeps a training within epsilon, and what it spends.

    Args:
        epsilon: the most to be spent, > 0.
        num_samples: n.
        batch_size: expected size of a batch.
        epochs: of the training; each has as many batches as without privacy.

    Raises:
        UsageError: epsilon is too low for any noise.
    """
    from opacus.accountants import RDPAccountant
    from opacus.accountants.utils import get_noise_multiplier

    rate = min(1.0, batch_size / num_samples)
    steps, delta = epochs * math.ceil(num_samples / batch_size), min(MOST_DELTA, 0.5 / num_samples)
    tolerance = min(0.01, epsilon / 100)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Optimal order is the largest alpha")  # the true epsilon is even lower
        try:
            noise = get_noise_multiplier(
                target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=steps, epsilon_tolerance=tolerance
            )
        except ValueError as error:
            text = f"--private (private) {epsilon:g} is too low for {steps:,} steps: {error} Choose a higher epsilon."
            raise UsageError(text) from error
        accountant = RDPAccountant()
        accountant.history = [(noise, rate, steps)]
        return Privacy(float(accountant.get_epsilon(delta)), delta, noise, MOST_GRADIENT_NORM, rate, steps)


def private_spec(spec: ProbeSpec) -> ProbeSpec:
    """Return the spec without statistics of the images."""
    return replace(spec, mean=(MEAN,) * len(spec.mean), std=(DEVIATION,) * len(spec.std))


def made_private(probe: nn.Module) -> nn.Module:
    """Return the network with each batch normalisation, which mixes samples, replaced by group normalisation.

    Raises:
        UsageError: another layer mixes samples.
    """
    from opacus.validators import ModuleValidator

    found = ModuleValidator.fix(probe)
    for module in found.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # hooks need what would be overwritten
    if errors := ModuleValidator.validate(found, strict=False):
        raise UsageError(f"This probe cannot be trained with --private (private): {errors[0]}")
    return found


def train_privately(
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
    """Train a probe in place as `train_probe` does, with private steps.

    Each batch holds every sample with the same probability; gradients are clipped by sample, and noise is added. Batches and
    noise come from a seed of the operating system, as noise from a known seed could be subtracted: no two runs are the same.
    Quantities of the training pass observe every sample once after each epoch, without augmentation. Computes in float32.

    Args, Raises: see `train_probe`.
    """
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    probe, recipe = state.probe, state.recipe
    assert recipe.private is not None
    given = labels if given is None else given
    samples = torch.arange(len(labels)) if samples is None else samples
    privacy = plan_privacy(recipe.private, len(samples), recipe.batch_size, recipe.epochs)
    watching = [quantity for quantity in state.quantities if quantity.needs.in_training]
    augmentation = Augmentation(flip=recipe.flip, shift=recipe.shift)
    generator = unpredictable(torch.device("cpu"))
    # not strict, as the constants of a normalisation may be buffers; `made_private` has checked the layers
    hooked = GradSampleModuleFastGradientClipping(probe, max_grad_norm=privacy.max_grad_norm, strict=False)
    optimizer = _optimizer(hooked, recipe, privacy, len(samples), unpredictable(device))
    mean_loss = DPLossFastGradientClipping(hooked, optimizer, nn.CrossEntropyLoss())  # its backward clips by sample
    steps_per_epoch = privacy.steps // recipe.epochs

    def step(chosen: Tensor) -> float:
        """Change the weights, and return the sum of the losses; an empty batch changes them by the noise alone."""
        loss_sum, weight = 0.0, 1.0 if len(chosen) else 0.0
        parts = (chosen if len(chosen) else samples[:1]).split(AT_ONCE)
        for place, index in enumerate(parts):
            seen = inputs.augmented(index, device, augmentation=augmentation, generator=state.generator).inputs
            loss = mean_loss(hooked(seen), labels[index].to(device)) * weight
            optimizer.zero_grad()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Full backward hook")  # the first layer needs no gradient of its inputs
                loss.backward()
            optimizer.signal_skip_step(do_skip=place < len(parts) - 1)
            optimizer.step()
            loss_sum += loss.item() * len(index)
        return loss_sum

    try:
        for epoch in range(recipe.epochs):
            probe.train()
            hooked.enable_hooks()
            loss_sum, done = 0.0, 0
            for number in range(steps_per_epoch):
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * one_cycle((epoch * steps_per_epoch + number) / privacy.steps)
                chosen = samples[torch.rand(len(samples), generator=generator) < privacy.sample_rate]
                loss_sum += step(chosen)
                done += len(chosen)
                if not math.isfinite(loss_sum):
                    raise diverged(f"The loss became {loss_sum} in epoch {epoch + 1}", recipe.learning_rate)
                if on_step is not None:
                    on_step(epoch, min(done, len(samples)), len(samples), loss_sum / max(done, 1))
            hooked.disable_hooks()
            _observe(probe, inputs, given, samples, watching, epoch=epoch, device=device)
            state.epoch = epoch + 1
            if on_epoch is not None:
                on_epoch(epoch)
    finally:
        optimizer.zero_grad()
        hooked.remove_hooks()


def unpredictable(device: torch.device) -> torch.Generator:
    """Return a random generator on the device with a seed of the operating system."""
    return torch.Generator(device).manual_seed(secrets.randbits(63))


def _optimizer(hooked: nn.Module, recipe: Recipe, privacy: Privacy, num_samples: int, generator: torch.Generator) -> DPOptimizer:
    from opacus.optimizers import DPOptimizerFastGradientClipping

    weights = [weight for weight in hooked.parameters() if weight.requires_grad]
    plain = torch.optim.SGD(weights, lr=recipe.learning_rate, momentum=MOMENTUM, nesterov=True, weight_decay=recipe.weight_decay)
    return DPOptimizerFastGradientClipping(
        plain,
        noise_multiplier=privacy.noise_multiplier,
        max_grad_norm=privacy.max_grad_norm,
        expected_batch_size=max(1, round(privacy.sample_rate * num_samples)),
        generator=generator,
    )


def _observe(
    probe: nn.Module,
    inputs: Inputs,
    given: Tensor,
    samples: Tensor,
    watching: Sequence[Quantity],
    *,
    epoch: int,
    device: torch.device,
) -> None:
    """Let the quantities of the training pass observe every sample once."""
    with_gradient = any(quantity.needs is Need.TRAINING_GRADIENT for quantity in watching)
    if watching:
        with evaluating(probe):
            for index in samples.split(scoring_batch(inputs.shape)):
                seen, classes = inputs.batch(index, device), given[index].to(device)
                gradient = None
                if with_gradient:
                    gradient, logits = input_gradient(probe, seen, classes)
                else:
                    with torch.no_grad():
                        logits = probe(seen)
                batch = Observation(index=index, labels=classes, logits=logits.detach().float(), gradient=gradient)
                for quantity in watching:
                    quantity.observe(epoch, batch)
    for quantity in watching:
        quantity.end_epoch()
