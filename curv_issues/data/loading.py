"""load_data(): load any supported dataset into LabeledData."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from curv_issues.counting import counted
from curv_issues.data.accounts import FileAccount, LeftOut, shorten
from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.data_frames import table_of_frame
from curv_issues.data.decoding import DecodedImages, Progress, choose_resolution, choose_workers, decode_all, sample_sizes
from curv_issues.data.feature_rows import features_of, note_order, read_finite
from curv_issues.data.features import NOT_FINITE, hash_rows, note_constant
from curv_issues.data.image import decode_image
from curv_issues.data.image_folder import FOLDERS, FolderOptions
from curv_issues.data.joined_labels import find_selected_columns, read_labels
from curv_issues.data.label_names import alike_names, is_label_name, note_unnamed, several_labels
from curv_issues.data.label_table import LabelTable, read_table
from curv_issues.data.pixel_storage import take_rows
from curv_issues.data.reopening import opened_with
from curv_issues.data.sampling import stratified_sample
from curv_issues.data.source_options import SourceOptions
from curv_issues.data.sources import OpenedSource, is_list_of_labels, open_object, open_source
from curv_issues.data.split_classes import notes_on_splits
from curv_issues.data.splits import Selection, select_split
from curv_issues.data.table import IMAGE, FileTable, RecordTable
from curv_issues.errors import DatasetError, UsageError
from curv_issues.keywords import check_keywords, make_options, takes_options
from curv_issues.option import list_options

if TYPE_CHECKING:
    from typing import Unpack

    from curv_issues.keyword_types import SourceKeywords

_LOGGER = logging.getLogger("curv_issues")
_MIN_RESOLUTION = 8
_ON_DISK = ("config_name", "revision", "file_column", "splits", "class_level")


@takes_options(SourceOptions)
def load_data(
    dataset: Any,
    *,
    seed: int = 0,
    resolution: int | None = None,
    progress: Progress | None = None,
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
    dataset: Any, options: SourceOptions, *, seed: int = 0, resolution: int | None = None, progress: Progress | None = None
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

    opened, selection = open_selection(dataset, options, bars=progress is not None and sys.stderr.isatty())
    image_column, label_column = options.image_column, options.label_column
    with_images = not options.has_features
    is_named = is_chosen = label_column is not None
    if all(isinstance(piece.table, FileTable | RecordTable) for piece in selection.pieces):
        if image_column not in (None, IMAGE) and isinstance(selection.pieces[0].table, FileTable):
            raise UsageError(f"--image-column (image_column) is for tables of images; {opened.name} is a folder of image files.")
        for piece in selection.pieces:
            if len(piece.table.types) == 1:
                raise DatasetError(
                    f"The images of {piece.table.name} have no labels: they are not in class folders; pass a table with "
                    "--labels FILE (labels=...)."
                )
        image_column, label_column, is_chosen = None, None, True  # the columns were chosen when the tables were opened
    columns = find_selected_columns(
        selection,
        image_column=image_column,
        label_column=label_column,
        with_images=with_images,
        without=[name for name in options.features_column if options.features is None and not is_label_name(name)],
    )
    feature_rows = features_of(selection, options, columns.label, name=opened.name) if options.has_features else None
    encoded, origin = read_labels(selection, columns, is_chosen=is_chosen, skip_unlabelled=options.skip_unlabelled)
    is_found = not is_named and columns.class_names is None and not isinstance(selection.pieces[0].table, FileTable)
    labelled = np.flatnonzero(~encoded.unlabelled)
    rows = (
        labelled
        if options.max_samples is None
        else labelled[stratified_sample(encoded.codes[labelled], options.max_samples, seed=seed)]
    )
    account = _account(opened, selection)
    files = _files_of_rows(selection) if account is not None else None
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
        loaded = _without_images(features)
    else:
        loaded = _read_images(selection, columns.image, rows, options, resolution=resolution, progress=progress, name=opened.name)
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
                *(note_constant(features) if features is not None else ()),
                *_notes_on_names(encoded.class_names),
                *([decoded.value_note] if decoded.value_note else ()),
            ),
            value_ranges=decoded.value_ranges,
            opened_with=opened_with(dataset, options),
        ),
        open_image=loaded.open_image,
    )


def open_selection(dataset: Any, options: SourceOptions, *, bars: bool = False) -> tuple[OpenedSource, Selection]:
    """Open a dataset and select the rows of its split; no image is read.

    Args:
        dataset: as in `load_data`, but not LabeledData.
        options: already checked.
        bars: show the progress bars of the Hugging Face libraries.

    Raises:
        DatasetError: the dataset or its split does not exist, or cannot be read.
        UsageError: an option does not apply to this kind of dataset.
        AuditError: the Hugging Face cache cannot be written.
    """
    image_column, label_column = options.image_column, options.label_column
    with_images = not options.has_features
    opened = open_object(dataset, options.labels, image_column=image_column, label_column=label_column, with_images=with_images)
    if opened is None:
        folder = FolderOptions(options.splits, options.class_level, _table_of(options.labels), options.file_column, label_column)
        opened = open_source(
            dataset,
            config_name=options.config_name,
            revision=options.revision,
            folder=folder,
            with_images=with_images,
            bars=bars,
        )
    elif any(getattr(options, name) is not None for name in _ON_DISK):
        raise UsageError(f"{', '.join(_ON_DISK[:-1])} and {_ON_DISK[-1]} are for data on disk or the Hub; this is {opened.name}.")
    try:
        selection = select_split(opened.splits, options.split, source=opened.name, aliases=opened.aliases)
    except DatasetError as error:  # the notes may explain it
        raise DatasetError(" ".join([str(error), *opened.notes])) from error
    return opened, selection


class _LoadedImages(NamedTuple):
    """The images of n rows.

    Attributes:
        decoded: those that can be read.
        keep: int64, their positions among the n.
        unreadable: the others, see `DataSource`.
        open_image: see `LabeledData`.
    """

    decoded: DecodedImages
    keep: np.ndarray
    unreadable: tuple[dict[str, str | int | None], ...]
    open_image: Callable[[int], Image.Image] | None


def _read_images(
    selection: Selection,
    column: str,
    rows: np.ndarray,
    options: SourceOptions,
    *,
    resolution: int | None,
    progress: Progress | None,
    name: str,
) -> _LoadedImages:
    images = selection.images(column, rows)
    sizes = sample_sizes(images)
    found = decode_all(
        images,
        resolution=choose_resolution(sizes) if resolution is None else resolution,
        workers=choose_workers(sizes),
        value_range=options.value_range,
        max_pixels=options.max_pixels,
        progress=progress,
    )
    unreadable = _list_unreadable(found, rows)
    if unreadable and (not options.skip_unreadable or len(unreadable) == len(rows)):
        _raise_unreadable(unreadable, len(rows), name, options.skip_unreadable)
    keep, decoded = _drop_unreadable(found)

    def open_image(index: int) -> Image.Image:
        position = int(keep[index])
        (image,) = images.read(range(position, position + 1))
        return decode_image(image.content, value_ranges=decoded.value_ranges, max_pixels=options.max_pixels)

    return _LoadedImages(decoded, keep, unreadable, open_image)


def _without_images(features: np.ndarray) -> _LoadedImages:
    n = len(features)
    nothing = DecodedImages(
        images=np.empty((n, 0, 0, 1), dtype=np.uint8),
        image_sha256=hash_rows(features),
        file_sha256=np.full(n, "", dtype=object),
        sizes=np.zeros((n, 2), dtype=np.int32),
        paths=np.full(n, None, dtype=object),
        unreadable={},
    )
    return _LoadedImages(nothing, np.arange(n), (), None)


def _table_of(labels: Any) -> LabelTable | str | None:
    if labels is None or isinstance(labels, LabelTable) or (isinstance(labels, str) and labels == FOLDERS):
        return labels
    if hasattr(labels, "columns"):
        return table_of_frame(labels)
    if is_list_of_labels(labels):
        raise UsageError(
            "A list of labels belongs to a list of image files; for a folder, pass a table with a column of file names."
        )
    return read_table(labels)


def _account(opened: OpenedSource, selection: Selection) -> FileAccount | None:
    """Return an account of every file of a folder, including files of other splits."""
    if opened.left_out is None:
        return None
    read = {path for piece in selection.pieces for path in piece.table.files(piece.rows)}
    chosen = {piece.split for piece in selection.pieces}
    left_out = list(opened.left_out)
    for split, tables in opened.splits.items():
        reason = f"not in {selection.expression}" if split in chosen else f"in another split ({split})"
        for table in tables:
            left_out += [LeftOut(path, reason) for path in table.files(np.arange(len(table))) if path not in read]
    return FileAccount(len(read), tuple(sorted(left_out)))


def _files_of_rows(selection: Selection) -> np.ndarray | None:
    """Return the file of each row: object, (n,); None if rows have no files of their own or share them."""
    if not all(isinstance(piece.table, FileTable) for piece in selection.pieces):
        return None
    files = [path for piece in selection.pieces for path in piece.table.files(piece.rows)]
    return np.array(files, dtype=object) if len(set(files)) == len(files) else None


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


def _list_unreadable(decoded: DecodedImages, rows: np.ndarray) -> tuple[dict[str, str | int | None], ...]:
    return tuple(
        {"row": int(rows[index]), "path": decoded.paths[index], "reason": reason} for index, reason in decoded.unreadable.items()
    )


def _raise_unreadable(unreadable: tuple[dict[str, str | int | None], ...], total: int, source: str, skip_unreadable: bool) -> None:
    first = unreadable[0]
    where = f"row {first['row']} ({first['path'] or 'no path'})"
    if skip_unreadable:
        raise DatasetError(f"No image of {source} can be read ({total:,} in all); in {where}: {first['reason']}.")
    count = f"; {len(unreadable)} of {total} images cannot be read" if len(unreadable) > 1 else ""
    raise DatasetError(
        f"The image in {where} of {source} cannot be read: {first['reason']}{count}. "
        "Repair or remove the file, or leave out unreadable images with --skip-unreadable (skip_unreadable=True)."
    )


def _drop_unreadable(decoded: DecodedImages) -> tuple[np.ndarray, DecodedImages]:
    """Return the indices of readable images, and those images; pixels are moved in place, not copied."""
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
