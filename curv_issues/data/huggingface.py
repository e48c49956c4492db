"""load_data(): from whatever a dataset is given as to LabeledData."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import datasets
import huggingface_hub.utils
import numpy as np
from PIL import Image

from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.columns import find_columns
from curv_issues.data.decoding import DecodedPictures, Progress, choose_resolution, decode_all, sample_sizes
from curv_issues.data.encoded import ArrowPictures
from curv_issues.data.labels import encode_labels
from curv_issues.data.picture import decode_picture
from curv_issues.data.sampling import stratified_sample
from curv_issues.data.sources import open_source
from curv_issues.data.splits import select_split
from curv_issues.data.value_range import Range, ValueRanges
from curv_issues.errors import DatasetError, UsageError

_MIN_RESOLUTION = 8


def load_data(
    dataset: Any,
    *,
    split: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    max_samples: int | None = None,
    seed: int = 0,
    resolution: int | None = None,
    skip_unreadable: bool = False,
    skip_unlabelled: bool = False,
    value_range: Range | ValueRanges | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
) -> LabeledData:
    """Load a dataset and decode its pictures.

    Args:
        dataset: Hub id ("mnist", "org/name"), local folder laid out like a Hub dataset, image folder, parquet file or
            list of them, `save_to_disk` folder, `datasets.Dataset`, `DatasetDict`, or LabeledData (returned as it is).
        split: expression of the datasets library ("train+test", "train[:10%]"); None: "train", or the only split.
        config_name: configuration of a Hub dataset.
        revision: branch, tag or commit of a Hub dataset.
        image_column: column of the pictures; None: found from the features.
        label_column: column of the labels; None: found from the features.
        max_samples: decode at most this many samples, chosen at random with the class proportions kept; None: all.
        seed: of that choice.
        resolution: side of the decoded pictures in pixels, 8 or more; None: 32 for thumbnails, else 48.
        skip_unreadable: leave out pictures that cannot be decoded, and list them in the source.
        skip_unlabelled: leave out samples without a label, and count them in the source.
        value_range: the values shown as black and white in images of more than 8 bits per channel, such as (0, 4095); None:
            decided once from all images.
        max_pixels: images with more pixels are unreadable; None: 64 million, or fewer on a machine with little memory.
        progress: called as `progress(done, total)` while pictures are decoded; with it, and on a terminal, downloads show
            the bars of the Hugging Face libraries.

    Returns:
        The samples. `rows` count through the split expression, whatever was left out; `paths` are relative to the
        dataset's folder where they lie inside it, and None for pictures embedded in a table.

    Raises:
        DatasetError: the dataset, its columns, labels or pictures are missing or cannot be used.
        UsageError: an option is wrong or does not go with this kind of dataset.
        AuditError: there is no disk space, or the Hugging Face cache cannot be written.
    """
    if isinstance(dataset, LabeledData):
        given = (split, config_name, revision, image_column, label_column, max_samples, resolution, value_range, max_pixels)
        if any(option is not None for option in given) or skip_unreadable or skip_unlabelled:
            raise UsageError("Options of loading (split, columns, max_samples, ...) do not go with LabeledData.")
        return dataset
    if resolution is not None and resolution < _MIN_RESOLUTION:
        raise UsageError(f"The resolution is {resolution}; expected {_MIN_RESOLUTION} pixels or more.")

    with _quiet_libraries(bars=progress is not None and sys.stderr.isatty()):
        opened = open_source(dataset, config_name=config_name, revision=revision)
        chosen = select_split(opened.splits, split, source=opened.name)
    columns = find_columns(chosen.dataset.features, image_column=image_column, label_column=label_column)
    labels = encode_labels(
        _read_column(chosen.dataset, columns.label),
        names=columns.class_names,
        skip_unlabelled=skip_unlabelled,
        origin=f"column {columns.label!r}",
    )
    rows = np.flatnonzero(~labels.unlabelled)
    if max_samples is not None:
        rows = rows[stratified_sample(labels.codes[rows], max_samples, seed=seed)]

    pictures = ArrowPictures(chosen.dataset, columns.image, rows=rows, folder=opened.folder)
    side = resolution if resolution is not None else choose_resolution(sample_sizes(pictures))
    decoded = decode_all(pictures, resolution=side, value_range=value_range, max_pixels=max_pixels, progress=progress)
    unreadable = _list_unreadable(decoded, rows)
    if unreadable and (not skip_unreadable or len(unreadable) == len(rows)):
        _raise_unreadable(unreadable, len(rows), opened.name, skip_unreadable)
    keep, decoded = _drop_unreadable(decoded)
    rows = rows[keep]

    def open_picture(index: int) -> Image.Image:
        position = int(keep[index])
        (encoded,) = pictures.read(range(position, position + 1))
        return decode_picture(encoded.content, value_ranges=decoded.value_ranges, max_pixels=max_pixels)

    splits = chosen.splits[rows] if opened.has_split_names else np.full(len(rows), None, dtype=object)
    return LabeledData(
        images=decoded.images,
        labels=labels.codes[rows],
        class_names=labels.class_names,
        rows=rows,
        splits=splits,
        paths=decoded.paths,
        image_sha256=decoded.image_sha256,
        file_sha256=decoded.file_sha256,
        sizes=decoded.sizes,
        source=DataSource(
            source=opened.name,
            split=chosen.expression if opened.has_split_names or split is not None else None,
            revision=opened.revision,
            config_name=opened.config_name,
            image_column=columns.image,
            label_column=columns.label,
            unreadable=unreadable,
            num_unlabelled=int(labels.unlabelled.sum()),
            num_rows=len(chosen.dataset),
            value_ranges=decoded.value_ranges,
            value_note=decoded.value_note,
        ),
        open_picture=open_picture,
    )


def _read_column(dataset: datasets.Dataset, column: str) -> list[Any]:
    return dataset.select_columns([column]).with_format("arrow")[:].column(0).to_pylist()


def _list_unreadable(decoded: DecodedPictures, rows: np.ndarray) -> tuple[dict[str, str | int | None], ...]:
    return tuple(
        {"row": int(rows[index]), "path": decoded.paths[index], "reason": reason} for index, reason in decoded.unreadable.items()
    )


def _raise_unreadable(unreadable: tuple[dict[str, str | int | None], ...], total: int, source: str, skip_unreadable: bool) -> None:
    first = unreadable[0]
    where = f"row {first['row']} ({first['path'] or 'no path'})"
    if skip_unreadable:
        raise DatasetError(f"None of the {total} pictures of {source} can be read; in {where}: {first['reason']}.")
    count = f"; {len(unreadable)} of {total} pictures cannot be read" if len(unreadable) > 1 else ""
    raise DatasetError(
        f"The picture in {where} of {source} cannot be read: {first['reason']}{count}. "
        "Repair or remove, or leave out what cannot be read with --skip-unreadable (skip_unreadable=True)."
    )


def _drop_unreadable(decoded: DecodedPictures) -> tuple[np.ndarray, DecodedPictures]:
    """Indices of the readable pictures, and those pictures; the pixels are moved up in place, not copied."""
    n = len(decoded.images)
    keep = np.delete(np.arange(n), list(decoded.unreadable))
    if len(keep) == n:
        return keep, decoded
    for place, index in enumerate(keep):
        if place != index:
            decoded.images[place] = decoded.images[index]
    return keep, replace(
        decoded,
        images=decoded.images[: len(keep)],
        image_sha256=decoded.image_sha256[keep],
        file_sha256=decoded.file_sha256[keep],
        sizes=decoded.sizes[keep],
        paths=decoded.paths[keep],
    )


@contextlib.contextmanager
def _quiet_libraries(*, bars: bool) -> Iterator[None]:
    """No logging of the libraries below (their errors are told in one line), and no progress bars unless wanted."""
    modules = (datasets.utils.logging, huggingface_hub.utils.logging)
    levels = [module.get_verbosity() for module in modules]
    datasets_bars = not datasets.utils.are_progress_bars_disabled()
    hub_bars = not huggingface_hub.utils.are_progress_bars_disabled()
    try:
        for module in modules:
            module.set_verbosity(logging.CRITICAL)
        if datasets_bars and not bars:
            datasets.utils.disable_progress_bars()
        if hub_bars and not bars:
            huggingface_hub.utils.disable_progress_bars()
        yield
    finally:
        for module, level in zip(modules, levels, strict=True):
            module.set_verbosity(level)
        if datasets_bars and not bars:
            datasets.utils.enable_progress_bars()
        if hub_bars and not bars:
            huggingface_hub.utils.enable_progress_bars()
