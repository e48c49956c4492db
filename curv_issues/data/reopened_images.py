"""Read images of an audited dataset again, as they are stored, and only if they have not changed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from curv_issues.data.base import LabeledData, hash_pixels
from curv_issues.data.decoding import EncodedImage, EncodedImages
from curv_issues.data.image import UnreadableImageError, decode_image, decode_values
from curv_issues.data.opening import open_selection
from curv_issues.data.reopening import move_options, opened_names, options_of
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import DatasetError, UsageError

_CHUNK = 32  # images read at a time, as a chunk of photos is held in memory


def read_unchanged(
    dataset: Mapping[str, Any],
    rows: Sequence[int],
    image_sha256: Sequence[str],
    file_sha256: Sequence[str],
    *,
    place: Sequence[str] | LabeledData = (),
) -> Iterator[EncodedImage]:
    """Open an audited dataset again and yield the images of some rows.

    An image has not changed if its bytes have the recorded hash, or if its decoded pixels do.

    Args:
        dataset: the `dataset` of a result's summary, which is not trusted.
        rows: m row numbers of the result, strictly increasing.
        image_sha256: (m,), as in the images table of the result.
        file_sha256: (m,), as in the images table of the result.
        place: where the dataset is now, as a Hub id or paths; (): where the audit has found it. Or the loaded dataset, whose
            images are yielded as PNG.

    Raises:
        DatasetError: the dataset cannot be opened again, has no images, or an image is missing or has changed.
        UsageError: the summary does not record how the dataset was opened.
    """
    if isinstance(place, LabeledData):
        yield from _loaded_images(place, rows, image_sha256)
        return
    images = ReopenedImages(dataset, rows, image_sha256, file_sha256, place=list(place))
    for start in range(0, len(rows), _CHUNK):
        yield from images.read(range(start, min(start + _CHUNK, len(rows))))


class ReopenedImages:
    """Images of an audited dataset that is opened again; its arguments are those of `read_unchanged`."""

    def __init__(
        self,
        dataset: Mapping[str, Any],
        rows: Sequence[int],
        image_sha256: Sequence[str],
        file_sha256: Sequence[str],
        *,
        place: Sequence[str] = (),
    ) -> None:
        self._rows, self._image_sha256, self._file_sha256 = rows, image_sha256, file_sha256
        self._source = place[0] if place else dataset.get("source")
        self._options, self._images = _open_images(dataset, np.asarray(rows, dtype=np.int64), list(place))

    def read(self, indices: range) -> Iterator[EncodedImage]:
        """Yield the images of the rows at these indices.

        Raises:
            DatasetError: an image is missing or has changed.
        """
        for index, encoded in zip(indices, self._images.read(indices), strict=True):
            problem = encoded.problem or self._change(index, encoded.content)
            if problem is not None:
                shown = f"row {self._rows[index]} ({encoded.path or 'no path'})"
                raise DatasetError(f"The image in {shown} of {self._source} is not the one that was audited: {problem}.")
            yield encoded

    def decode(self, index: int) -> Image.Image:
        """Return the decoded image of one row.

        Raises:
            DatasetError: it is missing or has changed.
        """
        (encoded,) = self.read(range(index, index + 1))
        return decode_image(encoded.content, max_pixels=self._options.max_pixels)

    def _change(self, index: int, content: bytes) -> str | None:
        """Return how an image differs from the audited one; None if it does not."""
        file_sha256 = self._file_sha256[index]
        if file_sha256 and hashlib.sha256(content).hexdigest() == file_sha256:
            return None
        try:
            pixels = decode_values(content, max_pixels=self._options.max_pixels)
        except UnreadableImageError as error:
            return str(error)
        return None if hash_pixels(pixels) == self._image_sha256[index] else "its content has changed"


def _loaded_images(data: LabeledData, rows: Sequence[int], image_sha256: Sequence[str]) -> Iterator[EncodedImage]:
    """Yield images of a loaded dataset as PNG."""
    indices = {row: index for index, row in enumerate(data.rows.tolist())}
    for row, expected in zip(rows, image_sha256, strict=True):
        index = indices.get(row)
        if data.images is None or index is None or data.image_sha256[index] != expected:
            raise DatasetError(f"The image in row {row} of {data.source.source} is not the one that was audited.")
        encoded = io.BytesIO()
        data.image(index).save(encoded, "PNG")
        yield EncodedImage(encoded.getvalue(), None, is_stored=False)


def _open_images(dataset: Mapping[str, Any], rows: np.ndarray, place: list[str]) -> tuple[SourceOptions, EncodedImages]:
    record = dataset.get("opened_with")
    if record is None and not place:
        raise DatasetError("The images of this result cannot be read again, because its dataset was an object in memory.")
    names, options = ([], SourceOptions()) if record is None else _opened(dataset)
    options = move_options(options, names, place)
    revision = dataset.get("revision")  # the commit, as a branch may have moved
    options = replace(options, revision=revision if isinstance(revision, str) and not place else None)
    opened, selection = open_selection(place or names, options)
    column = dataset.get("image_column")
    if not isinstance(column, str) or any(column not in piece.table.types for piece in selection.pieces):
        raise DatasetError(f"{opened.name} has no images: expected the image column of the audit, {column!r}.")
    if len(rows) and (rows[0] < 0 or rows[-1] >= len(selection)):
        raise DatasetError(
            f"{opened.name} has changed since the audit: it has {len(selection):,} rows now, and the result has row {rows[-1]}."
        )
    return options, selection.images(column, rows)


def _opened(dataset: Mapping[str, Any]) -> tuple[list[str], SourceOptions]:
    """Return the names and options that an audited dataset was opened with; the summary is not trusted."""
    names, record = opened_names(dataset), dataset["opened_with"]
    if not (names and isinstance(record.get("options"), dict)):
        raise UsageError("The summary of this result does not record how its dataset was opened; run the audit again.")
    return names, options_of(record)
