"""Notes for readers of the findings, one line each: what a dataset, a training or a backbone means for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.base import LabeledData
from curv_issues.data.features import NOT_FINITE
from curv_issues.options import TrainingOptions

if TYPE_CHECKING:
    from curv_issues.training.record import TrainingRecord

NO_LABEL_NAME = "-1"  # a class name that often means a missing label
FEW_SAMPLES = 500  # size of the smallest dataset in the benchmarks
PHOTO_REDUCTION = 2  # images whose side is at least this many times that which the probe sees are photos
PHOTO_PRECISION = (0.80, 0.94)  # average precision on the photos of clothing without and with a backbone (joined, the default)


def notes_on_audit(data: LabeledData, run: TrainingRecord, training: TrainingOptions | None) -> list[str]:
    """Return all notes but those on the findings; None: the training is the user's own."""
    notes = [*notes_on(data), *notes_on_trained(data, run), *notes_on_privacy(run)]
    return notes if training is None else [*notes, *notes_on_fine_tuning(data, training), *notes_on_photos(data, run, training)]


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


def notes_on_privacy(run: TrainingRecord) -> list[str]:
    """Return a note on which files of a private audit are private; else []."""
    if run.privacy is None:
        return []
    is_of_features = len(run.privacy["input_shape"]) == 1
    statistics = " The mean and deviation of the features, which the network needs, are not." if is_of_features else ""
    return [
        f"The weights in probe.npz are private (epsilon {run.privacy['epsilon']:.3g}, delta {run.privacy['delta']:.1g})."
        f"{statistics} All other files are not: scores, findings and images reveal single samples. "
        "The lower epsilon is, the less precise the findings are."
    ]


def notes_on_photos(data: LabeledData, run: TrainingRecord, training: TrainingOptions) -> list[str]:
    """Return a note on what a backbone would bring, for photos that the default probe sees much reduced; else []."""
    if data.images is None or data.images.shape[3] == 1 or run.on_features or run.out_of_sample or training.probe != "auto":
        return []
    seen, native = data.images.shape[1], float(np.median(data.sizes.max(axis=1)))
    if training.fine_tune or native < PHOTO_REDUCTION * seen:
        return []
    scratch, pretrained = PHOTO_PRECISION
    return [
        f"The probe began with random weights and saw images of {seen} pixels (median native side: {native:.0f}). Features of a "
        f"pretrained network find more wrong labels in photos: average precision {pretrained:.2f} instead of {scratch:.2f} "
        "on 3,068 photos of clothing. Add --backbone torchvision:efficientnet_b0, timm:NAME or hf:NAME (backbone)."
    ]


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
        if run.on_features or data.images is None
        else f"images from 0 to 1 at {data.images.shape[1]} pixels"
    )
    return [
        "The network was not trained here. If it was trained on these labels, it may agree with wrong ones: it predicts "
        f"{agree:.1%} of the given labels. If that is less than expected, check that it takes {expects}, and that its outputs have "
        f"the order of the classes ({shorten(data.class_names)})."
    ]
