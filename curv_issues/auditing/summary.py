"""Make entries of the summary: dataset, options and versions."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.data.accounts import FileAccount
from curv_issues.data.base import LabeledData
from curv_issues.options import TrainingOptions
from curv_issues.results.arrow import text_column
from curv_issues.version import installed_version

PACKAGES = ("curv-issues", "torch", "datasets", "cleanlab", "numpy", "pandas", "scikit-learn", "pyarrow", "pillow")


def describe_dataset(data: LabeledData) -> dict[str, Any]:
    """Return the summary entry that describes the dataset."""
    source = data.source
    return {
        "source": source.source,
        "split": source.split,
        "config_name": source.config_name,
        "revision": source.revision,
        "fingerprint": data.fingerprint,
        "image_column": source.image_column,
        "label_column": source.label_column,
        "labels": source.label_origin,
        "files": source.files.describe() if source.files else None,
        "n": len(data),
        "num_rows": source.num_rows,
        "classes": list(data.class_names),
        "class_sizes": np.bincount(data.labels, minlength=data.num_classes).tolist(),
        "unreadable": list(source.unreadable),
        "num_unlabelled": source.num_unlabelled,
        "resolution": None if data.images is None else data.images.shape[1],
        "channels": None if data.images is None else data.images.shape[3],
        "backbone": source.backbone,
        "num_features": None if data.features is None else data.features.shape[1],
        "opened_with": source.opened_with,
    }


def left_out_table(files: FileAccount | None) -> pd.DataFrame | None:
    """Return one row per file of the folder that was not read; None if the dataset is not a folder."""
    if files is None:
        return None
    return pd.DataFrame({name: text_column([getattr(file, name) for file in files.left_out]) for name in ("path", "reason")})


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that the numbers depend on."""
    found = {package: installed_version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **{package: version for package, version in found.items() if version}}


def plain_options(training: TrainingOptions) -> dict[str, Any]:
    """Return the training options as JSON values; a user-supplied probe or backbone is replaced by its name."""
    options = {name: getattr(training, name) for name in TrainingOptions.__dataclass_fields__}
    options["measure"] = list(training.measure)
    for name in ("probe", "backbone"):
        if callable(value := options[name]):
            options[name] = getattr(value, "title", getattr(value, "__qualname__", type(value).__qualname__))
    return options
