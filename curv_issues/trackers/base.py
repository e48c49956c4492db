"""Quantities that are followed over the epochs, the batches they are measured on, and scores of the user's own."""

from __future__ import annotations

import enum
import inspect
import math
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
from curv_issues.results.kinds import KINDS
from curv_issues.results.tables import SCORES as SCORES_TABLE
from curv_issues.trackers import SCORES, Epochs, ScoreInfo

EARLY = 0.2
"""Fraction of the epochs that are early, rounded up. EL2N's paper takes epochs 10 to 20 of 200 and several networks."""


class Need(enum.IntEnum):
    """What a quantity is measured on, in the training pass or in a scoring pass; each includes those before it of the same pass.

    The training pass sees augmented samples in training mode; a scoring pass un-augmented ones in evaluation mode, weights fixed.

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
    """One batch as the quantities see it; nothing in it carries gradient history, and each property is computed once.

    Attributes:
        index: (b,) int64, the samples' positions in the data (on the CPU).
        labels: (b,) int64, the given labels.
        logits: (b, k) float32.
        gradient: (b, ...) gradient of each sample's loss with respect to its input, in passes that compute it; in the training pass
            that of the loss under the training label, mapped from the augmented sample back to the sample.
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


class Quantity(ABC):
    """One number per sample, followed over the epochs.

    A subclass sets `name` and `needs`, and says what to `measure` of a batch. It uses the *given* labels. Only epochs that are
    measured take memory: one float32 per sample each. The epoch that is being measured stays on the device of its batches.

    Attributes:
        name: unique.
        needs: what the measurement is made on, see `Need`.
        trajectory: name under which the history is published in a result, or None.
        epochs: which measured epochs are kept: "all", "last" or "early" (the first fifth).
    """

    name: ClassVar[str]
    needs: ClassVar[Need]
    trajectory: ClassVar[str | None] = None

    def __init__(self, num_samples: int, num_epochs: int, epochs: Epochs = "all") -> None:
        self.num_samples, self.num_epochs, self.epochs = num_samples, num_epochs, epochs
        self._columns: dict[int, np.ndarray] = {}  # epoch -> (n,)
        self._open: tuple[int, Tensor] | None = None  # the epoch that is being measured

    @abstractmethod
    def measure(self, batch: Observation) -> Tensor:
        """The quantity of each sample in the batch, (b,)."""

    def observe(self, epoch: int, batch: Observation) -> None:
        """Record the quantity of one batch in epoch `epoch` (from 0)."""
        if self.epochs == "early" and epoch >= early(self.num_epochs):
            return
        values = self.measure(batch).float()
        if self._open is None or self._open[0] != epoch:
            self.end_epoch()
            self._open = epoch, torch.full((self.num_samples,), math.nan, device=values.device)
        self._open[1][batch.index.to(values.device, non_blocking=True)] = values

    def end_epoch(self) -> None:
        """Move the epoch that was being measured to main memory, in place of an older one if only the last is kept."""
        if self._open is not None:
            if self.epochs == "last":
                self._columns.clear()
            epoch, column = self._open
            self._columns[epoch] = column.cpu().numpy()
            self._open = None

    @property
    def measured(self) -> tuple[int, ...]:
        """The epochs that are kept, in increasing order."""
        self.end_epoch()
        return tuple(sorted(self._columns))

    @property
    def history(self) -> np.ndarray:
        """float32 (n, e), the quantity in the e kept epochs; NaN for samples that were not measured."""
        columns = [self._columns[epoch] for epoch in self.measured]
        return np.stack(columns).T if columns else np.empty((self.num_samples, 0), dtype=np.float32)

    def by_epoch(self, num_epochs: int) -> np.ndarray:
        """float32 (n, num_epochs), NaN in epochs that are not kept."""
        found = np.full((self.num_samples, num_epochs), np.nan, dtype=np.float32)
        for epoch in self.measured:
            found[:, epoch] = self._columns[epoch]
        return found

    def keep_epochs(self, epochs: int) -> None:
        """Forget all but the first `epochs` epochs: an epoch cut short measured only a part of the samples."""
        if self._open is not None and self._open[0] >= epochs:
            self._open = None
        self.num_epochs = epochs
        end = early(epochs) if self.epochs == "early" else epochs
        self._columns = {epoch: self._columns[epoch] for epoch in self.measured if epoch < end}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the whole state of a finished epoch as plain arrays: `epochs`, int64 (e,), and `history`, float32 (n, e)."""
        return {"epochs": np.array(self.measured, dtype=np.int64), "history": self.history}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state of as many samples.

        Raises:
            ValueError: the state is of another number of samples, or has epochs that this quantity does not.
        """
        self._check(state)
        self._open = None
        columns = zip(state["epochs"].tolist(), state["history"].T, strict=True)
        self._columns = {epoch: column.copy() for epoch, column in columns}

    def merge(self, other: Quantity) -> None:
        """Take over what another run measured of samples that this one has not seen (disjoint shards).

        Raises:
            ValueError: the other is of another number of samples or epochs.
        """
        state = other.state_dict()
        self._check(state)
        self.end_epoch()
        for epoch, column in zip(state["epochs"].tolist(), state["history"].T, strict=True):
            own = self._columns.get(epoch, column)
            self._columns[epoch] = np.where(np.isnan(own), column, own)

    def _check(self, state: Mapping[str, np.ndarray]) -> None:
        samples, epochs = state["history"].shape[0], state["epochs"].tolist()
        if samples != self.num_samples or any(epoch >= self.num_epochs for epoch in epochs):
            expected = f"{self.num_samples} samples and epochs below {self.num_epochs}"
            raise ValueError(f"Expected {expected}, got {samples} samples and epochs {epochs}.")


