"""Scores of single samples, one a file. The table below is the only place a new one is added to; it imports nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class ScoreInfo:
    """What is known of a score without importing it.

    Attributes:
        target: "module:Class" of its tracker.
        direction: "high" or "low": the end at which a sample is suspect.
        description: definition in a line.
        cost: passes over the data beyond plain training.
        source: the paper it is from.
    """

    target: str
    direction: Literal["high", "low"]
    description: str
    cost: str
    source: str

    def metadata(self) -> dict[str, str]:
        """The part that is stored beside the scores."""
        return {key: value for key, value in asdict(self).items() if key != "target"}


SCORES: dict[str, ScoreInfo] = {
    "input_curvature": ScoreInfo(
        target="curv_issues.trackers.input_curvature:InputCurvature",
        direction="high",
        description="trace of the squared input Hessian of the loss, mean over the scored epochs",
        cost="num_matvecs input gradients a scored epoch, beyond loss_sensitivity",
        source="Garg, Ravikumar, Roy 2023, arXiv 2307.05831, eq. 3-6",
    ),
    "cumulative_loss": ScoreInfo(
        target="curv_issues.trackers.cumulative_loss:CumulativeLoss",
        direction="high",
        description="sum over the epochs of the cross-entropy in the training pass (CSL)",
        cost="none",
        source="Ravikumar et al. 2025, ICML",
    ),
    "margin": ScoreInfo(
        target="curv_issues.trackers.margin:Margin",
        direction="low",
        description="given-class logit minus the largest other logit in the training pass, mean over the epochs (AUM)",
        cost="none",
        source="Pleiss et al. 2020, NeurIPS",
    ),
    "final_margin": ScoreInfo(
        target="curv_issues.trackers.final_margin:FinalMargin",
        direction="low",
        description="given-class logit minus the largest other logit on the clean picture after the last epoch",
        cost="one forward pass",
        source="Pleiss et al. 2020, NeurIPS (a single epoch of it)",
    ),
    "final_loss": ScoreInfo(
        target="curv_issues.trackers.final_loss:FinalLoss",
        direction="high",
        description="cross-entropy of the clean picture after the last epoch",
        cost="one forward pass (shared with final_margin)",
        source="Arpit et al. 2017, ICML",
    ),
    "loss_sensitivity": ScoreInfo(
        target="curv_issues.trackers.loss_sensitivity:LossSensitivity",
        direction="high",
        description="norm of the input gradient of the loss, mean over the scored epochs",
        cost="one input gradient a scored epoch",
        source="Arpit et al. 2017, ICML",
    ),
    "residual": ScoreInfo(
        target="curv_issues.trackers.residual:Residual",
        direction="high",
        description="norm of softmax minus one-hot given label, sum over the scored epochs (the control of curvature)",
        cost="one forward pass a scored epoch",
        source="EL2N of Paul et al. 2021, NeurIPS, at other epochs",
    ),
}
