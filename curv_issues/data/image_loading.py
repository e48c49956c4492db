"""load_images(): load the images of any supported dataset without labels."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.columns import find_image_column
from curv_issues.data.image_folder import FolderOptions
from curv_issues.data.image_types import IMAGE_ENDINGS, look_at_file
from curv_issues.data.objects import is_frame, is_python_object
from curv_issues.data.reading import account_of, files_of_rows, read_images
from curv_issues.data.reopening import opened_with
from curv_issues.data.source_options import ImageOptions
from curv_issues.data.sources import OpenedSource, open_object, open_source
from curv_issues.data.splits import Piece, Selection, names_in, select_split
from curv_issues.data.table import IMAGE, FileTable, RecordTable
from curv_issues.data.value_range import ValueRanges
from curv_issues.errors import DatasetError, UsageError
from curv_issues.keywords import check_keywords, make_options, takes_options
from curv_issues.progress import StepCallback

if TYPE_CHECKING:
    from typing import Unpack

    from curv_issues.keyword_types import ImageKeywords

UNLABELLED = "unlabelled"
"""The only class of images that are loaded without labels; an audit refuses them, because it needs two classes."""

_LOGGER = logging.getLogger("curv_issues")


@takes_options(ImageOptions)
def load_images(
    dataset: Any, *, resolution: int | None = None, progress: StepCallback | None = None, **options: Unpack[ImageKeywords]
) -> LabeledData:
    """Load the images of a dataset, which needs no labels, to search for duplicates.

    Unreadable images are left out; `source.unreadable` lists them.

    Args:
        dataset: folder of images at any depth, image file or list of them, parquet files, folder of parquet files, Hub id, a
            `datasets.Dataset`, `DatasetDict`, or a list or array of images.
        **options: see `ImageOptions`.
        resolution: side of the decoded images in pixels, >= 8; None: 32 for thumbnails, else 48.
        progress: called as `progress(done, total)` while images are decoded.

    Returns:
        The images, all with the class "unlabelled". `rows` are positions in the splits that are read; `paths` are relative to
        the folder, and None for images without a file of their own.

    Raises:
        DatasetError: the dataset or its images are missing, or none of them can be read.
        UsageError: an option is invalid or does not apply to this kind of dataset.
        AuditError: the disk is full, or the Hugging Face cache cannot be written.
    """
    check_keywords("load_images", options, ImageOptions)
    chosen = make_options(ImageOptions, options)
    opened = open_images(dataset, chosen, bars=progress is not None and sys.stderr.isatty())
    return load_opened_images(opened, dataset, chosen, resolution=resolution, progress=progress)


def open_images(dataset: Any, options: ImageOptions, *, bars: bool = False) -> OpenedSource:
    """Open a dataset as `load_images` does, without reading its images.

    Args:
        dataset: see `load_images`.
        options: which images to read.
        bars: show the progress bars of the Hugging Face libraries.
    """
    if is_python_object(dataset):
        advice = "the list of its images: list(frame[COLUMN])" if is_frame(dataset) else "a list of its images"
        raise DatasetError(
            f"Expected a folder, files, a Hub id or a list of images, but got a {type(dataset).__name__}; pass {advice}."
        )
    images = _listed_images(dataset)
    if images is None:
        return open_source(
            dataset,
            config_name=options.config_name,
            revision=options.revision,
            folder=FolderOptions(with_labels=False),
            bars=bars,
        )
    for name in ("config_name", "revision", "image_column"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} ({name}) is for datasets on disk or the Hub; this is a list of images.")
    opened = open_object(images, [UNLABELLED] * len(images), image_column=None, label_column=None)
    assert opened is not None  # a list of images with a list of labels
    return opened


def _listed_images(dataset: Any) -> Any:
    """Return the dataset if it is a list or array of images, or a list of image files; an image file as a list; else None.

    Raises:
        DatasetError: some files of a list are images and others are not.
    """
    if isinstance(dataset, str | os.PathLike):
        return [os.path.expanduser(dataset)] if os.path.isfile(os.path.expanduser(dataset)) and _is_image_file(dataset) else None
    if getattr(dataset, "ndim", 1) > 1:
        return dataset
    if not isinstance(dataset, Sequence) or not len(dataset):
        return None
    if not all(isinstance(item, str | os.PathLike) for item in dataset):
        return dataset
    are_images = [_is_image_file(item) for item in dataset]
    if not any(are_images):
        return None
    if not all(are_images):
        other = os.fspath(dataset[are_images.index(False)])
        kind = "a folder" if os.path.isdir(other) else "not an image"
        raise DatasetError(f"Expected image files only, but {other} is {kind}; leave it out, or pass one folder.")
    return [os.path.expanduser(item) for item in dataset]


def _is_image_file(item: str | os.PathLike[str]) -> bool:
    path = os.path.expanduser(os.fspath(item))
    if os.path.isdir(path):
        return False
    return Path(path).suffix.lower() in IMAGE_ENDINGS or look_at_file(path)[0]


def load_opened_images(
    opened: OpenedSource,
    dataset: Any,
    options: ImageOptions,
    *,
    excluded: Collection[str] = (),
    resolution: int | None = None,
    value_ranges: ValueRanges | None = None,
    progress: StepCallback | None = None,
) -> LabeledData:
    """Load an opened dataset as `load_images` does.

    Args:
        opened: the dataset, from `open_images`.
        dataset: what it was opened from.
        options: which images to read.
        excluded: splits to leave out if no split is chosen.
        resolution: see `load_images`.
        value_ranges: those of another dataset, to read images with more than 8 bits per channel alike; None: as the options say.
        progress: see `load_images`.
    """
    if resolution is not None and resolution < 8:
        raise UsageError(f"resolution must be an integer >= 8 (pixels), got {resolution}.")
    selection = _select(opened, options.split, excluded)
    column = _image_column(selection, options.image_column, opened.name)
    rows = np.arange(len(selection), dtype=np.int64)
    account = account_of(opened, selection)
    if account is not None:
        _LOGGER.info("%s", account.line())
    reading = options.as_source_options
    if value_ranges is not None:
        reading = replace(reading, value_range=value_ranges)
    loaded = read_images(selection, column, rows, reading, resolution=resolution, progress=progress, name=opened.name)
    files = files_of_rows(selection)
    if account is not None and files is not None and loaded.unreadable:
        account = account.without(np.delete(files, loaded.keep).tolist(), "cannot be decoded")
        _LOGGER.info("%s", account.line())  # repeated: these files were counted as read
    decoded, n = loaded.decoded, len(loaded.keep)
    notes = [*opened.notes, *(account.notes() if account else ()), *_note_unreadable(loaded.unreadable, len(rows))]
    return LabeledData(
        images=decoded.images,
        labels=np.zeros(n, dtype=np.int64),
        class_names=(UNLABELLED,),
        rows=loaded.keep,
        splits=selection.splits[loaded.keep] if opened.has_split_names else np.full(n, None, dtype=object),
        paths=decoded.paths,
        image_sha256=decoded.image_sha256,
        file_sha256=decoded.file_sha256,
        sizes=decoded.sizes,
        num_bytes=decoded.num_bytes,
        is_lossless=decoded.is_lossless,
        source=DataSource(
            source=opened.name,
            split=selection.expression if opened.has_split_names or options.split is not None else None,
            revision=opened.revision,
            config_name=opened.config_name,
            image_column=column,
            unreadable=loaded.unreadable,
            num_rows=len(rows),
            files=account,
            notes=tuple([*notes, decoded.value_note] if decoded.value_note else notes),
            value_ranges=decoded.value_ranges,
            opened_with=opened_with(dataset, replace(options.as_source_options, skip_unreadable=False)),
        ),
        open_image=loaded.open_image,
    )


def _select(opened: OpenedSource, split: str | None, excluded: Collection[str]) -> Selection:
    """Return the rows of a split expression; None: of all splits but the excluded ones."""
    if split is not None:
        return select_split(opened.splits, split, source=opened.name, aliases=opened.aliases)
    kept = {name: tables for name, tables in opened.splits.items() if name not in excluded}
    pieces = [
        Piece(name, table, np.arange(len(table), dtype=np.int64)) for name, tables in kept.items() for table in tables if len(table)
    ]
    if not pieces:
        others = f" beside {', '.join(excluded)}" if excluded else ""
        raise DatasetError(f"{opened.name} has no images{others}; expected at least one.")
    return Selection(tuple(pieces), "+".join(kept))


def splits_named(opened: OpenedSource, expression: str) -> tuple[str, ...]:
    """Return the splits that an expression names, such as train for train[:10%]; () unless the dataset has all of them."""
    names = tuple(opened.aliases.get(name.lower(), name) if name not in opened.splits else name for name in names_in(expression))
    return names if opened.has_split_names and all(name in opened.splits for name in names) else ()


def _image_column(selection: Selection, chosen: str | None, name: str) -> str:
    """Return the image column, which all tables must have."""
    tables = list(dict.fromkeys(piece.table for piece in selection.pieces))
    if all(isinstance(table, FileTable | RecordTable) for table in tables):
        if chosen not in (None, IMAGE):
            raise UsageError(f"--image-column (image_column) is for tables of images; {name} is a folder of image files.")
        return IMAGE
    column = find_image_column(tables[0].types, chosen)
    for table in tables[1:]:
        if column not in table.types:
            raise DatasetError(
                f"{table.name} has no column {column!r}, which {tables[0].name} has; its columns are {shorten(table.types, 20)}. "
                "Expected the same image column in all parts."
            )
    return column


def _note_unreadable(unreadable: Sequence[dict[str, str | int | None]], total: int) -> list[str]:
    """Return a note on the images that cannot be read; [] if there are none."""
    if not unreadable:
        return []
    named = shorten(f"{entry['path'] or 'row ' + str(entry['row'])} ({entry['reason']})" for entry in unreadable)
    what = "was left out, so no duplicate of it" if len(unreadable) == 1 else "were left out, so no duplicates of them"
    searched = "was" if len(unreadable) == 1 else "were"
    return [f"{len(unreadable):,} of {counted(total, 'image')} cannot be read and {what} {searched} searched for: {named}."]
