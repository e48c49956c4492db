"""load_data(): load any supported dataset into LabeledData."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from curv_issues.counting import counted
from curv_issues.data.accounts import FileAccount, LeftOut, shorten
from curv_issues.data.base import DataSource, LabeledData
from curv_issues.data.data_frames import table_of_frame
from curv_issues.data.decoding import DecodedImages, Progress, choose_resolution, choose_workers, decode_all, sample_sizes
from curv_issues.data.image import decode_image
from curv_issues.data.image_folder import FOLDERS, FolderOptions
from curv_issues.data.joined_labels import find_selected_columns, read_labels
from curv_issues.data.label_names import alike_names, note_unnamed, several_labels
from curv_issues.data.label_table import LabelTable, read_table
from curv_issues.data.sampling import stratified_sample
from curv_issues.data.sources import OpenedSource, is_list_of_labels, open_object, open_source
from curv_issues.data.split_classes import notes_on_splits
from curv_issues.data.splits import Selection, select_split
from curv_issues.data.table import IMAGE, FileTable, RecordTable
from curv_issues.data.value_range import Range, ValueRanges
from curv_issues.errors import DatasetError, UsageError

_LOGGER = logging.getLogger("curv_issues")
_MIN_RESOLUTION = 8


def load_data(
    dataset: Any,
    *,
    split: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    labels: Any = None,
    file_column: str | None = None,
    splits: bool | None = None,
    class_level: int | None = None,
    max_samples: int | None = None,
    seed: int = 0,
    resolution: int | None = None,
    skip_unreadable: bool = False,
    skip_unlabelled: bool = False,
    value_range: Range | ValueRanges | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
) -> LabeledData:
    """Load a dataset and decode its images.

    Args:
        dataset: Hub id ("mnist", "org/name"), local folder laid out like a Hub dataset, image folder, parquet file or
            list of them, `save_to_disk` folder, `datasets.Dataset`, `DatasetDict`, a DataFrame with a column of paths or
            images, a torchvision dataset, a list of image files (with `labels`), or LabeledData (returned unchanged).
        split: split expression of the datasets library ("train+test", "train[:10%]"); None: "train", or the only split.
        config_name: configuration of a Hub dataset.
        revision: branch, tag or commit of a Hub dataset.
        image_column: image column; None: detected by type.
        label_column: label column; None: detected by name (label, class, target, category, y), else by type.
        labels: a table of labels for an image folder (a .csv, .tsv, .jsonl or .parquet file, or a DataFrame), or "folders"
            for folder names; None: metadata.csv or a similar table in the folder, else folder names. For a list of image
            files: a list of labels.
        file_column: column of file names in tables of labels; None: detected.
        splits: whether top-level folders named train, test, ... are splits; None: if all top-level folders have such names.
        class_level: which folder below the split names the class; 1 is the topmost; None: 1.
        max_samples: decode at most this many samples, drawn at random in proportion to the classes; None: all.
        seed: random seed of that draw.
        resolution: side of the decoded images in pixels, >= 8; None: 32 for thumbnails, else 48.
        skip_unreadable: leave out images that cannot be decoded, and list them in the source.
        skip_unlabelled: leave out samples without a label, and count them in the source.
        value_range: values mapped to black and white in images with more than 8 bits per channel, such as (0, 4095); None:
            determined once from all images.
        max_pixels: images with more pixels are unreadable; None: 64 million, or fewer on a machine with little memory.
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
    if isinstance(dataset, LabeledData):
        places = (split, config_name, revision, image_column, label_column, labels, file_column, splits, class_level)
        given = (*places, max_samples, resolution, value_range, max_pixels)
        if any(option is not None for option in given) or skip_unreadable or skip_unlabelled:
            raise UsageError(
                "Loading options (split, columns, max_samples, ...) do not apply to LabeledData; pass them to load_data."
            )
        return dataset
    if resolution is not None and resolution < _MIN_RESOLUTION:
        raise UsageError(f"resolution must be an integer >= {_MIN_RESOLUTION} (pixels), got {resolution}.")

    opened = open_object(dataset, labels, image_column=image_column, label_column=label_column)
    if opened is None:
        folder = FolderOptions(splits, class_level, _table_of(labels), file_column, label_column)
        bars = progress is not None and sys.stderr.isatty()
        opened = open_source(dataset, config_name=config_name, revision=revision, folder=folder, bars=bars)
    elif any(option is not None for option in (config_name, revision, file_column, splits, class_level)):
        raise UsageError(
            f"config_name, revision, file_column, splits and class_level are for data on disk or the Hub; this is {opened.name}."
        )
    try:
        selection = select_split(opened.splits, split, source=opened.name, aliases=opened.aliases)
    except DatasetError as error:  # the notes may explain it
        raise DatasetError(" ".join([str(error), *opened.notes])) from error
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
    columns = find_selected_columns(selection, image_column=image_column, label_column=label_column)
    encoded, origin = read_labels(selection, columns, is_chosen=is_chosen, skip_unlabelled=skip_unlabelled)
    is_found = not is_named and columns.class_names is None and not isinstance(selection.pieces[0].table, FileTable)
    labelled = np.flatnonzero(~encoded.unlabelled)
    rows = labelled if max_samples is None else labelled[stratified_sample(encoded.codes[labelled], max_samples, seed=seed)]
    account = _account(opened, selection)
    files = _files_of_rows(selection) if account is not None else None
    if account is not None and files is not None:
        account = account.without(files[encoded.unlabelled].tolist(), "no label")
        account = account.without(np.delete(files, rows)[~np.delete(encoded.unlabelled, rows)].tolist(), "not in the sample")
    if account is not None:
        _LOGGER.info("%s", account.line())
    _LOGGER.info("labels: %s.", origin)

    images = selection.images(columns.image, rows)
    sizes = sample_sizes(images)
    decoded = decode_all(
        images,
        resolution=choose_resolution(sizes) if resolution is None else resolution,
        workers=choose_workers(sizes),
        value_range=value_range,
        max_pixels=max_pixels,
        progress=progress,
    )
    unreadable = _list_unreadable(decoded, rows)
    if unreadable and (not skip_unreadable or len(unreadable) == len(rows)):
        _raise_unreadable(unreadable, len(rows), opened.name, skip_unreadable)
    if account is not None and files is not None:
        account = account.without(files[rows[list(decoded.unreadable)]].tolist(), "cannot be decoded")
        if unreadable:
            _LOGGER.info("%s", account.line())  # repeated: these files were counted as read
    keep, decoded = _drop_unreadable(decoded)
    lost = np.setdiff1d(encoded.codes[rows], encoded.codes[rows[keep]])
    rows = rows[keep]

    def open_image(index: int) -> Image.Image:
        position = int(keep[index])
        (image,) = images.read(range(position, position + 1))
        return decode_image(image.content, value_ranges=decoded.value_ranges, max_pixels=max_pixels)

    names = selection.splits[rows] if opened.has_split_names else np.full(len(rows), None, dtype=object)
    return LabeledData(
        images=decoded.images,
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
            split=selection.expression if opened.has_split_names or split is not None else None,
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
                *(f"No image of the class {encoded.class_names[code]!r} can be read." for code in lost),
                *_notes_on_names(encoded.class_names),
                *([decoded.value_note] if decoded.value_note else ()),
            ),
            value_ranges=decoded.value_ranges,
        ),
        open_image=open_image,
    )


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
