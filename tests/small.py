"""Small data, networks and recipes for tests of the numerical core."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.inputs.base import ProbeSpec
from curv_issues.inputs.images import ImageInputs
from curv_issues.training.recipe import Recipe

CPU = torch.device("cpu")


def make_arrays(n: int = 60, k: int = 3, *, side: int = 8, channels: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy uint8 images (n, side, side, channels) of k classes that differ in their bright pixels, and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    patterns = rng.integers(0, 2, (k, side, side, channels)) * 120
    images = patterns[labels] + rng.integers(0, 136, (n, side, side, channels))
    return images.astype(np.uint8), labels


def make_data(n: int = 60, k: int = 3, *, side: int = 8, channels: int = 1, seed: int = 0) -> LabeledData:
    """Return `make_arrays` as LabeledData at that resolution."""
    images, labels = make_arrays(n, k, side=side, channels=channels, seed=seed)
    return from_arrays(images, labels, class_names=[f"class {i}" for i in range(k)], resolution=side)


def seeded(module_seed: int, build: Any) -> Any:
    """Return `build()` with torch's generator at a seed; the generator is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(module_seed)
        return build()


def smooth_net(features: int = 8, k: int = 3, *, seed: int = 0) -> nn.Module:
    """Return a tanh network (features -> 6 -> k) in float64 and evaluation mode, with weights large enough to be curved."""
    network = seeded(seed, lambda: nn.Sequential(nn.Flatten(), nn.Linear(features, 6), nn.Tanh(), nn.Linear(6, k)))
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(3)
    return network.double().eval()


def linear_probe(spec: ProbeSpec) -> nn.Module:
    """Return the simplest probe."""
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.channels * spec.resolution**2, spec.num_classes))


def mlp_probe(spec: ProbeSpec) -> nn.Sequential:
    """Return a probe with BatchNorm1d and dropout: batch statistics and random numbers in training only."""
    width = spec.channels * spec.resolution**2
    return nn.Sequential(
        nn.Flatten(), nn.Linear(width, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, spec.num_classes)
    )


def inputs_and_labels(b: int = 5, k: int = 3, *, shape: tuple[int, ...] = (1, 2, 4), seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return float64 inputs in [0, 1] and labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(b, *shape, generator=generator, dtype=torch.float64)
    return inputs, torch.randint(0, k, (b,), generator=generator)


RECIPE = Recipe(
    epochs=2,
    batch_size=16,
    learning_rate=0.1,
    weight_decay=5e-4,
    flip=False,
    shift=0,
    curvature_epochs=(1,),
    num_matvecs=1,
    step=1e-2,
    form="squared",
)


def spec_of(data: LabeledData) -> ProbeSpec:
    """Return the specification of a probe for these images."""
    return ImageInputs(data.images).spec(data.num_classes)
