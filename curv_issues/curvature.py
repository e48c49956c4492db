r"""Input-loss curvature per sample: Hutchinson's estimator on finite differences of input gradients.

For a sample x with given label y, let H be the Hessian of the cross-entropy L(x, y) with respect to the *input* x. Then

    tr(H^2) = E_v ||H v||^2,   v Rademacher (+1 or -1 in every element),   H v ~ (grad L(x + h v) - grad L(x)) / h.

The mean over draws is an unbiased estimate of ||H||_F^2 = tr(H^2), because E[v v^T] = I (up to the finite difference's error in h).

Reference: Garg, Ravikumar, Roy, "Memorization Through the Lens of Curvature of Loss Function Around Samples",
arXiv 2307.05831, equations 3 to 6.

Label-contrast curvature, new in this package, compares the curvature under the given label with that under the strongest other
label. Let r be the class other than y with the largest logit at x, and C_j the estimate of tr(H^2) with label j, all with the
same perturbed inputs. The exact Hessian of a piecewise-linear network does not depend on the label; the finite difference does,
through the residual p - e_j that weights its kinks. If the network favours r over y, C_y is large and C_r is small, so
C_y - C_r and log C_y - log C_r are high.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

CurvatureForm = Literal["squared", "norm"]
"""Form of the estimate: squared as published, or the norm as in the authors' code."""


class InputLossCurvature(NamedTuple):
    """Result of `input_loss_curvature`, without gradient history.

    Attributes:
        curvature: (b,), >= 0; high = suspect.
        gradient: (b, c, h, w), the input gradient grad_x L(x), shared by all directions.
        logits: (b, k), at the unperturbed inputs.
    """

    curvature: Tensor
    gradient: Tensor
    logits: Tensor


