"""Slow, obvious versions of the numerical core: one sample at a time, in plain Python where possible."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def softmax(logits: Sequence[float]) -> list[float]:
    largest = max(logits)
    powers = [math.exp(value - largest) for value in logits]
    return [power / sum(powers) for power in powers]


def loss(logits: Sequence[float], label: int) -> float:
    """Return the cross-entropy of one sample."""
    largest = max(logits)
    return largest + math.log(sum(math.exp(value - largest) for value in logits)) - logits[label]


def margin(logits: Sequence[float], label: int) -> float:
    """Return the logit of the given class minus the largest other logit."""
    return logits[label] - max(value for k, value in enumerate(logits) if k != label)


def residual(logits: Sequence[float], label: int) -> float:
    """Return the norm of softmax minus one-hot."""
    return math.sqrt(sum((p - (k == label)) ** 2 for k, p in enumerate(softmax(logits))))


Quantity = Callable[[Sequence[float], int], float]


def over_epochs(quantity: Quantity, logits: np.ndarray, labels: np.ndarray) -> list[list[float]]:
    """Return the values of a quantity by epoch for each sample, from logits (epochs, n, k)."""
    return [[quantity(epoch[i].tolist(), int(labels[i])) for epoch in logits] for i in range(len(labels))]


def cumulative_loss(logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """Return CSL from the logits of the training passes, (epochs, n, k)."""
    return [sum(values) for values in over_epochs(loss, logits, labels)]


def area_under_margin(logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """Return AUM from the logits of the training passes, (epochs, n, k)."""
    return [sum(values) / len(values) for values in over_epochs(margin, logits, labels)]


def sample_loss(model: nn.Module, label: int) -> Callable[[Tensor], Tensor]:
    """Return the loss as a function of one image (c, h, w)."""
    return lambda image: functional.cross_entropy(model(image[None]), torch.tensor([label]))


def sample_gradient(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Return the input gradient of one image, (c, h, w)."""
    return torch.autograd.functional.jacobian(sample_loss(model, label), image)


def sample_hessian(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Return the input Hessian of one image, (d, d), by automatic differentiation."""
    size = image.numel()
    return torch.autograd.functional.hessian(sample_loss(model, label), image).reshape(size, size)


def trace_of_square(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Return tr(H^2) of each sample, (b,)."""
    hessians = [sample_hessian(model, x, int(y)) for x, y in zip(inputs, labels, strict=True)]
    return torch.stack([(h @ h).trace() for h in hessians])


def softmax_hessian(model: nn.Module, image: Tensor) -> Tensor:
    """Return J^T (diag p - p p^T) J, the input Hessian if the logits are linear in the image."""
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], image).reshape(-1, image.numel())
    p = model(image[None])[0].softmax(0).detach()
    return jacobian.T @ (torch.diag(p) - torch.outer(p, p)) @ jacobian


def curvature(model: nn.Module, inputs: Tensor, labels: Tensor, directions: Tensor, step: float, form: str) -> Tensor:
    """Return the estimator, computed by sample and direction, with a new gradient each time."""
    scores = []
    for image, label in zip(inputs, labels.tolist(), strict=True):
        terms = []
        for direction in directions:
            change = sample_gradient(model, image + step * direction, label) - sample_gradient(model, image, label)
            norm = math.sqrt(sum(value**2 for value in change.flatten().tolist()))
            terms.append((norm / step) ** 2 if form == "squared" else norm)
        scores.append(sum(terms) / len(terms))
    return torch.tensor(scores, dtype=inputs.dtype)


def rank_mean(scores: Mapping[str, Sequence[float]], directions: Mapping[str, str]) -> list[float]:
    """Return each sample's rank in (0, 1), averaged over the scores; ties share their mean rank."""
    n = len(next(iter(scores.values())))
    totals = [0.0] * n
    for name, values in scores.items():
        signed = [value if directions[name] == "high" else -value for value in values]
        ordered = sorted(signed)
        for i, value in enumerate(signed):
            first, last = ordered.index(value), n - 1 - ordered[::-1].index(value)
            totals[i] += ((first + last) / 2 + 0.5) / n
    return [total / len(scores) for total in totals]


def shifted(image: np.ndarray, *, rows: int, columns: int, mirror: bool) -> np.ndarray:
    """Return one image (h, w, c), mirrored first, then shifted by `rows` and `columns`, with repeated edges."""
    height, width = image.shape[:2]
    if mirror:
        image = image[:, ::-1]
    out = np.empty_like(image)
    for i in range(height):
        for j in range(width):
            out[i, j] = image[min(max(i + rows, 0), height - 1), min(max(j + columns, 0), width - 1)]
    return out
