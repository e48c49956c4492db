"""Probe networks, one a file. The table below is the only place a new one is added to."""

from __future__ import annotations

PROBES: dict[str, str] = {
    "convnet": "curv_issues.probes.convnet:ConvNet",
    "resnet18": "curv_issues.probes.resnet18:ResNet18",
}