def rademacher_directions(
    num_matvecs: int, shape: tuple[int, ...], *, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return random directions of +1 and -1, shape (num_matvecs, *shape), on the generator's device."""
    bits = torch.randint(0, 2, (num_matvecs, *shape), generator=generator, device=generator.device)
    return bits.to(dtype) * 2 - 1


def input_gradient(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of each sample's cross-entropy with respect to its own input.

    The loss is *summed* over the batch, so that a sample's gradient does not depend on the batch size.

    Args:
        model: maps (b, c, h, w) inputs in [0, 1] to (b, k) logits; each row must depend on its own input only.
        inputs: (b, c, h, w), floating point.
        labels: (b,), int64 in [0, k).

    Returns:
        gradient (b, c, h, w) and logits (b, k), detached.
    """
    (gradient,), logits = input_gradients(model, inputs, lambda _: [labels])
    return gradient, logits


def input_gradients(
    model: nn.Module, inputs: Tensor, labels_for: Callable[[Tensor], Sequence[Tensor]]
) -> tuple[list[Tensor], Tensor]:
    """Return what `input_gradient` returns, with one gradient per label vector (b,) that `labels_for(logits)` returns.

    Costs one forward pass, and one backward pass per label vector.
    """
    inputs = inputs.detach().requires_grad_(True)
    gradients: list[Tensor] = []
    with torch.enable_grad():
        logits = model(inputs)
        candidates = labels_for(logits.detach())
        for labels in candidates:
            loss = functional.cross_entropy(logits.to(inputs.dtype), labels, reduction="sum")
            gradients.append(torch.autograd.grad(loss, inputs, retain_graph=len(gradients) < len(candidates) - 1)[0])
    return gradients, logits.detach()


def input_loss_curvature(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    num_matvecs: int = 10,
    step: float = 1e-3,
    form: CurvatureForm = "squared",
    generator: torch.Generator | None = None,
    directions: Tensor | None = None,
) -> InputLossCurvature:
    r"""Estimate the trace of the squared input Hessian for each sample in a batch.

        squared:  mean_v || (grad L(x + h v) - grad L(x)) / h ||^2      (equation 3; the default)
        norm:     mean_v || grad L(x + h v) - grad L(x) ||              (the authors' published code)

    All samples share the directions, so a sample's score does not depend on the rest of the batch, its order or its size;
    each estimate is still unbiased. Costs 1 + `num_matvecs` input gradients.

    Args:
        model: maps inputs in [0, 1] to (b, k) logits, including any normalisation; must be in evaluation mode,
            because batch statistics would mix the samples.
        inputs: (b, c, h, w) un-augmented images in [0, 1], floating point.
        labels: (b,), int64: the given labels.
        num_matvecs: number of directions n (the paper: 10).
        step: h, in units of [0, 1] pixels (the paper: 1e-3). Use >= 1e-2 in bfloat16, which cannot resolve smaller steps.
        form: "squared" as published, or "norm" as in the authors' code.
        generator: source of the directions; required unless `directions` is given.
        directions: (num_matvecs, c, h, w), used instead of random ones; overrides `num_matvecs`.

    Returns:
        `InputLossCurvature` (curvature, gradient, logits). Curvature is >= 0; high = suspect.

    Raises:
        ValueError: the model or a part of it is in training mode, `step` or `num_matvecs` is not positive, `form` is
            unknown, neither `generator` nor `directions` is given, or the directions have a wrong shape.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3)).eval()
        >>> x, y = torch.rand(5, 1, 2, 2), torch.zeros(5, dtype=torch.long)
        >>> input_loss_curvature(model, x, y, generator=torch.Generator().manual_seed(0)).curvature.shape
        torch.Size([5])
    """
    directions = check_estimate(
        model, inputs, num_matvecs=num_matvecs, step=step, form=form, generator=generator, directions=directions
    )
    gradient, logits = input_gradient(model, inputs, labels)
    total = torch.zeros(len(inputs), dtype=gradient.dtype, device=gradient.device)
    for direction in directions:
        moved, _ = input_gradient(model, inputs + step * direction, labels)
        total += size_of_change(moved - gradient, step=step, form=form)
    return InputLossCurvature(total / len(directions), gradient, logits)


def size_of_change(change: Tensor, *, step: float, form: CurvatureForm) -> Tensor:
    """Return one direction's term of the estimate, (b,), from the change of the input gradients, (b, c, h, w)."""
    squared_norm = change.flatten(1).square().sum(1)
    return squared_norm / step**2 if form == "squared" else squared_norm.sqrt()


def check_estimate(
    model: nn.Module,
    inputs: Tensor,
    *,
    num_matvecs: int,
    step: float,
    form: CurvatureForm,
    generator: torch.Generator | None,
    directions: Tensor | None,
) -> Tensor:
    """Check the arguments of an estimator (see `input_loss_curvature`) and return its directions, random if none are given.

    Raises:
        ValueError: see `input_loss_curvature`.
    """
    if any(module.training for module in model.modules()):
        raise ValueError("Curvature needs a model in evaluation mode; call model.eval() first.")
    if not step > 0:
        raise ValueError(f"step must be positive, got {step}.")
    if form not in ("squared", "norm"):
        raise ValueError(f"form must be 'squared' or 'norm', got {form!r}.")
    if directions is None:
        if num_matvecs < 1:
            raise ValueError(f"num_matvecs must be >= 1, got {num_matvecs}.")
        if generator is None:
            raise ValueError("Pass a generator or directions; global random state is never used.")
        shape = tuple(inputs.shape[1:])
        return rademacher_directions(num_matvecs, shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
    if len(directions) == 0 or directions.shape[1:] != inputs.shape[1:]:
        wanted = ("num_matvecs", *inputs.shape[1:])
        raise ValueError(f"directions must have shape ({', '.join(map(str, wanted))}), got {tuple(directions.shape)}.")
    return directions


class LabelContrastCurvature(NamedTuple):
    """Result of `label_contrast_curvature`, without gradient history.

    Attributes:
        curvature: (b,), >= 0, under the given label, as in `input_loss_curvature`.
        rival_curvature: (b,), >= 0, under the strongest other label.
        gradient: (b, c, h, w), the input gradient under the given label at the unperturbed inputs.
        logits: (b, k), at the unperturbed inputs.
    """

    curvature: Tensor
    rival_curvature: Tensor
    gradient: Tensor
    logits: Tensor


def label_contrast_curvature(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    num_matvecs: int = 10,
    step: float = 1e-2,
    form: CurvatureForm = "squared",
    generator: torch.Generator | None = None,
    directions: Tensor | None = None,
) -> LabelContrastCurvature:
    """Estimate the curvature of each sample under its given label and under the strongest other label.

    Costs 1 + `num_matvecs` forward passes and twice as many backward passes.

    Args:
        model: maps inputs in [0, 1] to (b, k) logits, k >= 2; in evaluation mode.
        inputs: (b, c, h, w) un-augmented images in [0, 1], floating point.
        labels: (b,), int64: the given labels.
        num_matvecs: number of directions.
        step: h, in units of [0, 1] pixels.
        form: "squared" or "norm", see `input_loss_curvature`.
        generator: source of the directions; required unless `directions` is given.
        directions: (num_matvecs, c, h, w), used instead of random ones; overrides `num_matvecs`.

    Raises:
        ValueError: see `input_loss_curvature`.
    """
    directions = check_estimate(
        model, inputs, num_matvecs=num_matvecs, step=step, form=form, generator=generator, directions=directions
    )
    at_rest, logits = input_gradients(model, inputs, lambda logits: [labels, strongest_others(logits, labels)])
    rivals = strongest_others(logits, labels)
    totals = [torch.zeros(len(inputs), dtype=at_rest[0].dtype, device=inputs.device) for _ in at_rest]
    for direction in directions:
        moved, _ = input_gradients(model, inputs + step * direction, lambda _: [labels, rivals])
        for total, before, after in zip(totals, at_rest, moved, strict=True):
            total += size_of_change(after - before, step=step, form=form)
    curvature, rival_curvature = (total / len(directions) for total in totals)
    return LabelContrastCurvature(curvature, rival_curvature, at_rest[0], logits)


def strongest_others(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the class with the largest logit other than the given class, int64 (b,)."""
    return logits.scatter(1, labels[:, None], float("-inf")).argmax(1)