def early(num_epochs: int) -> int:
    """Return how many of the epochs are early."""
    return math.ceil(EARLY * num_epochs)


class Tracker(Quantity):
    """A score of the user's own with its quantity: `measure` says what is followed, `reduce` makes the score of its history.

    Attributes:
        name: of the score.
        info: its direction, description, cost and source.
        last_only: whether the score needs the last measured epoch only.
    """

    info: ClassVar[ScoreInfo]
    last_only: ClassVar[bool] = False

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs, "last" if self.last_only else "all")

    @abstractmethod
    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Score (n,) from the history of the measured epochs, float64 (n, e), e >= 1."""


def check_trackers(classes: Sequence[Any], *, taken: Sequence[str] = tuple(SCORES), trajectories: Sequence[str] = ()) -> None:
    """Check the user's own trackers before a run starts.

    Args:
        classes: what the user gave.
        taken: names of the scores of the package.
        trajectories: names under which the package publishes histories.

    Raises:
        UsageError: one is no tracker class, lacks something, or its score or trajectory is called like another.
    """
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Tracker)):
            raise UsageError(f"Expected a subclass of Tracker, got {cls!r}.")
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise UsageError(f"{cls.__name__} must define {missing}, as every tracker does.")
        name, info = getattr(cls, "name", None), getattr(cls, "info", None)
        if not isinstance(name, str) or not isinstance(getattr(cls, "needs", None), Need):
            raise UsageError(f"{cls.__name__} must set `name` (text) and `needs` (a Need).")
        if not isinstance(info, ScoreInfo):
            raise UsageError(f"{cls.__name__} must set `info` (a ScoreInfo).")
        if info.direction not in ("high", "low"):
            raise UsageError(f"The direction of {cls.__name__} must be 'high' or 'low', got {info.direction!r}.")
    _check_names(
        "score",
        [*taken, *(cls.name for cls in classes)],
        reserved=[*SCORES_TABLE.names, *(column for kind in KINDS.values() for column in kind.scores)],
    )
    own = [cls.trajectory for cls in classes if cls.trajectory is not None]
    _check_names("trajectory", [*trajectories, *own], reserved=["row"])


def _check_names(what: str, names: list[str], *, reserved: list[str]) -> None:
    for name in names:
        if name in reserved:
            raise UsageError(f"No {what} can be called {name!r}, the name of another column; choose another name.")
        if names.count(name) > 1:
            raise UsageError(f"Several trackers have a {what} called {name!r}; each needs a name of its own.")
