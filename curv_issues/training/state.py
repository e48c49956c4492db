"""The full state of a training run after an epoch, from which it resumes exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from curv_issues.probes.base import rate_factors
from curv_issues.trackers.base import Quantity
from curv_issues.training.optimizer import NesterovSGD
from curv_issues.training.recipe import Recipe


class TrainingState:
    """The state of a training run.

    Attributes:
        probe: the network, on its device; trained in place.
        recipe: hyper-parameters of the run.
        generator: random generator of order and augmentation, on the CPU.
        quantities: quantities measured in the training pass and in scoring passes.
        optimizer: optimiser, with the momentum of the weights.
        epoch: number of finished epochs, which determines the learning rate.
    """

    def __init__(self, probe: nn.Module, recipe: Recipe, *, seed: int, quantities: Sequence[Quantity] = ()) -> None:
        """Start a training run.

        Args:
            probe: network on its device, maps (b, ...) inputs to (b, k) logits.
            recipe: hyper-parameters of the run.
            seed: seed of order and augmentation.
            quantities: quantities to measure.
        """
        self.probe = probe
        self.recipe = recipe
        self.generator = torch.Generator().manual_seed(seed)
        self.quantities = list(quantities)
        self.optimizer = NesterovSGD(probe.parameters(), weight_decay=recipe.weight_decay, rate_factors=rate_factors(probe))
        self.epoch = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the state after an epoch as numbers and tensors, which `torch.load(weights_only=True)` can read.

        The tensors of the network and of the momentum are not copied.
        """
        has_cuda = torch.cuda.is_available()
        return {
            "epoch": self.epoch,
            "probe": self.probe.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "global_generator": torch.get_rng_state(),  # dropout draws from it
            "cuda_generators": torch.cuda.get_rng_state_all() if has_cuda else [],
            "quantities": {
                quantity.name: {name: torch.from_numpy(array) for name, array in quantity.state_dict().items()}
                for quantity in self.quantities
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the state of a run with the same network, recipe, data and quantities.

        Raises:
            ValueError, RuntimeError: the network, the quantities or the number of samples differ.
        """
        names = [quantity.name for quantity in self.quantities]
        if sorted(state["quantities"]) != sorted(names):
            raise ValueError(f"Expected the quantities {', '.join(names)}, got {', '.join(state['quantities'])}.")
        self.probe.load_state_dict(state["probe"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])
        if state["cuda_generators"]:
            torch.cuda.set_rng_state_all(state["cuda_generators"])
        for quantity in self.quantities:
            quantity.load_state_dict({name: tensor.numpy() for name, tensor in state["quantities"][quantity.name].items()})
        self.epoch = state["epoch"]
