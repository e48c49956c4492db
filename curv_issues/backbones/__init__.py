"""Pretrained backbones, one kind per file: networks that turn images into features. Register a new kind in the table below only."""

from __future__ import annotations

from typing import Any

from curv_issues.errors import UsageError
from curv_issues.plugins import look_up

BACKBONES: dict[str, str] = {
    "timm": "curv_issues.backbones.timm_models:load",
    "torchvision": "curv_issues.backbones.torchvision_models:load",
    "hf": "curv_issues.backbones.hf_models:load",
    "file": "curv_issues.backbones.program_file:load",
}
"""Prefix of `backbone="prefix:name"` -> function from the name to a `Backbone`."""

BACKBONE_OR_FEATURES = "backbone and features do not go together: a backbone computes the features from the images."


def check_backbone(name: str, value: Any) -> Any:
    """Return the value of an option if it is None, "kind:name" or a callable; nothing is imported."""
    if value is None or callable(value):
        return value
    kind, _, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not rest:
        raise UsageError(
            f"{name} must be KIND:NAME, such as timm:resnet18, with KIND one of {', '.join(BACKBONES)}, or a function from images "
            f"(b, 3, r, r) to features (b, d), got {value!r}."
        )
    look_up(BACKBONES, kind, f"kind of {name}")
    return value
