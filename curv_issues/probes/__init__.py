"""Probe networks, one per file. Register a new probe in the table below only."""

from __future__ import annotations

PROBES: dict[str, str] = {
    "convnet": "curv_issues.probes.convnet:ConvNet",
    "resnet18": "curv_issues.probes.resnet18:ResNet18",
    "mlp": "curv_issues.probes.mlp:MLP",
}


def default_probe(shape: tuple[int, ...]) -> str:
    """Return the name of the probe for inputs of this shape: images (c, h, w) or feature vectors (d,)."""
    return "convnet" if len(shape) == 3 else "mlp"
