"""Base classes of quantities tracked over the epochs and of user-supplied scores, and the batches they observe."""

from __future__ import annotations

import copy
import enum
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.errors import UsageError
from curv_issues.results.kinds import KINDS
from curv_issues.results.tables import SCORES as SCORES_TABLE
from curv_issues.trackers import ALL_SCORES, Epochs, ScoreInfo

EARLY = 0.2
"""Fraction of early epochs, rounded up. The EL2N paper uses epochs 10 to 20 of 200 and several networks."""


class Need(enum.IntEnum):
    """What a quantity is measured on; each need includes the earlier ones of the same pass.

    The training pass uses augmented samples in training mode. A scoring pass uses un-augmented samples in evaluation mode,
    with fixed weights.

    TRAINING: logits of the training pass, at no cost.
    TRAINING_GRADIENT: also the input gradient of the training loss.
    EVALUATION: logits of the scoring pass.
    GRADIENT: also the input gradient of the loss.
    CURVATURE: also the input gradients at perturbed inputs.
    CONTRAST: also the input gradients, original and perturbed, under the strongest other label.
    """

    TRAINING = 0
    TRAINING_GRADIENT = 1
    EVALUATION = 2
    GRADIENT = 3
    CURVATURE = 4
    CONTRAST = 5

    @property
    def in_training(self) -> bool:
        """Return whether the training pass meets the need; otherwise a scoring pass does."""
        return self <= Need.TRAINING_GRADIENT


@dataclass(frozen=True, eq=False)
class Observation:
    """One batch as the quantities observe it, without gradient history; each property is computed once.

    Attributes:
        index: (b,) int64, the samples' positions in the data (on the CPU).
        labels: (b,) int64, the given labels.
        logits: (b, k) float32.
        gradient: (b, ...) gradient of each sample's loss with respect to its input, if the pass computes it. In the training
            pass, it is that of the loss under the training label, mapped back to the un-augmented sample.
        curvature: (b,) input-loss curvature, if the pass computes it.
        rival_curvature: (b,) curvature under the strongest other label, if the pass computes it.
    """

    index: Tensor
    labels: Tensor
    logits: Tensor
    gradient: Tensor | None = None
    curvature: Tensor | None = None
    rival_curvature: Tensor | None = None

    @cached_property
    def losses(self) -> Tensor:
        """Return the cross-entropy of the given label, (b,), >= 0."""
        return functional.cross_entropy(self.logits, self.labels, reduction="none")

    @cached_property
    def margins(self) -> Tensor:
        """Return the given-class logit minus the largest other logit, (b,)."""
        given = self.labels[:, None]
        others = self.logits.scatter(1, given, float("-inf"))
        return self.logits.gather(1, given)[:, 0] - others.max(1).values

    @cached_property
    def gradient_norms(self) -> Tensor:
        """Return the Euclidean norm of the input gradient, (b,)."""
        assert self.gradient is not None  # computed by every pass that meets a need for gradients
        return self.gradient.flatten(1).norm(dim=1)

    @cached_property
    def residual_norms(self) -> Tensor:
        """Return the Euclidean norm of softmax minus one-hot given label, (b,), in [0, sqrt 2]."""
        one_hot = functional.one_hot(self.labels, self.logits.shape[1])
        return torch.linalg.vector_norm(self.logits.softmax(1) - one_hot, dim=1)


