"""A small training loop in plain PyTorch, with and without a Watch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from curv_issues.callbacks.indexed import with_index
from curv_issues.callbacks.watch import Watch
from curv_issues.results.result import AuditResult
from curv_issues.trackers import LABEL_NOISE_SCORES
from tests.small import seeded

N, K, D = 60, 3, 5
LABELS = (torch.arange(N) % K).numpy()
OF_TRAINING = {"cumulative_loss", "margin", "forgetting", "first_learned", "el2n", *LABEL_NOISE_SCORES}


def blobs(n: int = N, k: int = K, *, wrong: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Return features (n, D) around k centres, the given labels, and a mask of those that are wrong."""
    generator = torch.Generator().manual_seed(0)
    true = torch.arange(n) % k
    features = 3 * functional.one_hot(true, D).float() + torch.randn(n, D, generator=generator)
    is_wrong = torch.arange(n) < wrong
    return features, torch.where(is_wrong, (true + 1) % k, true), is_wrong


def small_network() -> nn.Module:
    return seeded(0, lambda: nn.Sequential(nn.Linear(D, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, K)))


def loader_of(features: Tensor, labels: Tensor, *, batch_size: int = 16, shuffle: bool = False) -> DataLoader:
    generator = torch.Generator().manual_seed(1)
    data = with_index(TensorDataset(features, labels))
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle, generator=generator)


Step = tuple[Tensor, Tensor, Tensor]
"""Index, logits and labels."""


def random_steps(epochs: int, *, n: int = N, k: int = K, batch: int = 7, seed: int = 0) -> list[list[Step]]:
    """Return for each epoch its steps of (index, logits, labels), each sample once."""
    rng = np.random.default_rng(seed)
    labels = torch.arange(n) % k
    found = []
    for _ in range(epochs):
        order = torch.from_numpy(rng.permutation(n))
        logits = torch.from_numpy(rng.normal(size=(n, k)).astype(np.float32))
        found.append([(index, logits[index], labels[index]) for index in order.split(batch)])
    return found


def observe_all(watch: Watch, epochs: list[list[Step]]) -> Watch:
    """Observe whole epochs."""
    for steps in epochs:
        for step in steps:
            watch.observe(*step)
        watch.end_epoch()
    return watch


def watched(epochs: list[list[Step]]) -> Watch:
    """Return a Watch that has observed whole epochs."""
    return observe_all(Watch(N, K), epochs)


def same_scores(left: AuditResult, right: AuditResult) -> bool:
    """Return whether two results have the same scores, suspicion and suggested classes."""
    names = (*right.score_names, "suspicion", "suggested")
    return left.score_names == right.score_names and all(np.array_equal(left.scores[name], right.scores[name]) for name in names)
