"""Search for leakage: compare an audited dataset with another split or another dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from curv_issues.data.base import LabeledData, check_type
from curv_issues.data.loading import load
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import UsageError
from curv_issues.findings.judgement import OtherSplit
from curv_issues.findings.leakage import leakage_table
from curv_issues.findings.samples import evidence_of_data, other_split
from curv_issues.options import DuplicateOptions
from curv_issues.progress import StepCallback

_OF_ANY_DATA = ("features_column", "skip_unreadable", "skip_unlabelled", "max_pixels")


def load_other_split(
    against: Any, data: LabeledData, dataset: Any, options: SourceOptions, *, progress: StepCallback | None = None
) -> LabeledData:
    """Load the data to compare an audited dataset with, at the same resolution and range of values.

    Args:
        against: text is a split expression of the same dataset; anything else is another dataset, as `load_data` takes it.
        data: the audited samples.
        dataset: the dataset that they were loaded from.
        options: the options that they were loaded with.
        progress: see `load_data`.

    Raises:
        UsageError: `against` is the audited split itself or has another resolution, or the dataset has no splits.
        DatasetError: the data is missing or unreadable, or its columns or labels cannot be used.
    """
    if isinstance(against, LabeledData):
        others = against
    else:
        is_split = isinstance(against, str)
        if is_split and isinstance(dataset, LabeledData):
            raise UsageError(f"against={against!r} names a split, but the dataset is LabeledData; give other LabeledData.")
        found = data.source
        if is_split:
            wanted = replace(options, split=against, image_column=found.image_column, label_column=found.label_column)
        else:
            of_any_data = {name: getattr(options, name) for name in _OF_ANY_DATA}
            dataset, wanted = against, SourceOptions(**of_any_data)
        if options.features is not None:
            if data.images is None:
                raise UsageError(
                    f"Without images, samples are compared by their features, and those of {against!r} are not given; name a "
                    "column of the dataset with --features-column (features_column), or use find_leakage."
                )
            wanted = replace(wanted, features=None, features_column=())  # the images are compared
        wanted = replace(wanted, max_samples=None, value_range=found.value_ranges)
        resolution = None if data.images is None else data.images.shape[1]
        others = load(dataset, wanted, resolution=resolution, progress=progress)
        if is_split and others.source.split == found.split:
            raise UsageError(f"The split {against!r} is the one that is audited; compare it with another one.")
    check_comparable(data, others)
    return others


def check_comparable(data: LabeledData, others: LabeledData) -> None:
    """Raise UsageError if the images of two datasets are decoded at different resolutions, or their features differ in number."""
    if data.images is None or others.images is None:
        one, other = (None if each.features is None else each.features.shape[1] for each in (data, others))
        if one != other or data.images is not others.images:
            raise UsageError(
                f"The samples cannot be compared: expected features of the same number in both, got {one} and {other}."
            )
        return
    if data.images.shape[1:3] != others.images.shape[1:3]:
        raise UsageError(
            f"The images are decoded at {data.images.shape[1]} pixels, those to compare them with at {others.images.shape[1]}; "
            "load both with the same resolution."
        )


def find_leakage(
    data: LabeledData, others: LabeledData, *, threshold: float | None = None, device: str = "auto"
) -> tuple[pd.DataFrame, float]:
    """Return the images of one dataset that also appear in another, identical or nearly so.

    Args:
        data: n samples.
        others: m samples, at the same resolution; classes with the same name are the same.
        threshold: minimum similarity at which two images count as duplicates, in (0, 1]; None: from the data.
        device: as in `TrainingOptions`.

    Returns:
        One row per pair of images, pairs with different labels first, then by similarity: `row`, `split`, `path`, `given` in
        `data`, `other_row`, `other_split`, `other_path`, `other_given` in `others`, `similarity`, `test` (identical bytes,
        identical pixels, near), `mirrored`, `agree` (bool); and the threshold. Of identical images in `others` with the
        same label, only the first is listed.

    Raises:
        UsageError: the resolutions differ, or an option is wrong.
    """
    wanted = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    check_type(data)
    check_type(others)
    other = compare_with_split(data, others, threshold=wanted, device=device)
    return leakage_table(evidence_of_data(data), other), other.compared.threshold


def compare_with_split(data: LabeledData, others: LabeledData, *, threshold: float | None, device: str) -> OtherSplit:
    """Compare the images of two datasets; see `find_leakage`."""
    check_comparable(data, others)
    from curv_issues.duplicates.search import compare_between  # imports torch, so only after the checks above

    return other_split(others, compare_between(data, others, threshold=threshold, device=device))


find_overlap = find_leakage  # deprecated name; to be removed in the next release
