"""The network of a private audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from curv_issues.errors import UsageError
from curv_issues.inputs.base import ProbeSpec
from curv_issues.training.private import made_private, private_spec
from curv_issues.training.run import build_probe

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


def load_probe(result: AuditResult, probe: object = None) -> nn.Module:
    """Return the network of a private audit, in evaluation mode, on the CPU.

    Args:
        result: of an audit with `private`.
        probe: what was passed as the option `probe`, if that was not a text.

    Raises:
        UsageError: the result has no network, or another one than this.
    """
    if result.probe is None:
        raise UsageError("The result has no probe; expected that of an audit with --private (private=...).")
    shape = tuple(result.summary["privacy"]["input_shape"])
    any_statistics = (0.0,) * (shape[0] if len(shape) == 3 else 0)
    spec = private_spec(ProbeSpec(len(result.class_names), shape, any_statistics, any_statistics))
    found = made_private(build_probe(result.summary["options"]["probe"] if probe is None else probe, spec))
    try:
        found.load_state_dict({name: torch.from_numpy(values) for name, values in result.probe.items()})
    except (RuntimeError, TypeError) as error:
        raise UsageError(f"The weights are those of another network: {str(error).splitlines()[0]}") from None
    return found.eval()
