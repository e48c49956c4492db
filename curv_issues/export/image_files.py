"""Write the images of exported samples under safe names, or refer to the files of the dataset."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from curv_issues.data.base import LabeledData
from curv_issues.data.encoded import read_image_file
from curv_issues.data.image import read_format
from curv_issues.data.image_types import FORMATS, HEIF_ENDINGS
from curv_issues.data.reopened_images import read_unchanged
from curv_issues.data.reopening import opened_names
from curv_issues.errors import DatasetError
from curv_issues.export.samples import Sample
from curv_issues.visible import visible

_LONGEST_STEM = 40  # characters of the original name
HINT = (
    "If the dataset was moved, name its new place with --dataset (dataset). The formats csv and card need no images; --no-images "
    "(images=False) refers to the files of the dataset."
)


def encoded_images(
    samples: Sequence[Sample],
    dataset: Mapping[str, Any],
    place: Sequence[str] | LabeledData = (),
    on_step: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Sample, bytes]]:
    """Yield every sample with the bytes of its image file, in the order of the rows.

    Args:
        samples: of one result.
        dataset: the `dataset` of its summary.
        place: where the dataset is now, or the loaded dataset; (): where the audit has found it.
        on_step: called as `on_step(done, total)` after each image.

    Raises:
        DatasetError: the dataset cannot be opened again, has no images, or an image is missing or has changed.
        UsageError: the summary does not record how the dataset was opened.
    """
    ordered = sorted(samples, key=lambda sample: sample.row)
    hashes = [(sample.image_sha256, sample.file_sha256) for sample in ordered]
    found = read_unchanged(
        dataset, [sample.row for sample in ordered], [pixels for pixels, _ in hashes], [file for _, file in hashes], place=place
    )
    try:
        for done, (sample, encoded) in enumerate(zip(ordered, found, strict=True), 1):
            yield sample, encoded.content
            if on_step is not None:
                on_step(done, len(ordered))
    except DatasetError as error:
        raise DatasetError(f"{error} {HINT}") from error


def write_images(found: Iterator[tuple[Sample, bytes]], folder: Path, last_row: int) -> dict[int, str]:
    """Write images into a new folder and return the name of each file by row.

    Args:
        found: samples with the bytes of their images.
        folder: created here.
        last_row: largest row number of the result, for the width of the numbers, so that names sort like rows.
    """
    folder.mkdir(parents=True)
    names = {}
    for sample, content in found:
        names[sample.row] = safe_stem(sample, last_row) + _ending(sample.path, content)
        (folder / names[sample.row]).write_bytes(content)
    return names


def with_image_names(samples: Sequence[Sample], names: Mapping[int, str]) -> list[Sample]:
    """Return the samples with the names of their image files, in the same order."""
    return [replace(sample, image=names[sample.row]) for sample in samples]


def safe_stem(sample: Sample, last_row: int) -> str:
    """Return a file name without extension: the row number and ASCII letters of the original name.

    It is unique in a result, the same in every export of it, and not reserved on any system.
    """
    stem = PurePosixPath((sample.path or "").replace("\\", "/")).stem
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", stem)[:_LONGEST_STEM].strip("-")
    number = f"{sample.row:0{len(str(last_row))}d}"
    return f"{number}-{readable}" if readable else number


def _ending(path: str | None, content: bytes) -> str:
    """Return the extension of the original file if it is one of the image's format; else the usual one of that format."""
    name = read_format(content).replace("MPO", "JPEG")  # a JPEG with further frames, which viewers open as JPEG
    usual = FORMATS.get(name, HEIF_ENDINGS)
    ending = PurePosixPath(path or "").suffix.lower()
    return ending if ending in usual else usual[0]


def relative_path(sample: Sample) -> str:
    """Return the path of a sample's file below the dataset folder, with forward slashes.

    Raises:
        DatasetError: it has none, or other programs would not find it by this path.
    """
    path = sample.path or ""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if not parts or os.path.isabs(path) or "://" in path or ".." in parts or ":" in parts[0]:
        raise DatasetError(
            f"Row {sample.row} has no image file below the dataset folder, so an export without images cannot refer to it; "
            "export with images, or to csv."
        )
    if "\\" in path:  # part of a name, or the escape of a byte that is not UTF-8
        raise DatasetError(
            f"The path of row {sample.row} has a backslash or bytes that are not UTF-8 ({visible(path)}), so an export without "
            "images cannot refer to it; export with images, or to csv."
        )
    return "/".join(parts)


def check_unique(names: Iterable[str]) -> None:
    """Raise DatasetError if several samples have the same image file."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DatasetError(
            f"Several samples are in the image file {repeated[0]}, so an export without images cannot refer to each of them; "
            "export with images, or to csv."
        )


def absolute_path(sample: Sample, dataset: Mapping[str, Any], place: Sequence[str] | LabeledData = ()) -> str:
    """Return the absolute path of a sample's file on this machine, after checking that it has not changed.

    Args:
        sample: to refer to.
        dataset: the `dataset` of the result's summary.
        place: where the dataset is now; (): where the audit has found it.

    Raises:
        DatasetError: it has no file of its own on this machine, or the file has changed.
    """
    roots = opened_names(dataset) if isinstance(place, LabeledData) or not place else place
    if sample.path and roots:
        root = Path(roots[0]).expanduser().absolute()
        path = os.path.normpath((root if root.is_dir() else root.parent) / sample.path)
        encoded = read_image_file(path, sample.path)
        if encoded.problem is None and hashlib.sha256(encoded.content).hexdigest() == sample.file_sha256:
            return path
    raise DatasetError(
        f"Row {sample.row} has no image file of its own on this machine with the content of the audit, so an export without "
        "images cannot refer to it; export with images, or to csv."
    )
