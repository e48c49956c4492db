"""Building blocks of probes, and the requirements on a user-supplied `nn.Module`.

A probe maps (b, c, h, w) inputs in [0, 1] to (b, k) logits, including any normalisation. Its embeddings are the inputs of
its head: the attribute `head` if there is one, else its last `nn.Linear`. A probe may have a method `rate_factors`, which maps
weights to their learning rates, as fractions of that of the run.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from curv_issues.errors import UsageError
from curv_issues.inputs.base import ProbeSpec


class Normalise(nn.Module):
    """Subtract the channel means and divide by the channel standard deviations."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return inputs (b, c, h, w) in [0, 1], normalised to zero mean and unit variance over the dataset."""
        return (inputs - self.mean) / self.std


def find_head(probe: nn.Module) -> nn.Module:
    """Return the layer whose inputs are the embeddings.

    Raises:
        UsageError: the network has neither an attribute `head` nor an `nn.Linear`.
    """
    head = getattr(probe, "head", None)
    if isinstance(head, nn.Module):
        return head
    linear = [module for module in probe.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UsageError(
            "The probe has neither a `head` nor an nn.Linear layer, so its embeddings cannot be found; name its last layer `head`."
        )
    return linear[-1]


def rate_factors(probe: nn.Module) -> dict[Parameter, float]:
    """Return the learning rates of those weights that have their own, as fractions of that of the run."""
    own = getattr(probe, "rate_factors", None)
    return own() if callable(own) else {}
