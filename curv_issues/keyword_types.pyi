"""Types of the keywords that become options. Written by docs/keywords.py; do not edit."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

class SourceKeywords(TypedDict, total=False):
    split: str | None
    config_name: str | None
    revision: str | None
    image_column: str | None
    label_column: str | None
    labels: Any
    features: Any
    features_column: str | Sequence[str]
    show_column: str | Sequence[str]
    file_column: str | None
    splits: bool | None
    class_level: int | None
    max_samples: int | None
    skip_unreadable: bool
    skip_unlabelled: bool
    value_range: Any
    max_pixels: int | None

class ImageKeywords(TypedDict, total=False):
    split: str | None
    config_name: str | None
    revision: str | None
    image_column: str | None
    value_range: Any
    max_pixels: int | None

class ModelKeywords(TypedDict, total=False):
    seed: int
    device: str
    preset: str
    probe: Any
    backbone: Any
    input: Literal["auto", "images", "features", "both"]
    fine_tune: bool
    private: float | None
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    weight_decay: float | None
    flip: bool | None
    shift: int | None
    resolution: int | None
    curvature_epochs: int | None
    num_matvecs: int | None
    step: float
    form: Literal["squared", "norm"]
    measure: str | Sequence[str]
    score: str
    cut_off: str | float
    precision: float | None
    duplicates: bool
    duplicate_threshold: float | None

class AuditKeywords(SourceKeywords, ModelKeywords, total=False):
    pass
