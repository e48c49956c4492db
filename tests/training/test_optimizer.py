"""The optimiser compared with the PyTorch class that it replaces."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from curv_issues.training.optimizer import NesterovSGD


@pytest.mark.parametrize("without_gradient", [0, 2])  # the step in which half of the parameters have none
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_steps_are_those_of_pytorch(weight_decay: float, without_gradient: int) -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    rates = [0.1, 0.3, 0.2, 0.0]
    optimizer = NesterovSGD(ours.parameters(), momentum=0.9, weight_decay=weight_decay)
    expected = torch.optim.SGD(theirs.parameters(), lr=1.0, momentum=0.9, nesterov=True, weight_decay=weight_decay)
    for step, rate in enumerate(rates):
        inputs = torch.randn(7, 5)
        used = slice(0, 1) if step == without_gradient else slice(None)
        optimizer.clear_gradients()
        expected.zero_grad()
        ours[used](inputs).square().mean().backward()
        theirs[used](inputs).square().mean().backward()
        optimizer.step(rate)
        expected.param_groups[0]["lr"] = rate
        expected.step()
        for parameter, wanted in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(parameter, wanted, rtol=1e-5, atol=1e-7)


def test_training_does_not_import_the_pytorch_compiler() -> None:
    code = (
        "import sys; from tests.small import *; from tests.training.test_loop import train, fresh; train(fresh()); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
