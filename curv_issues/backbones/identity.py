"""Identity of a backbone: text that is equal only for backbones that give an image the same features."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import torch
from torch import nn

from curv_issues.backbones.base import Backbone
from curv_issues.probes.identity import hash_network


def identify(backbone: Backbone) -> str | None:
    """Return name, hash of code and weights, and preprocessing; None if the code of the backbone is unknown."""
    owner = network_of(backbone.module)
    code = backbone.identity
    if code is None and owner is not None and backbone.preprocess is None:
        code = _hash_code(owner)
    if code is None:
        return None
    method = "" if owner in (None, backbone.module) else f" {backbone.module.__name__}"
    weights = "" if owner is None else f", weights {hash_network(owner)[:16]}"
    scale = "" if backbone.preprocess else f", {backbone.resolution} px, mean {(*backbone.mean,)}, std {(*backbone.std,)}"
    return f"{backbone.title}{method} ({code}{weights}{scale})"


def network_of(module: Any) -> nn.Module | None:
    """Return the network that a callable is, or whose method it is; None for other callables."""
    owner = module if isinstance(module, nn.Module) else getattr(module, "__self__", None)
    return owner if isinstance(owner, nn.Module) else None


def _hash_code(network: nn.Module) -> str | None:
    """Return the version of torch and the SHA-256 of the source of all other classes of a network; None without their source."""
    classes = {kind for part in network.modules() for kind in type(part).__mro__ if kind is not object}
    own = [kind for kind in classes if kind.__module__.partition(".")[0] != "torch"]
    try:
        sources = sorted(inspect.getsource(kind) for kind in own)
    except (OSError, TypeError):
        return None
    return f"torch {torch.__version__}, code {hashlib.sha256(chr(0).join(sources).encode()).hexdigest()[:16]}"
