"""Class scores by a linear model on features that was not fitted to the sample: ridge regression, in closed form."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.inputs.features import FeatureInputs

PENALTIES = np.logspace(-3, 1, 9).tolist()  # times the number of samples; the features have unit variance
MOST_AXES = 4_096  # features or samples, whichever are fewer: finding as many axes takes the time
LEAST_FITTED, FITTED_PER_FEATURE = 20_000, 10  # samples to fit to, if there are so many
COMPARED = 5_000  # samples to choose the penalty with
CHUNK = 10_000  # rows per step
LEAST_VARIANCE = 1e-6  # along an axis, as a fraction of the largest


def leave_one_out(inputs: FeatureInputs, labels: Tensor, *, num_classes: int, device: torch.device) -> np.ndarray | None:
    """Return the class scores of each sample by a ridge regression that was not fitted to it.

    The regression predicts one-hot labels less the frequencies of the classes, which are added again. They are those of all
    samples: without the sample, they would be lower for its class, and every label would look wrong if the features say nothing.
    It is fitted to at most 20,000 samples, or ten per feature, chosen at random with a fixed seed. For these, the predictions
    without the sample follow from those with it (Allen 1974, Technometrics). The penalty is the one with the least squared error
    of such predictions. A linear model hardly memorises labels, even if many are wrong.

    Args:
        inputs: n feature vectors.
        labels: int64 (n,), the labels to fit to, on the CPU.
        num_classes: k.
        device: device to compute on.

    Returns:
        float16 (n, k), about 1 for the class of the sample and 0 for others; None with more than 4,096 samples and features, which
        would take long.
    """
    n, d = len(inputs), inputs.shape[0]
    if min(n, d) > MOST_AXES:
        return None
    order, size = torch.from_numpy(np.random.default_rng(0).permutation(n)), max(LEAST_FITTED, FITTED_PER_FEATURE * d)
    fitted, others = order[:size], order[size:]
    targets = functional.one_hot(labels, num_classes).float().to(device)
    frequencies = targets.mean(0)
    targets = targets - frequencies
    rows = inputs.batch(fitted, device)
    variances, axes = _principal_axes(rows)
    components = rows @ axes
    products = components.T @ targets[fitted]

    def without_itself(components: Tensor, own: Tensor, penalty: float) -> Tensor:
        """Return the predictions (m, k) for fitted samples without themselves, from their components and targets."""
        weighted = components / (variances + penalty)
        leverage = (weighted * components).sum(1, keepdim=True)
        return (weighted @ products - leverage * own) / (1 - leverage)

    some, own = components[:COMPARED], targets[fitted[:COMPARED]]
    penalties = [len(fitted) * penalty for penalty in PENALTIES]
    best = min(penalties, key=lambda penalty: float((without_itself(some, own, penalty) - own).square().mean()))
    weights = axes @ (products / (variances + best)[:, None])
    found = torch.empty(n, num_classes, dtype=torch.float16, device=device)
    for part in torch.arange(len(fitted)).split(CHUNK):
        found[fitted[part]] = without_itself(components[part], targets[fitted[part]], best).add(frequencies).half()
    for part in others.split(CHUNK):
        found[part] = (inputs.batch(part, device) @ weights).add(frequencies).half()
    return found.cpu().numpy()


def _principal_axes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the principal axes of vectors, float32 (m, d), without centring.

    Returns:
        The sums of squares along the r axes, float32 (r,), and the axes, (d, r); r is the smaller of m and d, or less if the
        vectors vary along fewer axes.
    """
    is_wide = rows.shape[0] < rows.shape[1]
    products = rows @ rows.T if is_wide else rows.T @ rows
    variances, axes = torch.linalg.eigh(products.cpu().double())  # some devices lack float64
    is_used = variances > LEAST_VARIANCE * variances[-1]
    variances, axes = variances[is_used].float().to(rows.device), axes[:, is_used].float().to(rows.device)
    return variances, rows.T @ (axes / variances.sqrt()) if is_wide else axes
