"""How far each sample is from all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.data.base import LabeledData
from curv_issues.duplicates.nearest import nearest
from curv_issues.inputs.features import FeatureInputs
from curv_issues.trackers import ISOLATION_SCORES
from curv_issues.training.record import TrainingRecord

Record = TypeVar("Record", bound=TrainingRecord)
NEIGHBOUR = 5  # whose distance counts: the few copies of a foreign image are all far from the fifth
GALLERY = {"images": 5_000, "features": 1_000}  # samples compared with; features are longer, and gain nothing from more
SIDE = 8  # pixels of a thumbnail
CHUNK = 4_096  # samples


def with_isolation(run: Record, data: LabeledData) -> Record:
    """Return the run with the score `isolation`, or without it if it would say nothing.

    That is the case with too few samples, with labels only, and if most samples have equal distances, such as copies.

    Args:
        run: on n samples.
        data: the same samples. Images are compared as thumbnails of 8 x 8 pixels without their mean and contrast; features as
            they are, standardised.
    """
    if data.images is not None:
        vectors_at, gallery = _thumbnails(data.images), GALLERY["images"]
    elif data.features is not None:
        vectors_at, gallery = _standardised(data.features), GALLERY["features"]
    else:
        return run
    if len(data) <= NEIGHBOUR:
        return run
    score = isolation(len(data), vectors_at, gallery=gallery, device=torch.device(run.device))
    if score is None:
        return run
    return replace(
        run,
        scores={**run.scores, "isolation": score},
        score_metadata={**run.score_metadata, "isolation": ISOLATION_SCORES["isolation"].metadata()},
    )


def isolation(n: int, vectors_at: Callable[[Tensor], Tensor], *, gallery: int, device: torch.device) -> np.ndarray | None:
    """Return how far the distance to the fifth nearest of some random samples lies above the upper quartile of all distances.

    Args:
        n: number of samples.
        vectors_at: returns the vectors of some samples, float32 (m, d), for their positions, int64 (m,).
        gallery: number of samples to compare with.
        device: where to compute.

    Returns:
        float64 (n,), in interquartile ranges; above 1.5 to 3, values count as outliers (Tukey 1977). None if that range is 0.
    """
    chosen = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(n)[:gallery]))
    itself = torch.full((n,), -1)
    itself[chosen] = torch.arange(len(chosen))
    others = vectors_at(chosen)
    compared = torch.cat([others, -others.square().sum(1, keepdim=True) / 2], dim=1)  # the nearest has the largest inner product
    distance = np.empty(n)
    for index in torch.arange(n).split(CHUNK):
        vectors = vectors_at(index)
        queries = torch.cat([vectors, torch.ones(len(index), 1)], dim=1)
        _, products = nearest(queries, compared, NEIGHBOUR, device=device, itself=itself[index])
        squares = vectors.square().sum(1) - 2 * products[:, -1]
        distance[index.numpy()] = squares.clamp_min(0).sqrt().numpy()
    lower, upper = np.quantile(distance, [0.25, 0.75])
    return (distance - upper) / (upper - lower) if upper > lower else None


def _thumbnails(images: np.ndarray) -> Callable[[Tensor], Tensor]:
    """Return a function that returns the thumbnails of images (n, h, w, c), float32 (m, d), of unit length."""

    def vectors_at(index: Tensor) -> Tensor:
        pixels = torch.from_numpy(np.array(images[index.numpy()])).permute(0, 3, 1, 2).float()
        small = functional.adaptive_avg_pool2d(pixels, SIDE).flatten(1)
        return functional.normalize(small - small.mean(1, keepdim=True), dim=1)

    return vectors_at


def _standardised(features: np.ndarray) -> Callable[[Tensor], Tensor]:
    """Return a function that returns the standardised features, float32 (m, d); ranks would hide a single wild value."""
    inputs = FeatureInputs(features, ranks=False)
    return lambda index: inputs.batch(index, torch.device("cpu"))
