"""Scores of samples. Register a new score in the table below only; the table imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Epochs = Literal["all", "last", "early"]
"""Which of the measured epochs count; "early" is the first fifth."""


@dataclass(frozen=True)
class ScoreInfo:
    """What is known about a score without importing it.

    Attributes:
        direction: "high" or "low": the end at which a sample is suspect.
        description: definition in one line.
        cost: passes over the data in addition to plain training.
        source: the paper it comes from.
        quantity: key of `QUANTITIES` that the score is computed from; "" for a user-supplied tracker, which is its own quantity.
        reduction: key of `REDUCTIONS` that reduces the epochs to one number.
        epochs: which of the measured epochs count.
        on_demand: measured only on request, because it makes the run longer.
    """

    direction: Literal["high", "low"]
    description: str
    cost: str
    source: str
    quantity: str = ""
    reduction: str = "mean"
    epochs: Epochs = "all"
    on_demand: bool = False

    def metadata(self) -> dict[str, str]:
        """Return the entries that are stored with the scores."""
        return {name: getattr(self, name) for name in ("direction", "description", "cost", "source")}


SCORES: dict[str, ScoreInfo] = {
    "input_curvature": ScoreInfo(
        quantity="curvature",
        reduction="mean",
        direction="high",
        description="trace of the squared input Hessian of the loss, mean over the scored epochs",
        cost="num_matvecs input gradients per scored epoch, in addition to loss_sensitivity",
        source="Garg, Ravikumar, Roy 2023, arXiv 2307.05831, eq. 3-6",
    ),
    "cumulative_loss": ScoreInfo(
        quantity="loss",
        reduction="sum",
        direction="high",
        description="cross-entropy in the training pass, sum over the epochs (CSL)",
        cost="none",
        source="Ravikumar et al. 2025, ICML",
    ),
    "margin": ScoreInfo(
        quantity="margin",
        reduction="mean",
        direction="low",
        description="given-class logit minus the largest other logit in the training pass, mean over the epochs (AUM)",
        cost="none",
        source="Pleiss et al. 2020, NeurIPS",
    ),
    "final_margin": ScoreInfo(
        quantity="evaluation_margin",
        reduction="mean",
        epochs="last",
        direction="low",
        description="given-class logit minus the largest other logit, un-augmented image, after the last epoch",
        cost="one forward pass",
        source="Pleiss et al. 2020, NeurIPS (one epoch only)",
    ),
    "final_loss": ScoreInfo(
        quantity="evaluation_loss",
        reduction="mean",
        epochs="last",
        direction="high",
        description="cross-entropy of the un-augmented image after the last epoch",
        cost="one forward pass (shared with final_margin)",
        source="Arpit et al. 2017, ICML",
    ),
    "loss_sensitivity": ScoreInfo(
        quantity="gradient",
        reduction="mean",
        direction="high",
        description="norm of the input gradient of the loss, mean over the scored epochs",
        cost="one input gradient per scored epoch",
        source="Arpit et al. 2017, ICML",
    ),
    "residual": ScoreInfo(
        quantity="evaluation_residual",
        reduction="sum",
        direction="high",
        description="norm of softmax minus one-hot given label, sum over the scored epochs (control for curvature)",
        cost="one forward pass per scored epoch",
        source="EL2N of Paul et al. 2021, NeurIPS, at other epochs",
    ),
    "evaluation_loss": ScoreInfo(
        quantity="evaluation_loss",
        reduction="sum",
        direction="high",
        description="cross-entropy of the un-augmented image, sum over the scored epochs (CSL from evaluation passes)",
        cost="one forward pass per scored epoch",
        source="Ravikumar et al. 2025, ICML",
    ),
    "inconfidence": ScoreInfo(
        quantity="inconfidence",
        reduction="mean",
        epochs="last",
        direction="high",
        description="1 - softmax of the given label, un-augmented image, after the last epoch",
        cost="one forward pass (shared with final_loss)",
        source="Carlini et al. 2019, as in Garg, Ravikumar, Roy 2023",
    ),
    "max_inconfidence": ScoreInfo(
        quantity="max_inconfidence",
        reduction="mean",
        epochs="last",
        direction="high",
        description="1 - largest softmax, un-augmented image, after the last epoch; independent of the label",
        cost="one forward pass (shared with final_loss)",
        source="Carlini et al. 2019, as in the code of Ravikumar et al. 2025",
    ),
    "forgetting": ScoreInfo(
        quantity="margin",
        reduction="times_forgotten",
        direction="high",
        description="number of changes from correct to wrong in the training pass; the number of epochs if never correct",
        cost="none",
        source="Toneva et al. 2019, ICLR",
    ),
    "first_learned": ScoreInfo(
        quantity="margin",
        reduction="first_learned",
        direction="high",
        description="first epoch whose training pass predicts the given label",
        cost="none",
        source="code of Ravikumar et al. 2025",
    ),
    "learning_time": ScoreInfo(
        quantity="gradient",
        reduction="learning_time",
        direction="high",
        description="first scored epoch after which the mean squared input gradient stays below its median over samples and epochs",
        cost="one input gradient per scored epoch (shared with loss_sensitivity)",
        source="Ravikumar et al. 2025, ICML",
    ),
    "el2n": ScoreInfo(
        quantity="residual",
        reduction="mean",
        epochs="early",
        direction="high",
        description="norm of softmax minus one-hot label in the training pass, mean over the first fifth of the epochs",
        cost="none",
        source="Paul et al. 2021, NeurIPS",
    ),
    "label_contrast": ScoreInfo(
        quantity="curvature_ratio",
        reduction="mean",
        direction="high",
        description="log ratio of curvature under the given label to that under the strongest other, mean over the scored epochs",
        cost="twice the backward passes of input_curvature",
        source="new here",
        on_demand=True,
    ),
    "label_contrast_difference": ScoreInfo(
        quantity="curvature_difference",
        reduction="mean",
        direction="high",
        description="curvature under the given label minus that under the strongest other, mean over the scored epochs",
        cost="twice the backward passes of input_curvature",
        source="new here",
        on_demand=True,
    ),
    "training_gradient": ScoreInfo(
        quantity="training_gradient",
        reduction="sum",
        direction="high",
        description="norm of the input gradient in the training pass, sum over the epochs",
        cost="the first layer's input gradient in training: about a tenth of the training time",
        source="Cumulative Sample Gradient (CSG), ICLR 2026, openreview.net/forum?id=jeTiBeW3iZ",
    ),
    "training_gradient_change": ScoreInfo(
        quantity="training_gradient_change",
        reduction="sum",
        direction="high",
        description="norm of the change of the training input gradient since the previous epoch, sum over the epochs",
        cost="16 projections of each input gradient, in addition to training_gradient",
        source="new here, after Garg, Ravikumar, Roy 2023",
        on_demand=True,
    ),
}

CROSS_FIT_SCORES: dict[str, ScoreInfo] = {
    "held_out_loss": ScoreInfo(
        direction="high",
        description="cross-entropy of the given label by a network on the features that was not trained on the sample (5 folds), "
        "or under the given pred_probs",
        cost="cross-fitting, only with features; none with pred_probs",
        source="out-of-sample probabilities as in Northcutt et al. 2021, JAIR",
    ),
    "fitted_loss": ScoreInfo(
        direction="high",
        description="cross-entropy of the given label by the networks on the features that were trained on the sample, in the "
        "training pass, mean over the epochs",
        cost="cross-fitting, only with features (shared with held_out_loss)",
        source="Ravikumar et al. 2025, ICML, for several networks",
    ),
}
"""Scores that are measured if there are features (or `pred_probs`, for the first); see `training/cross_fit.py`."""

LABEL_NOISE_SCORES: dict[str, ScoreInfo] = {
    "p_wrong": ScoreInfo(
        direction="high",
        description="probability that the given label is wrong, by Bayes' rule from the probabilities of the classes and how often "
        "labels of one class are given to another",
        cost="none",
        source="new here; transition matrix after Patrini et al. 2017, CVPR",
    ),
    "class_confusion": ScoreInfo(
        direction="high",
        description="how much more probably the label is wrong because some classes are confused more often than others: log-odds "
        "in units of their standard deviation",
        cost="none",
        source="new here",
    ),
    "given_probability": ScoreInfo(
        direction="low",
        description="probability of the given class from the sample alone, without its label",
        cost="none",
        source="calibration as in Guo et al. 2017, ICML, with wrong labels allowed for",
    ),
    "suggested_probability": ScoreInfo(
        direction="high",
        description="probability of the suggested class from the sample alone, without its label",
        cost="none",
        source="calibration as in Guo et al. 2017, ICML, with wrong labels allowed for",
    ),
}
"""Scores that are estimated after a run from its probabilities of the classes; see `auditing/label_noise.py`."""

ISOLATION_SCORES: dict[str, ScoreInfo] = {
    "isolation": ScoreInfo(
        direction="high",
        description="distance to the fifth nearest of 5,000 other thumbnails, or 1,000 feature vectors, in interquartile ranges "
        "above the upper quartile: high for broken or foreign samples, not for wrong labels",
        cost="none",
        source="Ramaswamy et al. 2000, SIGMOD; Tukey 1977",
    )
}
"""Scores that compare the samples themselves, without labels; see `auditing/isolation.py`."""

SCORES_OF_LABELS = {**SCORES, **CROSS_FIT_SCORES, **LABEL_NOISE_SCORES}
"""The scores that find wrong labels."""

ALL_SCORES = {**SCORES_OF_LABELS, **ISOLATION_SCORES}

_ALIASES = {"curvature": "input_curvature"}


def canonical_score(name: str) -> str:
    """Return the name that a score has in `ALL_SCORES`; other names are returned as they are."""
    return _ALIASES.get(name, name)
