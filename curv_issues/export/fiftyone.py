"""The format `fiftyone`, for FiftyOne (voxel51)."""

from __future__ import annotations

from pathlib import Path

from curv_issues.export.base import Export, write_json
from curv_issues.export.image_files import check_unique, safe_stem


def write(export: Export, folder: Path) -> None:
    """Write `data/` and `labels.json`, a FiftyOneImageClassificationDataset.

    The label is the given one. Its confidence is 1 - p_wrong, and its attributes are the findings. Without images, `data/` is
    empty, and `labels.json` has the absolute paths of the dataset's files.
    """
    samples = export.with_images(folder / "data")
    (folder / "data").mkdir(exist_ok=True)  # which FiftyOne expects in any case
    names = [safe_stem(sample, export.last_row) if export.images else export.file_of(sample) for sample in samples]
    check_unique(names)
    labels = {
        name: {
            "label": sample.given,
            "confidence": None if sample.p_wrong is None else 1 - sample.p_wrong,
            "attributes": sample.attributes(),
        }
        for name, sample in zip(names, samples, strict=True)
    }
    write_json(folder / "labels.json", {"classes": list(export.result.class_names), "labels": labels})
