"""Baseline detectors that train their own networks, one per file. Register a new one in the table below only.

Each is a function `f(data, options, *, progress=None, ...) -> BaselineResult`. The table imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BaselineScore:
    """One score of a baseline.

    Attributes:
        direction: "high" or "low": the end at which a sample is suspect.
        description: definition in one line.
    """

    direction: Literal["high", "low"]
    description: str


@dataclass(frozen=True)
class BaselineInfo:
    """What is known about a baseline without importing it.

    Attributes:
        target: "module:function".
        scores: its scores by name; the first is the headline.
        cost: samples seen in training with the default settings, in plain trainings on all data; prediction passes are
            not counted.
        flags: whether it also flags samples.
        takes_features: whether it accepts the embeddings of a finished training as `features`.
        source: the paper it comes from.
    """

    target: str
    scores: dict[str, BaselineScore]
    cost: float
    flags: bool
    source: str
    takes_features: bool = False

    @property
    def headline(self) -> str:
        """Return the name of the score that represents the baseline."""
        return next(iter(self.scores))

    def metadata(self, score: str) -> dict[str, str]:
        """Return direction, description, cost and source of one of its scores, as `ScoreInfo.metadata` does."""
        return {
            "direction": self.scores[score].direction,
            "description": self.scores[score].description,
            "cost": f"{self.cost:g} plain training{'' if self.cost == 1 else 's'}",
            "source": self.source,
        }


BASELINES: dict[str, BaselineInfo] = {
    "confident_learning": BaselineInfo(
        target="curv_issues.baselines.confident_learning:confident_learning",
        scores={
            "cl_self_confidence": BaselineScore("low", "out-of-sample probability of the given class, from k-fold networks"),
            "cl_normalized_margin": BaselineScore(
                "low", "out-of-sample probability of the given class minus the largest other one, rescaled to [0, 1]"
            ),
        },
        cost=4,  # 5 folds, 4/5 of the data each
        flags=True,
        source="Northcutt, Jiang, Chuang 2021, JAIR; cleanlab",
    ),
    "knn_label_score": BaselineInfo(
        target="curv_issues.baselines.knn_label_score:knn_label_score",
        scores={
            "knn_label_score": BaselineScore(
                "low", "fraction of the 10 nearest other samples with the given label (cleanlab's Datalab)"
            ),
        },
        cost=1,
        flags=True,
        source="cleanlab, Datalab's label issue from features",
        takes_features=True,
    ),
    "ssft": BaselineInfo(
        target="curv_issues.baselines.ssft:second_split_forgetting",
        scores={
            "ssft": BaselineScore("low", "epoch of training on the other half after which the sample is forgotten for good"),
        },
        cost=2,  # both directions, each half of the data in both phases
        flags=False,
        source="Maini, Garg, Lipton, Kolter 2022, NeurIPS",
    ),
    "aum_threshold": BaselineInfo(
        target="curv_issues.baselines.aum_threshold:aum_with_threshold_samples",
        scores={
            "aum": BaselineScore("low", "area under the margin, in trainings where threshold samples form an extra class"),
        },
        cost=2,
        flags=True,
        source="Pleiss, Zhang, Elenberg, Weinberger 2020, NeurIPS",
    ),
    "memorization": BaselineInfo(
        target="curv_issues.baselines.memorization:memorization",
        scores={
            "memorization": BaselineScore(
                "high", "increase in the probability of predicting the given label if the sample is in the training set"
            ),
        },
        cost=14,  # 20 networks, 0.7 of the data each
        flags=False,
        source="Feldman, Zhang 2020, NeurIPS",
    ),
}
