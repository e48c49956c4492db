"""Read the images of selected rows, and account for every file of a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from curv_issues.data.accounts import FileAccount, LeftOut
from curv_issues.data.decoding import DecodedImages, choose_resolution, choose_workers, decode_all, sample_sizes
from curv_issues.data.features import hash_rows
from curv_issues.data.image import decode_image
from curv_issues.data.source_options import SourceOptions
from curv_issues.data.sources import OpenedSource
from curv_issues.data.splits import Selection
from curv_issues.data.table import FileTable
from curv_issues.errors import DatasetError
from curv_issues.progress import StepCallback


class LoadedImages(NamedTuple):
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


def read_images(
    selection: Selection,
    column: str,
    rows: np.ndarray,
    options: SourceOptions,
    *,
    resolution: int | None,
    progress: StepCallback | None,
    name: str,
) -> LoadedImages:
    """Read and decode the images in the given rows of a selection, int64 (n,), increasing.

    Args:
        selection: rows of a split expression.
        column: image column.
        rows: the rows to read.
        options: which images may be left out, and how values are read.
        resolution: side of the decoded images in pixels; None: 32 for thumbnails, else 48.
        progress: called as `progress(done, total)`.
        name: name of the dataset in messages.

    Raises:
        DatasetError: an image cannot be decoded, unless unreadable ones are skipped; or none can be.
        AuditError: there is no space for the pixels.
    """
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

    return LoadedImages(decoded, keep, unreadable, open_image)


def without_images(features: np.ndarray) -> LoadedImages:
    """Return what `read_images` returns, for feature vectors without images, (n, d)."""
    n = len(features)
    nothing = DecodedImages(
        images=np.empty((n, 0, 0, 1), dtype=np.uint8),
        image_sha256=hash_rows(features),
        file_sha256=np.full(n, "", dtype=object),
        sizes=np.zeros((n, 2), dtype=np.int32),
        num_bytes=np.zeros(n, dtype=np.int64),
        is_lossless=np.zeros(n, dtype=bool),
        paths=np.full(n, None, dtype=object),
        unreadable={},
    )
    return LoadedImages(nothing, np.arange(n), (), None)


def account_of(opened: OpenedSource, selection: Selection) -> FileAccount | None:
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


def files_of_rows(selection: Selection) -> np.ndarray | None:
    """Return the file of each row: object, (n,); None if rows have no files of their own or share them."""
    if not all(isinstance(piece.table, FileTable) for piece in selection.pieces):
        return None
    files = [path for piece in selection.pieces for path in piece.table.files(piece.rows)]
    return np.array(files, dtype=object) if len(set(files)) == len(files) else None


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
        num_bytes=decoded.num_bytes[keep],
        is_lossless=decoded.is_lossless[keep],
        paths=decoded.paths[keep],
    )
