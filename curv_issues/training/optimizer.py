"""Stochastic gradient descent with Nesterov momentum (Sutskever et al. 2013, in PyTorch's form)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch.nn import Parameter
from torch.optim.sgd import sgd

MOMENTUM = 0.9


class NesterovSGD:
    """An equivalent of `torch.optim.SGD(nesterov=True)` that uses PyTorch's own update function.

    PyTorch's class imports its compiler in the first step, which takes two seconds.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        weight_decay: float,
        momentum: float = MOMENTUM,
        rate_factors: Mapping[Parameter, float] | None = None,
    ) -> None:
        """Start with the parameters at zero momentum.

        Args:
            parameters: weights to train.
            weight_decay: of all of them.
            momentum: of all of them.
            rate_factors: learning rate of some of them, as a fraction of the learning rate of a step.
        """
        self._parameters = list(parameters)
        factors = rate_factors or {}
        self._factors = [factors.get(parameter, 1.0) for parameter in self._parameters]
        self._velocities: list[torch.Tensor | None] = [None] * len(self._parameters)
        self._momentum = momentum
        self._weight_decay = weight_decay

    def state_dict(self) -> dict[str, list[torch.Tensor | None]]:
        """Return the velocity of each parameter, not copied; None if it has not moved."""
        return {"velocities": list(self._velocities)}

    def load_state_dict(self, state: Mapping[str, list[torch.Tensor | None]]) -> None:
        """Load the velocities of parameters with the same number and shapes.

        Raises:
            ValueError: the number or the shapes differ.
        """
        velocities = state["velocities"]
        shapes = [None if velocity is None else velocity.shape for velocity in velocities]
        own = [parameter.shape for parameter in self._parameters]
        if len(shapes) != len(own) or any(shape not in (None, expected) for shape, expected in zip(shapes, own, strict=True)):
            raise ValueError("The velocities do not match the parameters; expected the same number and shapes.")
        pairs = zip(velocities, self._parameters, strict=True)
        self._velocities = [None if velocity is None else velocity.clone().to(weight.device) for velocity, weight in pairs]

    def clear_gradients(self) -> None:
        """Clear the gradients of the last step."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update the parameters that have a gradient."""
        groups: dict[tuple[float, bool], list[int]] = {}  # the fused update needs the velocity of all of a group, or of none
        for index, parameter in enumerate(self._parameters):
            if parameter.grad is not None:
                groups.setdefault((self._factors[index], self._velocities[index] is None), []).append(index)
        for (factor, _), group in groups.items():
            self._update(group, learning_rate * factor)

    def _update(self, group: list[int], learning_rate: float) -> None:
        """Update some of the parameters, which have gradients."""
        velocities = [self._velocities[index] for index in group]
        sgd(
            [self._parameters[index] for index in group],
            [gradient for index in group if (gradient := self._parameters[index].grad) is not None],
            velocities,
            lr=learning_rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            dampening=0.0,
            nesterov=True,
            maximize=False,
            foreach=False,
            fused=True,  # one pass over the memory, not six
        )
        for index, velocity in zip(group, velocities, strict=True):
            self._velocities[index] = velocity
