"""The format `fiftyone`, for FiftyOne (voxel51)."""

from __future__ import annotations

from pathlib import Path

from curv_issues.export.base import Export, write_json
from curv_issues.export.image_files import safe_stem


def write(export: Export, folder: Path) -> None:
    """Write `data/` and `labels.json`, a FiftyOneImageClassificationDataset; without images, `data.json` refers to the files.

    The label is the given one. Its confidence is 1 - p_wrong, and its attributes are the findings.
    """
    samples = export.with_images(folder / "data")
    if not export.images:
        write_json(folder / "data.json", {safe_stem(sample, export.last_row): export.file_of(sample) for sample in samples})
    labels = {}
    for sample in samples:
        labels[safe_stem(sample, export.last_row)] = {
            "label": sample.given,
            "confidence": None if sample.p_wrong is None else 1 - sample.p_wrong,
            "attributes": sample.attributes(),
        }
    write_json(folder / "labels.json", {"classes": list(export.result.class_names), "labels": labels})
