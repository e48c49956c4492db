"""The protocol of a tracker, and the batches it sees."""

from __future__ import annotations

import enum
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.errors import UsageError
from curv_issues.findings.duplicate_conflict import SCORE as CONFLICT_SCORE
from curv_issues.result_tables import SCORES as SCORES_TABLE
from curv_issues.trackers import SCORES, ScoreInfo


class Need(enum.IntEnum):
    """What a tracker looks at, in the training pass or in a scoring pass; each includes what stands before it of the same pass.

    The training pass sees augmented pictures in training mode; a scoring pass clean ones in evaluation mode, weights fixed.

    TRAINING: logits of the training pass: costs nothing.
    TRAINING_GRADIENT: also the input gradient of the training loss.
    EVALUATION: logits of the scoring pass.
    GRADIENT: also the input gradient of the loss.
    CURVATURE: also the input gradients at perturbed inputs.
    CONTRAST: also both kinds of input gradients under the strongest other label.
    """

    TRAINING = 0
    TRAINING_GRADIENT = 1
    EVALUATION = 2
    GRADIENT = 3
    CURVATURE = 4
    CONTRAST = 5

    @property
    def in_training(self) -> bool:
        """Whether the training pass serves it; else a scoring pass does."""
        return self <= Need.TRAINING_GRADIENT


@dataclass(frozen=True, eq=False)
class Observation:
    """One batch as the trackers see it; nothing in it carries gradient history, and each quantity is computed once.

    Attributes:
        index: (b,) int64, the samples' positions in the data (on the CPU).
        labels: (b,) int64, the given labels.
        logits: (b, k) float32.
        gradient: (b, c, h, w) gradient of each sample's loss with respect to its picture, in passes that compute it; in the
            training pass that of the augmented picture, moved back through shift and flip.
        curvature: (b,) input-loss curvature, in passes that compute it.
        rival_curvature: (b,) the same under the strongest other label, in passes that compute it.
    """

    index: Tensor
    labels: Tensor
    logits: Tensor
    gradient: Tensor | None = None
    curvature: Tensor | None = None
    rival_curvature: Tensor | None = None

    @cached_property
    def losses(self) -> Tensor:
        """(b,) cross-entropy of the given label, >= 0."""
        return functional.cross_entropy(self.logits, self.labels, reduction="none")

    @cached_property
    def margins(self) -> Tensor:
        """(b,) given-class logit minus the largest other logit."""
        given = self.labels[:, None]
        others = self.logits.scatter(1, given, float("-inf"))
        return self.logits.gather(1, given)[:, 0] - others.max(1).values

    @cached_property
    def gradient_norms(self) -> Tensor:
        """(b,) Euclidean norm of the input gradient."""
        assert self.gradient is not None  # a pass that serves a need for gradients computes it
        return self.gradient.flatten(1).norm(dim=1)

    @cached_property
    def residual_norms(self) -> Tensor:
        """(b,) Euclidean norm of softmax minus one-hot given label, in [0, sqrt 2]."""
        one_hot = functional.one_hot(self.labels, self.logits.shape[1])
        return torch.linalg.vector_norm(self.logits.softmax(1) - one_hot, dim=1)


class Tracker(ABC):
    """One quantity of every sample, followed over the epochs, and the score made from it.

    A subclass sets `name` and `needs`, and says what to `measure` of a batch and how to `reduce` its history.
    Its state is `history`, float32 (n, epochs), NaN where nothing was measured. It uses the *given* labels.

    Attributes:
        name: of the score; a key of `SCORES`, or a new one for a tracker of the user's, which then sets `info` too.
        needs: what the measurement looks at, see `Need`.
        last_only: whether the score looks at the last measured epoch only.
        trajectory: name under which the history is published, or None.
    """

    name: ClassVar[str]
    needs: ClassVar[Need]
    trajectory: ClassVar[str | None] = None
    info: ClassVar[ScoreInfo | None] = None
    last_only: ClassVar[bool] = False

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        self.history = np.full((num_samples, num_epochs), np.nan, dtype=np.float32)

    @abstractmethod
    def measure(self, batch: Observation) -> Tensor:
        """The quantity of each sample in the batch, (b,)."""

    @abstractmethod
    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Score (n,) from the history of the measured epochs, (n, e), e >= 1."""

    def observe(self, epoch: int, batch: Observation) -> None:
        """Record the quantity of one batch in epoch `epoch` (from 0)."""
        self.history[batch.index.numpy(), epoch] = self.measure(batch).float().cpu().numpy()

    def score(self) -> np.ndarray:
        """Score of every sample, float64 (n,); NaN everywhere while no epoch has been measured."""
        measured = ~np.isnan(self.history).all(axis=0)
        if not measured.any():
            return np.full(len(self.history), np.nan)
        return self.reduce(self.history[:, measured].astype(np.float64))

    def keep_epochs(self, epochs: int) -> None:
        """Forget all but the first `epochs` epochs: an epoch cut short measured only a part of the samples."""
        self.history = self.history[:, :epochs]

    def state_dict(self) -> dict[str, np.ndarray]:
        """The whole state, as plain arrays."""
        return {"history": self.history}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state of the same shape.

        Raises:
            ValueError: the state is of another number of samples or epochs.
        """
        if state["history"].shape != self.history.shape:
            raise ValueError(f"Expected a history of shape {self.history.shape}, got {state['history'].shape}.")
        self.history = state["history"].copy()

    def merge(self, other: Tracker) -> None:
        """Take over what another tracker measured of samples that this one has not seen (disjoint shards).

        Raises:
            ValueError: the other is of another number of samples or epochs.
        """
        if other.history.shape != self.history.shape:
            raise ValueError(f"Expected a history of shape {self.history.shape}, got {other.history.shape}.")
        self.history = np.where(np.isnan(self.history), other.history, self.history)


def score_info(tracker: Tracker) -> ScoreInfo:
    """Direction, cost and source of a tracker's score."""
    return tracker.info or SCORES[tracker.name]


def check_trackers(classes: Sequence[Any]) -> None:
    """Check the trackers of a run before it starts.

    Raises:
        UsageError: one is no tracker class, lacks something, or its score or trajectory is called like another.
    """
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Tracker)):
            raise UsageError(f"Expected a subclass of Tracker, got {cls!r}.")
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise UsageError(f"{cls.__name__} must define {missing}, as every tracker does.")
        name = getattr(cls, "name", None)
        if not isinstance(name, str) or not isinstance(getattr(cls, "needs", None), Need):
            raise UsageError(f"{cls.__name__} must set `name` (text) and `needs` (a Need).")
        if cls.info is None and name not in SCORES:
            raise UsageError(f"{cls.__name__} must set `info` (a ScoreInfo), since {name!r} is not in the table.")
        if cls.info is not None and cls.info.direction not in ("high", "low"):
            raise UsageError(f"The direction of {cls.__name__} must be 'high' or 'low', got {cls.info.direction!r}.")
    _check_names("score", [cls.name for cls in classes], reserved=[*SCORES_TABLE.names, CONFLICT_SCORE])
    _check_names("trajectory", [cls.trajectory for cls in classes if cls.trajectory is not None], reserved=["row"])


def _check_names(what: str, names: list[str], *, reserved: list[str]) -> None:
    for name in names:
        if name in reserved:
            raise UsageError(f"No {what} can be called {name!r}, the name of another column; choose another name.")
        if names.count(name) > 1:
            raise UsageError(f"Several trackers have a {what} called {name!r}; each needs a name of its own.")
