"""All that a training needs to go on from the end of an epoch as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from curv_issues.trackers.base import Quantity
from curv_issues.training.optimizer import NesterovSGD
from curv_issues.training.recipe import Recipe


class TrainingState:
    """The state of one training.

    Attributes:
        probe: the network, on its device; trained in place.
        recipe: the training as it is run.
        generator: order and augmentation; on the CPU.
        quantities: what is followed in the training pass and in scoring passes.
        optimizer: has the momentum of the weights.
        epoch: number of finished epochs; the learning rate follows from it.
    """

    def __init__(self, probe: nn.Module, recipe: Recipe, *, seed: int, quantities: Sequence[Quantity] = ()) -> None:
        """Begin a training.

        Args:
            probe: network on its device, maps (b, ...) inputs to (b, k) logits.
            recipe: the training.
            seed: of order and augmentation.
            quantities: to follow.
        """
        self.probe = probe
        self.recipe = recipe
        self.generator = torch.Generator().manual_seed(seed)
        self.quantities = list(quantities)
        self.optimizer = NesterovSGD(probe.parameters(), weight_decay=recipe.weight_decay)
        self.epoch = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the state at the end of an epoch, in numbers and tensors only: `torch.load(weights_only=True)` reads it.

        The tensors of the network and the momentum are not copied.
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
        """Take over the state of a training with the same network, recipe, data and quantities.

        Raises:
            ValueError, RuntimeError: the state is of another network, of other quantities or of another number of samples.
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
