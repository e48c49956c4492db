"""Score un-augmented samples; what several quantities need is computed once per batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from curv_issues.curvature import CurvatureForm, input_gradient, input_loss_curvature, label_contrast_curvature, strongest_others
from curv_issues.device import autocast, compute_type
from curv_issues.inputs.base import Inputs
from curv_issues.inputs.images import ImageInputs
from curv_issues.probes.base import find_head
from curv_issues.trackers.base import Need, Observation, Quantity

SCORING_BATCH, SCORED_FEATURES = 256, 2_048  # images, and feature vectors
SCORING_PIXELS = SCORING_BATCH * 64 * 64  # of larger images, fewer are scored at a time, as a deep network needs much memory


def scoring_pass(
    probe: nn.Module,
    inputs: Inputs,
    given: Tensor,
    quantities: Sequence[Quantity],
    *,
    epoch: int,
    device: torch.device,
    directions: Tensor,
    step: float,
    form: CurvatureForm,
    on_batch: Callable[[int, int], None] | None = None,
) -> None:
    """Let the quantities observe every un-augmented sample, with fixed weights in evaluation mode.

    A sample's quantities do not depend on the rest of its batch. The probe's mode and weights are unchanged afterwards.

    Args:
        probe: network on `device`.
        inputs: n samples.
        given: int64 (n,), the given labels.
        quantities: quantities to measure, which decide what is computed; those of the training pass are ignored.
        epoch: number of the epoch just finished.
        device: device of the probe.
        directions: (m, c, h, w), Hutchinson directions, shared by all samples of the pass.
        step: h, in units of [0, 1] pixels; below 0.01, curvature is computed in float32.
        form: see `input_loss_curvature`.
        on_batch: called with (samples done, n).
    """
    asking = [quantity for quantity in quantities if not quantity.needs.in_training]
    if not asking:
        return
    need = max(quantity.needs for quantity in asking)

    def batches() -> Iterator[ScoringBatch]:
        for index in torch.arange(len(given)).split(scoring_batch(inputs.shape)):
            yield ScoringBatch(index, inputs.batch(index, device), given[index].to(device))
            if on_batch is not None:
                on_batch(int(index[-1]) + 1, len(given))

    with autocast(device, compute_type(device, step=step if need >= Need.CURVATURE else None)):
        score_batches(probe, batches(), asking, epoch=epoch, directions=directions.to(device), step=step, form=form)


def scoring_batch(shape: tuple[int, ...]) -> int:
    """Return the number of inputs of this shape to score at a time: 2,048 vectors, 256 images, fewer above 64 x 64 pixels."""
    return SCORED_FEATURES if len(shape) == 1 else min(SCORING_BATCH, max(1, SCORING_PIXELS // (shape[-2] * shape[-1])))


@dataclass(frozen=True, eq=False)
class ScoringBatch:
    """One batch of a scoring pass.

    Attributes:
        index: (b,) int64, the samples' positions in the data.
        samples: (b, ...), the un-augmented inputs, on the device of the network.
        labels: (b,) int64, the given labels, on the same device.
    """

    index: Tensor
    samples: Tensor
    labels: Tensor


def score_batches(
    probe: nn.Module,
    batches: Iterable[ScoringBatch],
    quantities: Sequence[Quantity],
    *,
    epoch: int,
    directions: Tensor,
    step: float,
    form: CurvatureForm,
) -> None:
    """Let the quantities observe batches of un-augmented samples; see `scoring_pass`.

    Args:
        probe: network.
        batches: each sample once.
        quantities: quantities of scoring passes, at least one, which decide what is computed.
        epoch: number of the epoch just finished.
        directions: (m, ...), Hutchinson directions on the device of the network; not used if no quantity needs curvature.
        step: h, in units of the inputs.
        form: see `input_loss_curvature`.
    """
    need = max(quantity.needs for quantity in quantities)
    with evaluating(probe):
        for given in batches:
            samples, labels = given.samples, given.labels
            gradient = curvature = rival_curvature = None
            if need is Need.CONTRAST:
                curvature, rival_curvature, gradient, logits = label_contrast_curvature(
                    probe, samples, labels, step=step, form=form, directions=directions
                )
            elif need is Need.CURVATURE:
                curvature, gradient, logits = input_loss_curvature(
                    probe, samples, labels, step=step, form=form, directions=directions
                )
            elif need is Need.GRADIENT:
                gradient, logits = input_gradient(probe, samples, labels)
            else:
                with torch.no_grad():
                    logits = probe(samples)
            batch = Observation(
                index=given.index,
                labels=labels,
                logits=logits.float(),
                gradient=gradient,
                curvature=curvature,
                rival_curvature=rival_curvature,
            )
            for quantity in quantities:
                quantity.observe(epoch, batch)
    for quantity in quantities:
        quantity.end_epoch()


def predict(probe: nn.Module, inputs: Inputs, given: Tensor, *, device: torch.device) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predict on un-augmented samples.

    Returns:
        Class probabilities, float16 (n, k); embeddings, float16 (n, d); and the best class other than the given one, int64
        (n,), from the logits: in float16 the probabilities of all other classes may be 0.
    """
    probabilities, embeddings, others = [], [], []
    with evaluating(probe), autocast(device, compute_type(device)), torch.no_grad(), capturing(find_head(probe)) as seen:
        for index in torch.arange(len(inputs)).split(scoring_batch(inputs.shape)):
            logits = probe(inputs.batch(index, device)).float()
            others.append(strongest_others(logits, given[index].to(device)).cpu().numpy())
            probabilities.append(logits.softmax(1).half().cpu().numpy())
            embeddings.append(seen.pop().flatten(1).half().cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(embeddings), np.concatenate(others)


def embed_mirrored(probe: nn.Module, inputs: ImageInputs, *, device: torch.device) -> np.ndarray:
    """Return the embeddings of the mirror images, float16 (n, d), which are used to find mirrored copies."""
    embeddings = []
    with evaluating(probe), autocast(device, compute_type(device)), torch.no_grad(), capturing(find_head(probe)) as seen:
        for index in torch.arange(len(inputs)).split(scoring_batch(inputs.shape)):
            probe(inputs.mirrored(index, device))
            embeddings.append(seen.pop().flatten(1).half().cpu().numpy())
    return np.concatenate(embeddings)


def predict_logits(probe: nn.Module, inputs: Inputs, samples: Tensor, *, device: torch.device) -> np.ndarray:
    """Return the logits of the un-augmented samples at positions `samples` (m,), float32 (m, k), in evaluation mode."""
    logits = []
    with evaluating(probe), autocast(device, compute_type(device)), torch.no_grad():
        for index in samples.split(scoring_batch(inputs.shape)):
            logits.append(probe(inputs.batch(index, device)).float().cpu().numpy())
    return np.concatenate(logits)


@contextmanager
def evaluating(probe: nn.Module) -> Iterator[None]:
    """Set evaluation mode and disable weight gradients inside the context; restore both afterwards."""
    modes = [(module, module.training) for module in probe.modules()]
    tracked = [(weight, weight.requires_grad) for weight in probe.parameters()]
    probe.eval()
    for weight, _ in tracked:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for weight, requires_grad in tracked:
            weight.requires_grad_(requires_grad)


@contextmanager
def capturing(head: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the inputs of the head, (b, ...), one tensor per forward pass."""
    seen: list[Tensor] = []
    handle = head.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].detach()))
    try:
        yield seen
    finally:
        handle.remove()
