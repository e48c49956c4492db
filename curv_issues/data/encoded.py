"""The encoded pictures of a dataset, read from Arrow or from their own files, never all at once."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import datasets
import fsspec
import numpy as np
import pyarrow as pa

from curv_issues.data.decoding import EncodedPicture

LARGEST_FILE = 1 << 30
"""Bytes; an encoded image that is larger is not read."""

_LOCAL_ARCHIVE = re.compile(r"zip://[^:]+::(?!.*://).+")  # How image folders name a picture inside a zip file.


class ArrowPictures:
    """Chosen rows of one column of a `datasets.Dataset`; safe to read from several threads."""

    def __init__(self, dataset: datasets.Dataset, column: str, *, rows: np.ndarray, folder: Path | None = None) -> None:
        """Look at a column without reading it.

        Args:
            dataset: the dataset.
            column: its column of pictures: Image, struct of bytes and path, or binary.
            rows: int64, (n,): the rows to read, increasing.
            folder: the dataset's own folder: paths inside are told relative to it.
        """
        pictures = dataset.select_columns([column])
        if len(rows) != len(dataset):
            pictures = pictures.select(rows)
        self._pictures = pictures.with_format("arrow")
        self._folder = folder

    def __len__(self) -> int:
        """Number of chosen rows."""
        return len(self._pictures)

    def read(self, indices: range) -> Iterator[EncodedPicture]:
        """The pictures at these indices, in order; files are read one by one as the caller goes on."""
        column = self._pictures[indices.start : indices.stop].column(0)
        if not pa.types.is_struct(column.type):
            for content in column:
                yield _embedded(content.as_py())
            return
        fields = dict(zip((field.name for field in column.type), column.flatten(), strict=True))
        for content, path in zip(fields["bytes"], fields["path"], strict=True):
            if content.is_valid or not path.is_valid:
                yield _embedded(content.as_py())
            else:
                yield self._from_file(path.as_py())

    def _from_file(self, path: str) -> EncodedPicture:
        shown = _relative_to(path, self._folder)
        try:
            if "://" in path:
                if not _LOCAL_ARCHIVE.fullmatch(path):
                    return EncodedPicture(b"", shown, "it is at an address, not in a file on this machine")
                with fsspec.open(path, "rb") as file:
                    return EncodedPicture(file.read(), shown)
            place = Path(path)
            if self._folder is not None and not place.is_relative_to(self._folder):
                place = self._folder / path  # An absolute path stays what it is.
            if not place.exists():
                return EncodedPicture(b"", shown, "the file does not exist")
            if not place.is_file():
                return EncodedPicture(b"", shown, "it is no regular file")
            return EncodedPicture(place.read_bytes(), shown)
        except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
            return EncodedPicture(b"", shown, f"the file cannot be read ({getattr(error, 'strerror', None) or error})")


def _embedded(content: bytes | None) -> EncodedPicture:
    return EncodedPicture(b"", None, "it is missing (null)") if content is None else EncodedPicture(content)


def _relative_to(path: str, folder: Path | None) -> str:
    if folder is not None and Path(path).is_relative_to(folder):
        return Path(path).relative_to(folder).as_posix()
    return path


def read_image_file(place: str | os.PathLike[str], shown: str) -> EncodedPicture:
    """Read one file; what is no regular file, too large or unreadable becomes a reason.

    Args:
        place: the file.
        shown: its path as results name it.
    """
    try:
        descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe would block
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return EncodedPicture(b"", shown, "it is not a regular file")
            if status.st_size > LARGEST_FILE:
                return EncodedPicture(b"", shown, f"the file has {status.st_size / 1e9:,.1f} GB; the limit is 1 GB")
            return EncodedPicture(file.read(LARGEST_FILE), shown)
    except FileNotFoundError:
        return EncodedPicture(b"", shown, "the file does not exist")
    except IsADirectoryError:
        return EncodedPicture(b"", shown, "it is not a regular file")
    except (OSError, ValueError) as error:
        return EncodedPicture(b"", shown, f"the file cannot be read ({getattr(error, 'strerror', None) or error})")
