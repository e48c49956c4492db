"""load_data(): load any supported dataset into LabeledData."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.feature_rows import note_order, read_finite
from curv_issues.data.features import NOT_FINITE, note_columns
from curv_issues.data.label_names import alike_names, note_unnamed, several_labels
from curv_issues.data.opening import open_labelled
from curv_issues.data.pixel_storage import take_rows
from curv_issues.data.reading import account_of, files_of_rows, read_images, without_images
from curv_issues.data.reopening import opened_with
from curv_issues.data.sampling import stratified_sample
from curv_issues.data.shown_columns import read_shown
from curv_issues.data.source_options import SourceOptions
from curv_issues.data.split_classes import notes_on_splits
from curv_issues.data.table import FileTable
from curv_issues.errors import UsageError
from curv_issues.keywords import check_keywords, make_options, takes_options
from curv_issues.option import list_options
from curv_issues.progress import StepCallback

if TYPE_CHECKING:
    from typing import Unpack

    from curv_issues.keyword_types import SourceKeywords

_LOGGER = logging.getLogger("curv_issues")
_MIN_RESOLUTION = 8


@takes_options(SourceOptions)
def load_data(
    dataset: Any,
    *,
    seed: int = 0,
    resolution: int | None = None,
    progress: StepCallback | None = None,
    **options: Unpack[SourceKeywords],
) -> LabeledData:
    """Load a dataset and decode its images.

    Args:
        dataset: Hub id ("mnist", "org/name"), local folder laid out like a Hub dataset, image folder, parquet file or
            list of them, `save_to_disk` folder, `datasets.Dataset`, `DatasetDict`, a DataFrame with a column of paths or
            images, a torchvision dataset, a list of image files (with `labels`), or LabeledData (returned unchanged).
        **options: see `SourceOptions`.
        seed: random seed of the sample that `max_samples` draws.
        resolution: side of the decoded images in pixels, >= 8; None: 32 for thumbnails, else 48.
        progress: called as `progress(done, total)` while images are decoded; if given, and stderr is a terminal, downloads
            show the progress bars of the Hugging Face libraries.

    Returns:
        The samples. `rows` are positions in the split expression, whatever was left out; `paths` are relative to the
        dataset folder if they are inside it, and None for images embedded in a table.

    Raises:
        DatasetError: the dataset, its columns, labels or images are missing or cannot be used.
        UsageError: an option is invalid or does not apply to this kind of dataset.
        AuditError: the disk is full, or the Hugging Face cache cannot be written.
    """
    check_keywords("load_data", options, SourceOptions)
    source = make_options(SourceOptions, options)
    return load(dataset, source, seed=seed, resolution=resolution, progress=progress)


def load(
    dataset: Any, options: SourceOptions, *, seed: int = 0, resolution: int | None = None, progress: StepCallback | None = None
) -> LabeledData:
    """Load a dataset as `load_data` does, with options that are already checked."""
    if isinstance(dataset, LabeledData):
        changed = [info.name for info in list_options(SourceOptions) if getattr(options, info.name) is not info.default]
        if changed or resolution is not None:
            raise UsageError(
                "Loading options (split, columns, max_samples, ...) do not apply to LabeledData; pass them to load_data."
            )
        return dataset
    if resolution is not None and resolution < _MIN_RESOLUTION:
        raise UsageError(f"resolution must be an integer >= {_MIN_RESOLUTION} (pixels), got {resolution}.")

    dataset_opened = open_labelled(dataset, options, bars=progress is not None and sys.stderr.isatty())
    opened, selection, columns = dataset_opened.source, dataset_opened.selection, dataset_opened.columns
    encoded, origin, feature_rows = dataset_opened.labels, dataset_opened.label_origin, dataset_opened.features
    is_found = options.label_column is None and columns.class_names is None and not isinstance(selection.pieces[0].table, FileTable)
    labelled = np.flatnonzero(~encoded.unlabelled)
    rows = (
        labelled
        if options.max_samples is None
        else labelled[stratified_sample(encoded.codes[labelled], options.max_samples, seed=seed)]
    )
    account = account_of(opened, selection)
    files = files_of_rows(selection) if account is not None else None
    if account is not None and files is not None:
        account = account.without(files[encoded.unlabelled].tolist(), "no label")
        account = account.without(np.delete(files, rows)[~np.delete(encoded.unlabelled, rows)].tolist(), "not in the sample")
    if account is not None:
        _LOGGER.info("%s", account.line())
    _LOGGER.info("labels: %s.", origin)
    features, wanted = None, rows
    unreadable: tuple[dict[str, str | int | None], ...] = ()
    if feature_rows is not None:
        _LOGGER.info("features: %s.", feature_rows.name)
        features, rows = read_finite(feature_rows, rows, skip_unreadable=options.skip_unreadable)
        unreadable = tuple({"row": row, "path": None, "reason": NOT_FINITE} for row in np.setdiff1d(wanted, rows).tolist())
    if columns.image is None:
        assert features is not None
        loaded = without_images(features)
    else:
        loaded = read_images(selection, columns.image, rows, options, resolution=resolution, progress=progress, name=opened.name)
        unreadable += loaded.unreadable
    if account is not None and files is not None and unreadable:
        account = account.without(files[np.setdiff1d(wanted, rows)].tolist(), NOT_FINITE)
        account = account.without(np.delete(files[rows], loaded.keep).tolist(), "cannot be decoded")
        _LOGGER.info("%s", account.line())  # repeated: these files were counted as read
    if features is not None and len(loaded.keep) < len(rows):
        features = take_rows(features, loaded.keep)
    rows, decoded = rows[loaded.keep], loaded.decoded
    lost = np.setdiff1d(encoded.codes[wanted], encoded.codes[rows])
    names = selection.splits[rows] if opened.has_split_names else np.full(len(rows), None, dtype=object)
    return LabeledData(
        images=None if columns.image is None else decoded.images,
        features=features,
        labels=encoded.codes[rows],
        class_names=encoded.class_names,
        rows=rows,
        splits=names,
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
            image_column=columns.image,
            label_column=columns.label,
            unreadable=unreadable,
            num_unlabelled=int(encoded.unlabelled.sum()),
            num_rows=len(selection),
            label_origin=origin,
            files=account,
            notes=(
                *opened.notes,
                *(note_unnamed(columns.label, origin) if is_found else ()),
                *notes_on_splits(opened.splits, selection, columns.label),
                *(account.notes() if account else ()),
                *(f"No image of the class {encoded.class_names[code]!r} can be read." for code in lost if columns.image),
                *(feature_rows.notes if feature_rows is not None else ()),
                *(note_order(feature_rows, files) if feature_rows is not None and files is not None else ()),
                *(note_columns(features, encoded.codes[rows]) if features is not None else ()),
                *_notes_on_names(encoded.class_names),
                *([decoded.value_note] if decoded.value_note else ()),
            ),
            value_ranges=decoded.value_ranges,
            opened_with=opened_with(dataset, options),
        ),
        open_image=loaded.open_image,
        shown=read_shown(selection, options.show_column, rows),
    )


def _notes_on_names(names: Sequence[str]) -> list[str]:
    notes = [
        f"The classes {first!r} and {second!r} have nearly equal names; if they are one class, give them the same name."
        for first, second in alike_names(names)
    ]
    if several := several_labels(names):
        notes.append(
            f"{counted(len(several), 'class looks', 'classes look')} like several labels at once ({shorten(map(repr, several))}); "
            "each combination is treated as a separate class, because an audit needs one label per image."
        )
    return notes
