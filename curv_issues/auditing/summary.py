"""Make entries of the summary: dataset, options, versions and notes."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curv_issues.counting import counted
from curv_issues.data.accounts import FileAccount, shorten
from curv_issues.data.base import LabeledData
from curv_issues.data.features import NOT_FINITE
from curv_issues.options import TrainingOptions
from curv_issues.results.arrow import text_column
from curv_issues.version import installed_version

if TYPE_CHECKING:
    from curv_issues.training.record import TrainingRecord

NO_LABEL_NAME = "-1"  # a class name that often means a missing label
FEW_SAMPLES = 500  # size of the smallest dataset in the benchmarks
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
    }


def left_out_table(files: FileAccount | None) -> pd.DataFrame | None:
    """Return one row per file of the folder that was not read; None if the dataset is not a folder."""
    if files is None:
        return None
    return pd.DataFrame({name: text_column([getattr(file, name) for file in files.left_out]) for name in ("path", "reason")})


def notes_on(data: LabeledData) -> list[str]:
    """Return notes on the dataset for readers of the findings, one line each."""
    notes = list(data.source.notes)
    sizes = np.bincount(data.labels, minlength=data.num_classes)
    if len(data) < FEW_SAMPLES:
        notes.append(f"Only {counted(len(data), 'sample')}: expect the ranking and the flags to be rough below {FEW_SAMPLES}.")
    single = [data.class_names[index] for index in np.flatnonzero(sizes == 1)]
    if single:
        shown = ", ".join(single[:5]) + (", ..." if len(single) > 5 else "")
        notes.append(
            f"{len(single)} of {data.num_classes} classes {'has' if len(single) == 1 else 'have'} one sample only ({shown}): "
            "such a class cannot be learned, so its sample looks suspect even if its label is correct."
        )
    if NO_LABEL_NAME in data.class_names and (count := int(sizes[data.class_names.index(NO_LABEL_NAME)])):
        verb = "carries" if count == 1 else "carry"
        notes.append(
            f"{counted(count, 'sample')} {verb} the label {NO_LABEL_NAME!r}, taken as a class; if it means no label, "
            f"leave {'it' if count == 1 else 'them'} out."
        )
    without_values = sum(entry["reason"] == NOT_FINITE for entry in data.source.unreadable)
    if without_values:
        notes.append(f"{counted(without_values, 'row')} with {NOT_FINITE} {'was' if without_values == 1 else 'were'} left out.")
    if count := len(data.source.unreadable) - without_values:
        notes.append(f"{count} image{' could not be read and was' if count == 1 else 's could not be read and were'} left out.")
    if data.source.num_unlabelled:
        count = data.source.num_unlabelled
        notes.append(f"{count} sample{' without a label was' if count == 1 else 's without a label were'} left out.")
    return notes


def notes_on_fine_tuning(data: LabeledData, training: TrainingOptions) -> list[str]:
    """Return a note on images that were reduced further than the network that is fine-tuned needs; [] if none was."""
    if not training.fine_tune or training.resolution is not None or data.images is None:
        return []
    from curv_issues.backbones.fine_tuning import input_side  # imports torch
    from curv_issues.backbones.loading import load_backbone

    side, stored = input_side(load_backbone(training.backbone)), data.images.shape[1]
    count = int((data.sizes.max(axis=1) > stored).sum())
    if side <= stored or not count:
        return []
    return [
        f"The data hold images of {stored} pixels, which were enlarged to the {side} pixels of the backbone, although "
        f"{counted(count, 'image')} {'is' if count == 1 else 'are'} larger; give the dataset itself, or load it with "
        f"resolution={side}."
    ]


def notes_on_trained(data: LabeledData, run: TrainingRecord) -> list[str]:
    """Return a note on a network that was not trained here; [] after a training."""
    if run.epochs_done:
        return []
    agree = float((run.scores["final_margin"] > 0).mean())
    expects = (
        "the features as they are"
        if data.images is None or data.features is not None
        else f"images from 0 to 1 at {data.images.shape[1]} pixels"
    )
    return [
        "The network was not trained here. If it was trained on these labels, it may agree with wrong ones: it predicts "
        f"{agree:.1%} of the given labels. If that is less than expected, check that it takes {expects}, and that its outputs have "
        f"the order of the classes ({shorten(data.class_names)})."
    ]


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
