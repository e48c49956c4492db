"""Class scores by a linear model on features that was not fitted to the sample: ridge regression, in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.inputs.features import FeatureInputs

PENALTIES = np.logspace(-3, 1, 9).tolist()  # times the number of samples; the features have unit variance
MOST_COMPONENTS = 4_096  # of features or samples, whichever are fewer: their eigenvectors take the time
COMPARED = 5_000  # samples to choose the penalty with
CHUNK = 10_000  # rows per step


def leave_one_out(inputs: FeatureInputs, labels: Tensor, *, num_classes: int, device: torch.device) -> np.ndarray | None:
    """Return the class scores of each sample by ridge regression on all other samples.

    The regression predicts one-hot labels. Its predictions without a sample follow from those with it (Allen 1974,
    Technometrics). The penalty is the one with the least squared error of these predictions. A linear model hardly memorises
    labels, even if many are wrong.

    Args:
        inputs: n feature vectors.
        labels: int64 (n,), the labels to fit to, on the CPU.
        num_classes: k.
        device: device to compute on.

    Returns:
        float16 (n, k), about 1 - 1 / k for the class of the sample and -1 / k for others; None with more than 4,096 samples and
        features, which would take long.
    """
    n, d = len(inputs), inputs.shape[0] + 1
    if min(n, d) > MOST_COMPONENTS:
        return None
    targets = (functional.one_hot(labels, num_classes).float() - 1 / num_classes).to(device)
    variances, components_at, moments = _components(inputs, targets, device=device)

    def without_itself(components: Tensor, own: Tensor, penalty: float) -> Tensor:
        """Return the predictions (m, k) for samples by the regression without them, from their components and targets."""
        weighted = components / (variances + penalty)
        leverage = (weighted * components).sum(1, keepdim=True)
        return (weighted @ moments - leverage * own) / (1 - leverage)

    some = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(n)[:COMPARED]))
    components, own = components_at(some), targets[some]
    penalties = [n * penalty for penalty in PENALTIES]
    best = min(penalties, key=lambda penalty: float((without_itself(components, own, penalty) - own).square().mean()))
    parts = torch.arange(n).split(CHUNK)
    return np.concatenate([without_itself(components_at(part), targets[part], best).half().cpu().numpy() for part in parts])


def _components(
    inputs: FeatureInputs, targets: Tensor, *, device: torch.device
) -> tuple[Tensor, Callable[[Tensor], Tensor], Tensor]:
    """Return the principal components of the features and a constant, without centring.

    Args:
        inputs: n feature vectors of length d.
        targets: (n, k).
        device: device to compute on.

    Returns:
        The sums of squares of the r components, float32 (r,); a function from positions, int64 (m,), to components, float32
        (m, r); and their products with the targets, summed over the samples, (r, k). r is d + 1, or n if that is less.
    """

    def rows_at(index: Tensor) -> Tensor:
        rows = inputs.batch(index, device)
        return torch.cat([rows, torch.ones(len(rows), 1, device=device)], dim=1)

    n, d = len(inputs), inputs.shape[0] + 1
    if n < d:
        rows = rows_at(torch.arange(n))
        variances, axes = _eigenvectors(rows @ rows.T, device)
        components = axes * variances.sqrt()
        return variances, lambda index: components[index], components.T @ targets
    products = torch.zeros(d, d, dtype=torch.float64)  # on the CPU: some devices lack float64
    moments = torch.zeros(d, targets.shape[1], device=device)
    for index in torch.arange(n).split(CHUNK):
        rows = rows_at(index)
        products += (rows.T @ rows).cpu()
        moments += rows.T @ targets[index]
    variances, axes = _eigenvectors(products, device)
    return variances, lambda index: rows_at(index) @ axes, axes.T @ moments


def _eigenvectors(matrix: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues (r,), at least 0, and eigenvectors (r, r) of a symmetric matrix, float32, found in float64."""
    variances, axes = torch.linalg.eigh(matrix.cpu().double())
    return variances.clamp_min(0).float().to(device), axes.float().to(device)