class Quantity(ABC):
    """One number per sample, tracked over the epochs.

    A subclass sets `name` and `needs`, and implements `measure`. It uses the *given* labels. Each measured epoch takes one
    float32 per sample; the epoch in progress stays on the device of its batches.

    Attributes:
        name: unique name.
        needs: what it is measured on, see `Need`.
        trajectory: name under which the history is published in a result, or None.
        epochs: which measured epochs are kept: "all", "last" or "early" (the first fifth).
    """

    name: ClassVar[str]
    needs: ClassVar[Need]
    trajectory: ClassVar[str | None] = None

    def __init__(self, num_samples: int, num_epochs: int, epochs: Epochs = "all") -> None:
        self.num_samples, self.num_epochs, self.epochs = num_samples, num_epochs, epochs
        self._columns: dict[int, np.ndarray] = {}  # epoch -> (n,)
        self._open: tuple[int, Tensor] | None = None  # the epoch in progress

    @abstractmethod
    def measure(self, batch: Observation) -> Tensor:
        """Return the quantity of each sample in the batch, (b,)."""

    def observe(self, epoch: int, batch: Observation) -> None:
        """Record the quantity of one batch in epoch `epoch` (from 0)."""
        if self.epochs == "early" and epoch >= early(self.num_epochs):
            return
        values = self.measure(batch)
        if self._open is None or self._open[0] != epoch:
            self.end_epoch()
            self._open = epoch, self._begun(epoch, values.device)
        column = self._open[1]
        column[batch.index.to(values.device, non_blocking=True)] = values.to(column.dtype)

    def _begun(self, epoch: int, device: torch.device) -> Tensor:
        """Return a copy of what was measured in an epoch before a state was saved, (n,); NaN where nothing was."""
        column = self._columns.get(epoch)
        if column is None:
            return self._unmeasured(device)
        return torch.from_numpy(column.copy()).to(device)

    def _unmeasured(self, device: torch.device) -> Tensor:
        """Return the column of an epoch in which nothing was measured yet, of NaN."""
        return torch.full((self.num_samples,), math.nan, device=device)

    def end_epoch(self) -> None:
        """Move the epoch in progress to main memory; it replaces the previous one if only the last is kept."""
        if self._open is not None:
            if self.epochs == "last":
                self._columns.clear()
            epoch, column = self._open
            self._columns[epoch] = column.cpu().numpy()
            self._open = None

    @property
    def measured(self) -> tuple[int, ...]:
        """Return the kept epochs, in increasing order."""
        self.end_epoch()
        return tuple(sorted(self._columns))

    def of_epoch(self, epoch: int) -> np.ndarray:
        """Return the quantity in one kept epoch, float32 (n,); NaN for samples that were not measured."""
        self.end_epoch()
        return self._columns[epoch]

    @property
    def history(self) -> np.ndarray:
        """Return the quantity in the e kept epochs, float32 (n, e); NaN for samples that were not measured."""
        columns = [self._columns[epoch] for epoch in self.measured]
        return _by_sample(np.stack(columns)) if columns else np.empty((self.num_samples, 0), dtype=np.float32)

    def by_epoch(self, num_epochs: int) -> np.ndarray:
        """Return the quantity by epoch, float32 (n, num_epochs); NaN in epochs that are not kept."""
        found = np.full((self.num_samples, num_epochs), np.nan, dtype=np.float32)
        for epoch in self.measured:
            found[:, epoch] = self._columns[epoch]
        return found

    def keep_epochs(self, epochs: int) -> None:
        """Drop all but the first `epochs` epochs, because an interrupted epoch measured only a part of the samples."""
        if self._open is not None and self._open[0] >= epochs:
            self._open = None
        self.num_epochs = epochs
        end = early(epochs) if self.epochs == "early" else epochs
        self._columns = {epoch: self._columns[epoch] for epoch in self.measured if epoch < end}

    def emptied(self) -> Self:
        """Return a copy that has measured nothing."""
        found = copy.copy(self)
        found._columns, found._open = {}, None
        return found

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the full state after a finished epoch: arrays `epochs`, int64 (e,), and `history`, float32 (n, e)."""
        return {"epochs": np.array(self.measured, dtype=np.int64), "history": self.history}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Load a state with the same number of samples.

        Raises:
            ValueError: the number of samples differs, or the state has epochs that this quantity does not have.
        """
        self._check(state)
        self._open = None
        columns = zip(state["epochs"].tolist(), _by_sample(state["history"]), strict=True)
        self._columns = {epoch: column.copy() for epoch, column in columns}

    def merge(self, other: Quantity) -> None:
        """Add what another run measured on samples that this one has not seen (disjoint shards).

        Raises:
            ValueError: the other quantity has a different number of samples or epochs.
        """
        state = other.state_dict()
        self._check(state)
        self.end_epoch()
        for epoch, column in zip(state["epochs"].tolist(), _by_sample(state["history"]), strict=True):
            own = self._columns.get(epoch, column)
            self._columns[epoch] = np.where(np.isnan(own), column, own)

    def _check(self, state: Mapping[str, np.ndarray]) -> None:
        samples, epochs = state["history"].shape[0], state["epochs"].tolist()
        if samples != self.num_samples or any(epoch >= self.num_epochs for epoch in epochs):
            expected = f"{self.num_samples} samples and epochs below {self.num_epochs}"
            raise ValueError(f"Expected {expected}, got {samples} samples and epochs {epochs}.")


def _by_sample(columns: np.ndarray) -> np.ndarray:
    """Return (e, n, ...) as (n, e, ...), or the other way round, without copying."""
    return np.moveaxis(columns, 0, 1)


def early(num_epochs: int) -> int:
    """Return the number of early epochs."""
    return math.ceil(EARLY * num_epochs)


class Tracker(Quantity):
    """A user-supplied score with its quantity: `measure` returns the quantity, `reduce` reduces its history to the score.

    Attributes:
        name: name of the score.
        info: its direction, description, cost and source.
        last_only: whether the score needs only the last measured epoch.
    """

    info: ClassVar[ScoreInfo]
    last_only: ClassVar[bool] = False

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs, "last" if self.last_only else "all")

    @abstractmethod
    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Return the score (n,) from the history of the measured epochs, float64 (n, e), e >= 1."""


def check_trackers(classes: Sequence[Any], *, taken: Sequence[str] = tuple(ALL_SCORES), trajectories: Sequence[str] = ()) -> None:
    """Check user-supplied trackers before a run starts.

    Args:
        classes: the user-supplied trackers.
        taken: names of the package's scores.
        trajectories: names under which the package publishes histories.

    Raises:
        UsageError: a tracker is not a tracker class, is incomplete, or uses the name of another score or trajectory.
    """
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Tracker)):
            raise UsageError(f"Expected a subclass of Tracker, got {cls!r}.")
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise UsageError(f"{cls.__name__} must define {missing}.")
        name, info = getattr(cls, "name", None), getattr(cls, "info", None)
        if not isinstance(name, str) or not isinstance(getattr(cls, "needs", None), Need):
            raise UsageError(f"{cls.__name__} must set `name` (a string) and `needs` (a Need).")
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
            raise UsageError(f"The {what} name {name!r} is already the name of a column; choose another name.")
        if names.count(name) > 1:
            raise UsageError(f"Several trackers have a {what} named {name!r}; choose unique names.")
