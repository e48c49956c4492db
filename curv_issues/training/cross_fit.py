"""Cross-fitting on features: small networks, trained side by side, each without its part of the samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from curv_issues.curvature import strongest_others
from curv_issues.device import autocast, compute_type
from curv_issues.errors import diverged
from curv_issues.inputs.features import FeatureInputs
from curv_issues.inputs.images import split_evenly
from curv_issues.probes.mlp import width_for
from curv_issues.training.loop import one_cycle
from curv_issues.training.optimizer import NesterovSGD
from curv_issues.training.recipe import Recipe

FOLDS = 5
NEVER_HELD_OUT = -1
DROPOUT = 0.5
EPOCHS_FACTOR, LEAST_EPOCHS = 0.5, 3  # benchmarks/README.md explains the choice
BATCH_FACTOR = 2  # updating the weights of all heads takes most of the time of a small batch
SCORING_BATCH = 1024
LEAST_PROBABILITY = 1e-7  # of given probabilities, so that losses are finite


@dataclass(frozen=True, eq=False)
class CrossFit:
    """What the heads say about n samples.

    Attributes:
        pred_probs: float16 (n, k), probabilities from the head that was not trained on the sample: out-of-sample. The only
            sample of a class is never held out; its probabilities are the mean of all heads.
        suggested: int64 (n,), the most probable class other than the given one.
        scores: float64 (n,) by name, see `CROSS_FIT_SCORES`.
    """

    pred_probs: np.ndarray
    suggested: np.ndarray
    scores: dict[str, np.ndarray]


class Heads(nn.Module):
    """One network with one hidden layer per fold; their weights are stacked, so that they are trained as one."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.width = width_for((num_features,))
        self.hidden = nn.Linear(num_features, FOLDS * self.width)
        self.weight = nn.Parameter(0.1 * self.width**-0.5 * torch.randn(FOLDS, self.width, num_classes))
        self.bias = nn.Parameter(torch.zeros(FOLDS, 1, num_classes))

    def forward(self, inputs: Tensor, only: int | None = None) -> Tensor:
        """Return the logits of each head, float32 (FOLDS, b, k), or of one, (1, b, k), for standardised features (b, d)."""
        heads = slice(None) if only is None else slice(only, only + 1)
        weight, bias = (part.unflatten(0, (FOLDS, self.width))[heads].flatten(0, 1) for part in self.hidden.parameters())
        hidden = functional.linear(inputs, weight, bias).unflatten(1, (-1, self.width))
        mask = functional.dropout(torch.ones_like(hidden[:, :1]), DROPOUT, self.training)  # for all heads, to draw fewer numbers
        hidden = functional.layer_norm(hidden, (self.width,)).relu() * mask
        return torch.baddbmm(self.bias[heads], hidden.transpose(0, 1), self.weight[heads]).float()


