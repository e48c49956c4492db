"""Identity of a probe: text that says whether two probes would be trained to the same result."""

from __future__ import annotations

import hashlib
import weakref
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from curv_issues.probes.own import load_own_probe

if TYPE_CHECKING:
    from torch import nn

_tokens: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def identify_probe(probe: Any) -> str:
    """Return text that is equal for two probes only if they train equally.

    It is the name of a built-in probe. Otherwise it is a random token of the object, followed by the hash of its weights if it
    is a network. The code of a network cannot be compared, so a different object is a different probe, and a new process too
    gives a different text.
    """
    if isinstance(probe, str):
        if ":" not in probe:
            return probe
        probe = load_own_probe(probe)
    try:
        token = _tokens.setdefault(probe, uuid4().hex)
    except TypeError:  # the object cannot be hashed or weakly referenced
        return uuid4().hex
    from torch import nn

    return f"{token} {hash_network(probe)}" if isinstance(probe, nn.Module) else token


def hash_network(network: nn.Module) -> str:
    """Return the SHA-256 of a network's layers, their settings, and all values of its state."""
    import torch

    digest = hashlib.sha256(repr(network).encode())
    for name, values in network.state_dict().items():
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
