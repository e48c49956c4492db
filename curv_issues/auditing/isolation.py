"""How far each sample is from all others."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.data.base import LabeledData
from curv_issues.duplicates.nearest import nearest
from curv_issues.trackers import ISOLATION_SCORES
from curv_issues.training.record import TrainingRecord

Record = TypeVar("Record", bound=TrainingRecord)
NEIGHBOUR = 5  # whose distance counts, so that a few alike are isolated together
GALLERY = 5_000  # samples compared with
SIDE = 8  # pixels of a thumbnail
CHUNK = 4_096  # samples


def with_isolation(run: Record, data: LabeledData) -> Record:
    """Return the run with the score `isolation`, or without it if there are too few samples, or only their labels.

    Args:
        run: on n samples.
        data: the same samples. Images are compared as thumbnails of 8 x 8 pixels without their mean and contrast; features as
            they are, standardised.
    """
    if len(data) <= NEIGHBOUR or (data.images is None and data.features is None):
        return run
    score = isolation(_vectors(data), device=torch.device(run.device))
    return replace(
        run,
        scores={**run.scores, "isolation": score},
        score_metadata={**run.score_metadata, "isolation": ISOLATION_SCORES["isolation"].metadata()},
    )


def isolation(vectors: Tensor, *, device: torch.device) -> np.ndarray:
    """Return how far the distance to the fifth nearest of 5,000 random vectors lies above the upper quartile of all distances.

    Args:
        vectors: float32 (n, d).
        device: where to compute.

    Returns:
        float64 (n,), in interquartile ranges; above 1.5 to 3, values count as outliers (Tukey 1977).
    """
    n = len(vectors)
    chosen = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(n)[:GALLERY]))
    itself = torch.full((n,), -1)
    itself[chosen] = torch.arange(len(chosen))
    half = vectors.square().sum(1, keepdim=True) / 2
    gallery = torch.cat([vectors, -half], dim=1)[chosen]  # so that the largest inner product is the least distance
    _, products = nearest(torch.cat([vectors, torch.ones_like(half)], dim=1), gallery, NEIGHBOUR, device=device, itself=itself)
    distance = (2 * (half[:, 0] - products[:, -1])).clamp_min(0).sqrt().double().numpy()
    lower, upper = np.quantile(distance, [0.25, 0.75])
    return (distance - upper) / max(upper - lower, np.finfo(np.float32).tiny)


def _vectors(data: LabeledData) -> Tensor:
    """Return the vectors to compare, float32 (n, d)."""
    if data.images is None:
        assert data.features is not None
        features = torch.from_numpy(np.array(data.features, dtype=np.float32))
        return (features - features.mean(0)) / features.std(0).clamp_min(torch.finfo(torch.float32).tiny)
    found = []
    for start in range(0, len(data), CHUNK):
        pixels = torch.from_numpy(np.array(data.images[start : start + CHUNK])).permute(0, 3, 1, 2).float()
        small = functional.adaptive_avg_pool2d(pixels, SIDE).flatten(1)
        found.append(functional.normalize(small - small.mean(1, keepdim=True), dim=1))
    return torch.cat(found)