def cross_fit(
    inputs: FeatureInputs,
    labels: Tensor,
    *,
    num_classes: int,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    given: Tensor | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> CrossFit:
    """Train one head per fold on the samples of the other folds, and predict every sample with the head of its fold.

    Predictions are averaged over the epochs: log-probabilities of held-out samples, after each epoch, with weights 1, 2, 3, ...,
    because the heads know the classes better in later epochs; losses of the other samples, in the training pass, with equal
    weights, because the heads memorise them.

    Args:
        inputs: n feature vectors.
        labels: int64 (n,), the labels to train on, on the CPU.
        num_classes: k.
        recipe: of the run; the heads take half of its epochs, and twice its batch size.
        seed: seed of folds and order; initial weights and dropout use torch's global generator.
        device: device to compute on.
        given: int64 (n,), the given labels, which the scores and suggestions refer to; default: `labels`.
        on_step: called with (samples done in all epochs, their total).

    Raises:
        AuditError: the loss became NaN or infinite.
    """
    n = len(labels)
    recipe = adapted(recipe)
    generator = torch.Generator().manual_seed(seed)
    folds = assign_folds(labels, generator=generator)
    held_out_samples = {fold: torch.nonzero(folds == fold)[:, 0] for fold in (*range(FOLDS), NEVER_HELD_OUT)}
    folds = folds.to(device)
    labels, given = labels.to(device), (labels if given is None else given).to(device)
    all_heads = torch.arange(FOLDS, device=device)[:, None]
    heads = Heads(inputs.shape[0], num_classes).to(device)
    optimizer = NesterovSGD(heads.parameters(), weight_decay=recipe.weight_decay)
    dtype = compute_type(device)
    steps_per_epoch, step = len(split_evenly(torch.arange(n), recipe.batch_size)), 0
    log_probs = torch.zeros(n, num_classes, device=device)  # of held-out samples, weighted sum over the epochs
    fitted_loss = torch.zeros(n, device=device)  # sum over the epochs
    for epoch in range(recipe.epochs):
        heads.train()
        loss_sum = torch.zeros((), device=device)
        for index in split_evenly(torch.randperm(n, generator=generator), recipe.batch_size):
            with autocast(device, dtype):
                logits = heads(inputs.batch(index, device))
            losses = _losses(logits, labels[index])
            is_fitted = folds[index] != all_heads  # (FOLDS, b)
            loss = ((losses * is_fitted).sum(1) / is_fitted.sum(1).clamp(min=1)).sum()
            fitted_loss[index] += (_losses(logits.detach(), given[index]) * is_fitted).sum(0) / is_fitted.sum(0)
            optimizer.clear_gradients()
            loss.backward()
            optimizer.step(recipe.learning_rate * one_cycle(step / (recipe.epochs * steps_per_epoch)))
            loss_sum += loss.detach()
            step += 1
            if on_step is not None:
                on_step(epoch * n + round(n * (step - epoch * steps_per_epoch) / steps_per_epoch), recipe.epochs * n)
        if not math.isfinite(loss_sum.item()):
            raise diverged(
                f"The loss of the cross-fitted heads became {loss_sum.item()} in epoch {epoch + 1}", recipe.learning_rate
            )
        heads.eval()
        with torch.no_grad(), autocast(device, dtype):
            for fold, held_out in held_out_samples.items():
                for index in held_out.split(SCORING_BATCH):
                    only = None if fold == NEVER_HELD_OUT else fold
                    log_probs[index] += (epoch + 1) * heads(inputs.batch(index, device), only).log_softmax(2).mean(0)
    log_probs = (log_probs / sum(range(1, recipe.epochs + 1))).log_softmax(1)
    return CrossFit(
        pred_probs=log_probs.exp().half().cpu().numpy(),
        suggested=strongest_others(log_probs, given).cpu().numpy(),
        scores={
            "held_out_loss": -log_probs.gather(1, given[:, None])[:, 0].double().cpu().numpy(),
            "fitted_loss": (fitted_loss.double() / recipe.epochs).cpu().numpy(),
        },
    )


def cross_fit_of(pred_probs: np.ndarray, given: np.ndarray) -> CrossFit:
    """Return out-of-sample probabilities of another model, (n, k), with the held-out loss of the given labels (n,)."""
    rows = np.arange(len(given))
    others = pred_probs.astype(np.float32)
    loss = -np.log(np.maximum(others[rows, given], LEAST_PROBABILITY))
    others[rows, given] = -1
    return CrossFit(pred_probs.astype(np.float16), others.argmax(1), {"held_out_loss": loss.astype(np.float64)})


def adapted(recipe: Recipe) -> Recipe:
    """Return the recipe of the heads."""
    return replace(
        recipe,
        epochs=max(LEAST_EPOCHS, round(EPOCHS_FACTOR * recipe.epochs)),
        batch_size=BATCH_FACTOR * recipe.batch_size,
        learning_rate=recipe.learning_rate * BATCH_FACTOR**0.5,
    )


def assign_folds(labels: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the fold of each of n samples, int64 (n,), in [0, FOLDS), such that every class is spread evenly over the folds.

    The only sample of a class gets NEVER_HELD_OUT: without it, no head would know its class.
    """
    order = torch.randperm(len(labels), generator=generator)
    order = order[torch.argsort(labels[order], stable=True)]
    folds = torch.empty_like(labels)
    folds[order] = torch.arange(len(labels)) % FOLDS
    folds[torch.bincount(labels)[labels] == 1] = NEVER_HELD_OUT
    return folds


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of labels (b,) under the logits of each head, (FOLDS, b)."""
    return functional.cross_entropy(logits.transpose(1, 2), labels.expand(FOLDS, -1), reduction="none")
