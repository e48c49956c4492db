r"""Label-contrast curvature: the curvature under the given label beside that under the strongest other one.

For a sample x with given label y, let k be the class other than y with the largest logit at x, and C_j the estimate of
tr(H^2) of `curv_issues.curvature` with label j, all with the same perturbed inputs. The exact Hessian of a piecewise-linear
network does not contain the label; the finite difference sees it through the residual p - e_j that weighs its kinks. Where
the network believes k rather than y, C_y is large and C_k small; C_y - C_k and log C_y - log C_k tell the two apart.

New in this package.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from curv_issues.config import CurvatureForm
from curv_issues.curvature import check_estimate, input_gradients, size_of_change


class LabelContrastCurvature(NamedTuple):
    """What one call of `label_contrast_curvature` computes, all without gradient history.

    Attributes:
        curvature: (b,), >= 0, under the given label: the same as `input_loss_curvature`.
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
    """Estimate the curvature of every sample under its given label and under the strongest other label.

    Costs 1 + `num_matvecs` forward passes and twice as many backward passes.

    Args:
        model: maps inputs in [0, 1] to (b, k) logits, k >= 2; in evaluation mode.
        inputs: (b, c, h, w) clean pictures in [0, 1], floating point.
        labels: (b,), int64: the given labels.
        num_matvecs: number of directions.
        step: h, in units of [0, 1] pixels.
        form: "squared" or "norm", see `input_loss_curvature`.
        generator: source of the directions; needed unless `directions` is given.
        directions: (num_matvecs, c, h, w), used instead of drawing; overrides `num_matvecs`.

    Raises:
        ValueError: as `input_loss_curvature`.
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
    """The class of the largest logit beside the given class, int64 (b,)."""
    return logits.scatter(1, labels[:, None], float("-inf")).argmax(1)
