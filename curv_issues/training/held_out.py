"""Follow loss and curvature of samples that are not trained on, and compare them with those of the training.

Curvature of held-out samples goes on rising when that of training samples falls (Garg, Ravikumar, Roy 2023, figures 6 and 8).
How well the loss (Yeom et al. 2018) or the curvature (Ravikumar et al. 2024) tells training samples from others measures privacy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from curv_issues.data.base import LabeledData
from curv_issues.inputs.base import Inputs
from curv_issues.inputs.features import FeatureInputs
from curv_issues.inputs.images import ImageInputs
from curv_issues.trackers.base import Quantity
from curv_issues.trackers.quantities import Curvature, EvaluationLoss

MOST_HELD_OUT = 2_000
"""Held-out samples that are measured, so that they add little time."""
LEAST_HELD_OUT = 20
MEASURED = {"loss": EvaluationLoss.name, "curvature": Curvature.name}
"""What is compared, and the quantity that measures it."""


@dataclass(frozen=True, eq=False)
class HeldOutSamples:
    """Samples with classes of the training that are not among its samples.

    Attributes:
        data: m samples.
        labels: int64 (m,), their classes in the numbers of the training.
    """

    data: LabeledData
    labels: np.ndarray


def choose_held_out(data: LabeledData, others: LabeledData, *, seed: int) -> HeldOutSamples | None:
    """Return at most `MOST_HELD_OUT` samples of other data, drawn at random; None if fewer than `LEAST_HELD_OUT` can be used.

    Samples of classes that the training does not have, and samples with the content of a training sample, are left out.

    Args:
        data: n samples of the training.
        others: other samples.
        seed: of the draw.
    """
    labels, is_copy = _labels_and_copies(data, others)
    usable = np.flatnonzero((labels >= 0) & ~is_copy)
    if len(usable) < LEAST_HELD_OUT or not _same_kind(data, others):
        return None
    drawn = np.sort(np.random.default_rng(seed).permutation(usable)[:MOST_HELD_OUT])
    return HeldOutSamples(others.take(drawn), labels[drawn])


def describe_unusable(data: LabeledData, others: LabeledData) -> str | None:
    """Return why `choose_held_out` can use no samples of other data, without a full stop; None if it can."""
    if not _same_kind(data, others):
        return "the network cannot read them"
    labels, is_copy = _labels_and_copies(data, others)
    num_copies, num_unknown = int(is_copy.sum()), int(((labels < 0) & ~is_copy).sum())
    num_usable = len(others) - num_copies - num_unknown
    if num_usable >= LEAST_HELD_OUT:
        return None
    return (
        f"of {len(others):,} samples, {num_copies:,} are left out as copies of training samples and {num_unknown:,} as samples of "
        f"unknown classes, so {num_usable:,} remain; at least {LEAST_HELD_OUT} are needed"
    )


def _labels_and_copies(data: LabeledData, others: LabeledData) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of other samples in the numbers of the training, int64, -1: unknown; and whether they are copies, bool."""
    codes = {name: code for code, name in enumerate(data.class_names)}
    of_class = np.array([codes.get(name, -1) for name in others.class_names], dtype=np.int64)
    return of_class[others.labels], np.isin(others.image_sha256, data.image_sha256)


def _same_kind(data: LabeledData, others: LabeledData) -> bool:
    """Return whether a network that is trained on data can read others: not colour images after grey ones."""
    if data.images is None or others.images is None:
        return data.images is others.images
    return others.images.shape[-1] in (1, data.images.shape[-1])


class HeldOut:
    """Measures held-out samples after the same epochs as those of the training."""

    def __init__(self, samples: HeldOutSamples, inputs: Inputs, *, num_epochs: int) -> None:
        """Prepare the samples as inputs like those of the training."""
        self._inputs = _inputs_like(inputs, samples.data)
        self._labels = torch.from_numpy(samples.labels)
        self._quantities: list[Quantity] = [kind(len(samples.labels), num_epochs) for kind in (EvaluationLoss, Curvature)]

    def score(self, measure: Callable[[Inputs, Tensor, Sequence[Quantity]], object]) -> None:
        """Measure all held-out samples by a scoring pass, which takes inputs, labels and quantities."""
        measure(self._inputs, self._labels, self._quantities)

    def compare(self, of_training: Mapping[str, Quantity]) -> dict[str, Any] | None:
        """Return how training and held-out samples differ, as JSON values; None if neither loss nor curvature was measured.

        Args:
            of_training: the quantities of the training by name.

        Returns:
            `num_held_out`; `auroc`: for loss and curvature after the last measured epoch, `value` (how often a training sample has
            the lower one: 0.5 means that they cannot be told apart) with its 95% interval `low` and `high`; `epochs` (from 1), and
            `by_epoch`: for loss and curvature, the means `training` and `held_out` and the `auroc`.
        """
        own = {quantity.name: quantity for quantity in self._quantities}
        epochs = own[Curvature.name].measured
        measured = {
            name: key for name, key in MEASURED.items() if key in of_training and set(epochs) <= set(of_training[key].measured)
        }
        if not epochs or not measured:
            return None
        found: dict[str, Any] = {"num_held_out": len(self._labels), "auroc": {}, "epochs": [epoch + 1 for epoch in epochs]}
        by_epoch: dict[str, Any] = {}
        for name, key in measured.items():
            trained, held_out = (
                quantity.by_epoch(quantity.num_epochs)[:, epochs].astype(np.float64) for quantity in (of_training[key], own[key])
            )
            auroc = [membership_auroc(trained[:, place], held_out[:, place]) for place in range(len(epochs))]
            found["auroc"][name] = with_interval(auroc[-1], len(trained), len(held_out))
            by_epoch[name] = {"training": trained.mean(axis=0), "held_out": held_out.mean(axis=0), "auroc": auroc}
        return {**found, "by_epoch": by_epoch}


def membership_auroc(trained: np.ndarray, held_out: np.ndarray) -> float:
    """Return how often a training sample has a lower value than a held-out one, in [0, 1]; equal values count one half."""
    if not (np.isfinite(trained).all() and np.isfinite(held_out).all()):
        return math.nan
    ordered = np.sort(trained)
    below, up_to = (np.searchsorted(ordered, held_out, side=side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(trained))


def with_interval(auroc: float, num_trained: int, num_held_out: int) -> dict[str, float]:
    """Return an AUROC with its 95% interval by the standard error of Hanley and McNeil (1982)."""
    q1, q2 = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    variance = auroc * (1 - auroc) + (num_held_out - 1) * (q1 - auroc**2) + (num_trained - 1) * (q2 - auroc**2)
    half = 1.96 * math.sqrt(max(variance, 0.0) / (num_trained * num_held_out))
    return {"value": auroc, "low": max(0.0, auroc - half), "high": min(1.0, auroc + half)}


def _inputs_like(inputs: Inputs, data: LabeledData) -> Inputs:
    """Return samples as inputs of a network that was trained on others."""
    if isinstance(inputs, FeatureInputs):
        assert data.features is not None
        return inputs.of_others(data.features)
    assert data.images is not None
    images = np.asarray(data.images)
    return ImageInputs(images if images.shape[-1] == inputs.shape[0] else images.repeat(inputs.shape[0], axis=-1))  # grey as RGB
