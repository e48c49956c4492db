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
    """Return the version of torch and the SHA-256 of the code and settings of a network; None if their source is unknown.

    Code is that of all classes except those of torch, of hooks and of methods replaced in an instance. Settings are the numbers,
    texts and lists in the attributes of the layers; others are not seen.
    """
    parts = list(network.modules())
    classes = {kind for part in parts for kind in type(part).__mro__ if kind is not object}
    own: list[Any] = [kind for kind in classes if kind.__module__.partition(".")[0] != "torch"]
    for part in parts:
        own += [value for value in vars(part).values() if inspect.isroutine(value)]
        own += [*part._forward_hooks.values(), *part._forward_pre_hooks.values()]
    try:
        sources = sorted(inspect.getsource(each) for each in own)
    except (OSError, TypeError):
        return None
    settings = [repr(sorted(_settings(part).items())) for part in parts]
    digest = hashlib.sha256("\0".join([*sources, *settings]).encode("utf-8", "backslashreplace"))
    return f"torch {torch.__version__}, code {digest.hexdigest()[:16]}"


def _settings(layer: nn.Module) -> dict[str, str]:
    """Return the public attributes of a layer that are plain values, as text."""
    plain = (bool, int, float, str, type(None), tuple, list)
    return {
        name: repr(value)
        for name, value in vars(layer).items()
        if isinstance(value, plain) and not name.startswith("_") and name != "training" and " at 0x" not in repr(value)
    }
