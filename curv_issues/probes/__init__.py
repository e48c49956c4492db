"""Probe networks, one per file. Register a new probe in the table below only."""

from __future__ import annotations

PROBES: dict[str, str] = {
    "convnet": "curv_issues.probes.convnet:ConvNet",
    "resnet18": "curv_issues.probes.resnet18:ResNet18",
}
