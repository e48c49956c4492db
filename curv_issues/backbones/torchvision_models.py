"""Backbones `torchvision:NAME` or `torchvision:NAME/WEIGHTS`: a pretrained classifier with the transforms of its weights."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision import models

from curv_issues.backbones.base import Backbone
from curv_issues.backbones.loading import missing_weights, unknown_name
from curv_issues.errors import UsageError


def load(name: str) -> Backbone:
    """Return a pretrained model of torchvision without its classifier.

    Args:
        name: such as "resnet18", with its default weights, or "resnet50/IMAGENET1K_V1".

    Raises:
        UsageError: the model or its weights are unknown, or the weights cannot be had.
    """
    architecture, _, tag = name.partition("/")
    known = models.list_models(module=models)
    if architecture not in known:
        raise unknown_name("torchvision", name, known)
    choices = models.get_model_weights(architecture)
    if tag and tag not in choices.__members__:
        names = ", ".join(weights.name for weights in choices)
        raise UsageError(f"Unknown weights {tag!r} of torchvision:{architecture}; choose one of: {names}.")
    weights: Any = choices[tag or "DEFAULT"]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch.hub prints what it downloads
            model = models.get_model(architecture, weights=weights, progress=False).eval()
    except Exception as error:  # network, disk, or a damaged file of weights
        raise missing_weights(f"torchvision:{name}", error, _cached(known), folder=_folder()) from error
    _remove_classifier(model)
    transform = weights.transforms()
    described = " ".join(repr(transform).split())
    return Backbone(
        model,
        resolution=transform.crop_size[0],
        preprocess=transform,
        name=f"torchvision:{architecture}/{weights.name}",
        identity=f"torchvision {torchvision.__version__}, {described}",
    )


def _remove_classifier(model: nn.Module) -> None:
    """Make the model return the inputs of its last linear layer, or its average feature map if it has none (SqueezeNet)."""
    linear = [path for path, part in model.named_modules() if isinstance(part, nn.Linear)]
    if linear:
        model.set_submodule(linear[-1], nn.Identity())
    else:
        model.set_submodule("classifier", nn.AdaptiveAvgPool2d(1))


def _folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _cached(names: list[str]) -> list[str]:
    """Return the models whose weights are cached."""
    folder = _folder()
    return [
        f"torchvision:{name}/{weights.name}"
        for name in names
        for weights in models.get_model_weights(name)
        if (folder / weights.url.rpartition("/")[2]).is_file()
    ]
