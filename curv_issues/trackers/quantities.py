"""Quantities that a run tracks. Register a new quantity in the table at the end only."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Quantity
from curv_issues.trackers.training_gradient_change import TrainingGradientChange


class Loss(Quantity):
    """Cross-entropy of the given label in the training pass, >= 0."""

    name = "loss"
    needs = Need.TRAINING
    trajectory: ClassVar[str | None] = "loss"

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        return batch.losses


class Margin(Quantity):
    """Given-class logit minus the largest other logit in the training pass."""

    name = "margin"
    needs = Need.TRAINING
    trajectory: ClassVar[str | None] = "margin"

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        return batch.margins


class Residual(Quantity):
    """Euclidean norm of softmax minus one-hot given label in the training pass, in [0, sqrt 2]."""

    name = "residual"
    needs = Need.TRAINING

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        return batch.residual_norms


class TrainingGradient(Quantity):
    """Euclidean norm of the input gradient of the training pass, loss per [0, 1] pixel."""

    name = "training_gradient"
    needs = Need.TRAINING_GRADIENT
    trajectory: ClassVar[str | None] = "training_gradient"

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        return batch.gradient_norms


class EvaluationLoss(Loss):
    """Cross-entropy of the given label in a scoring pass, >= 0."""

    name = "evaluation_loss"
    needs = Need.EVALUATION
    trajectory: ClassVar[str | None] = None


class EvaluationMargin(Margin):
    """Given-class logit minus the largest other logit in a scoring pass."""

    name = "evaluation_margin"
    needs = Need.EVALUATION
    trajectory: ClassVar[str | None] = None


class EvaluationResidual(Residual):
    """Euclidean norm of softmax minus one-hot given label in a scoring pass, in [0, sqrt 2]."""

    name = "evaluation_residual"
    needs = Need.EVALUATION


class Inconfidence(Quantity):
    """1 - softmax of the given label in a scoring pass, in [0, 1]; accurate even close to 0."""

    name = "inconfidence"
    needs = Need.EVALUATION

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        return -torch.expm1(-batch.losses)


class MaxInconfidence(Quantity):
    """1 - largest softmax in a scoring pass, in [0, 1): the sum of all other probabilities; independent of the label."""

    name = "max_inconfidence"
    needs = Need.EVALUATION

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        probabilities = batch.logits.softmax(1)
        largest = probabilities.argmax(1, keepdim=True)
        return probabilities.scatter(1, largest, 0.0).sum(1)


class Gradient(TrainingGradient):
    """Euclidean norm of the input gradient of the loss in a scoring pass, loss per [0, 1] pixel."""

    name = "gradient"
    needs = Need.GRADIENT
    trajectory: ClassVar[str | None] = None


class Curvature(Quantity):
    """Estimate of the trace of the squared input Hessian, >= 0; see `curv_issues.curvature`."""

    name = "curvature"
    needs = Need.CURVATURE
    trajectory: ClassVar[str | None] = "input_curvature"

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        assert batch.curvature is not None  # computed by every pass that meets Need.CURVATURE
        return batch.curvature


class CurvatureRatio(Quantity):
    """log C_y - log C_r, curvature under the given and the strongest other label; 0 if both vanish. See `curv_issues.curvature`."""

    name = "curvature_ratio"
    needs = Need.CONTRAST
    trajectory: ClassVar[str | None] = "label_contrast"

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        assert batch.curvature is not None  # a pass that serves Need.CONTRAST computes both
        assert batch.rival_curvature is not None
        least = torch.finfo(torch.float32).tiny
        return batch.curvature.float().clamp_min(least).log() - batch.rival_curvature.float().clamp_min(least).log()


class CurvatureDifference(Quantity):
    """C_y - C_r, curvature under the given and the strongest other label; see `curv_issues.curvature`."""

    name = "curvature_difference"
    needs = Need.CONTRAST

    def measure(self, batch: Observation) -> Tensor:
        """See the class."""
        assert batch.curvature is not None  # a pass that serves Need.CONTRAST computes both
        assert batch.rival_curvature is not None
        return batch.curvature - batch.rival_curvature


QUANTITIES: dict[str, type[Quantity]] = {
    quantity.name: quantity
    for quantity in (
        Loss,
        Margin,
        Residual,
        TrainingGradient,
        TrainingGradientChange,
        EvaluationLoss,
        EvaluationMargin,
        EvaluationResidual,
        Inconfidence,
        MaxInconfidence,
        Gradient,
        Curvature,
        CurvatureRatio,
        CurvatureDifference,
    )
}
