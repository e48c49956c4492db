"""Small networks and weights instead of pretrained ones, offline."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from curv_issues import LabeledData, from_arrays
from tests.small import make_arrays, seeded


class Strips(nn.Module):
    """Mean of each of four vertical strips and each colour, then a random linear map: (b, 3, r, r) -> (b, 6)."""

    def __init__(self, *, seed: int = 0, scale: float = 1.0) -> None:
        super().__init__()
        self.linear = seeded(seed, lambda: nn.Linear(12, 6))
        self.scale = scale

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(nn.functional.adaptive_avg_pool2d(images, (1, 4)).flatten(1)) * self.scale


def photos(n: int = 150, *, side: int = 20) -> LabeledData:
    """Colour images at 20 pixels, of which a probe sees 8."""
    images, labels = make_arrays(n, 3, side=side, channels=3)
    return from_arrays(images, labels, resolution=8)


def put_on_hub(home: Path, name: str, files: dict[str, bytes]) -> None:
    """Put a model into a stand-in cache of the Hub, whose folder is `home`."""
    repository = home / f"models--{name.replace('/', '--')}"
    commit = hashlib.sha1(name.encode()).hexdigest()
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "blobs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    for file, content in files.items():
        (snapshot / file).write_bytes(content)


def expected_features(data: LabeledData, network: Any, tensor_of: Any) -> np.ndarray:
    """The slow and obvious version: one image at a time, averaged over image and mirror image."""
    with torch.no_grad():
        inputs = [torch.as_tensor(tensor_of(data.image(index).convert("RGB")))[None] for index in range(len(data))]
        return torch.cat([(network(x) + network(x.flip(3))) / 2 for x in inputs]).numpy()
