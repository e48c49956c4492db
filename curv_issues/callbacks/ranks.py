"""The processes of a distributed training."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")


def num_ranks() -> int:
    """Return the number of processes that train together; 1 without torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(values: Tensor) -> list[Tensor]:
    """Return a tensor of each rank, in the order of the ranks, on the CPU; all have the same shape and type."""
    device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
    own = values.to(device).contiguous()
    found = [torch.empty_like(own) for _ in range(num_ranks())]
    dist.all_gather(found, own)
    return [tensor.cpu() for tensor in found]


def gather_object(value: T) -> list[T]:
    """Return an object of each rank, in the order of the ranks."""
    found: list[Any] = [None] * num_ranks()
    dist.all_gather_object(found, value)
    return found
