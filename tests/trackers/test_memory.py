"""How much memory the histories of a run take."""

from __future__ import annotations

import numpy as np
import torch

from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Observation, Quantity
from curv_issues.trackers.reference_margin import ReferenceMargin
from curv_issues.trackers.scores import make_quantities

N, EPOCHS, SCORED = 64, 90, (44, 89)
IMAGENET = 1_281_167


def test_histories_of_imagenet_take_at_most_1_6_gb() -> None:
    names = [name for name, info in SCORES.items() if not info.on_demand]
    followed: list[Quantity] = [*make_quantities(names, N, EPOCHS).values(), ReferenceMargin(N, EPOCHS)]
    batch = Observation(
        index=torch.arange(N),
        labels=torch.zeros(N, dtype=torch.int64),
        logits=torch.randn(N, 3),
        gradient=torch.randn(N, 1, 2, 2),
        curvature=torch.rand(N),
    )
    for epoch in range(EPOCHS):
        for quantity in followed:
            if quantity.needs.in_training or epoch in SCORED:
                quantity.observe(epoch, batch)
    parts = [array for quantity in followed for array in quantity.state_dict().values()]
    per_sample = sum(array.nbytes for array in parts if isinstance(array, np.ndarray) and array.shape[0] == N) / N
    assert per_sample * IMAGENET < 1.6e9
