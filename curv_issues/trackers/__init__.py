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
        on_demand: measured only if it is asked for, since it makes the run longer.
    """

    target: str
    direction: Literal["high", "low"]
    description: str
    cost: str
    source: str
    on_demand: bool = False

    def metadata(self) -> dict[str, str]:
        """The part that is stored beside the scores."""
        return {key: value for key, value in asdict(self).items() if key not in ("target", "on_demand")}


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
    "evaluation_loss": ScoreInfo(
        target="curv_issues.trackers.evaluation_loss:EvaluationLoss",
        direction="high",
        description="sum over the scored epochs of the cross-entropy of the clean picture (CSL from evaluation passes)",
        cost="one forward pass a scored epoch",
        source="Ravikumar et al. 2025, ICML",
    ),
    "inconfidence": ScoreInfo(
        target="curv_issues.trackers.inconfidence:Inconfidence",
        direction="high",
        description="1 - softmax of the given label, clean picture, after the last epoch",
        cost="one forward pass (shared with final_loss)",
        source="Carlini et al. 2019, as in Garg, Ravikumar, Roy 2023",
    ),
    "max_inconfidence": ScoreInfo(
        target="curv_issues.trackers.max_inconfidence:MaxInconfidence",
        direction="high",
        description="1 - largest softmax, clean picture, after the last epoch; does not see the label",
        cost="one forward pass (shared with final_loss)",
        source="Carlini et al. 2019, as in the code of Ravikumar et al. 2025",
    ),
    "forgetting": ScoreInfo(
        target="curv_issues.trackers.forgetting:Forgetting",
        direction="high",
        description="changes from right to wrong in the training pass; the number of epochs if never right",
        cost="none",
        source="Toneva et al. 2019, ICLR",
    ),
    "first_learned": ScoreInfo(
        target="curv_issues.trackers.first_learned:FirstLearned",
        direction="high",
        description="first epoch whose training pass predicts the given label",
        cost="none",
        source="code of Ravikumar et al. 2025",
    ),
    "learning_time": ScoreInfo(
        target="curv_issues.trackers.learning_time:LearningTime",
        direction="high",
        description="scored epoch from which the mean squared input gradient stays below its median over samples and epochs",
        cost="one input gradient a scored epoch (shared with loss_sensitivity)",
        source="Ravikumar et al. 2025, ICML",
    ),
    "el2n": ScoreInfo(
        target="curv_issues.trackers.el2n:EL2N",
        direction="high",
        description="norm of softmax minus one-hot label in the training pass, mean over the first fifth of the epochs",
        cost="none",
        source="Paul et al. 2021, NeurIPS",
    ),
    "label_contrast": ScoreInfo(
        target="curv_issues.trackers.label_contrast:LabelContrast",
        direction="high",
        description="log ratio of the curvatures under the given and the strongest other label, mean over the scored epochs",
        cost="twice the backward passes of input_curvature",
        source="new here",
        on_demand=True,
    ),
    "label_contrast_difference": ScoreInfo(
        target="curv_issues.trackers.label_contrast_difference:LabelContrastDifference",
        direction="high",
        description="curvature under the given label minus that under the strongest other one, mean over scored epochs",
        cost="twice the backward passes of input_curvature",
        source="new here",
        on_demand=True,
    ),
    "training_gradient": ScoreInfo(
        target="curv_issues.trackers.training_gradient:TrainingGradient",
        direction="high",
        description="norm of the input gradient of the training pass, sum over the epochs",
        cost="the first layer's input gradient in training: about a tenth of it",
        source="new here, after Arpit et al. 2017",
    ),
    "training_gradient_change": ScoreInfo(
        target="curv_issues.trackers.training_gradient_change:TrainingGradientChange",
        direction="high",
        description="norm of the change of the training pass's input gradient since the epoch before, sum over the epochs",
        cost="16 projections of each input gradient, beyond training_gradient",
        source="new here, after Garg, Ravikumar, Roy 2023",
        on_demand=True,
    ),
}
