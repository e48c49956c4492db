"""Read encoded images from Arrow or from their own files, a few at a time."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curv_issues.data.decoding import EncodedImage
from curv_issues.data.walk import stays_inside

if TYPE_CHECKING:
    import datasets

LARGEST_FILE = 1 << 30
"""Maximum size of an encoded image in bytes; larger ones are not read."""

_ARCHIVE = "zip://"


class FileImages:
    """Image files below one folder; thread-safe."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        """Store the paths without opening them.

        Args:
            root: the folder.
            paths: n paths relative to it, with forward slashes.
        """
        self._root = os.fspath(root)
        self._paths = paths

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._paths)

    def read(self, indices: range) -> Iterator[EncodedImage]:
        """Yield the files at these indices, in order, each read on demand."""
        for index in indices:
            yield read_image_file(os.path.join(self._root, self._paths[index]), self._paths[index])


def read_image_file(place: str | os.PathLike[str], shown: str) -> EncodedImage:
    """Return one image file; if it is not a regular file, too large or unreadable, `problem` says so.

    Args:
        place: the file.
        shown: its path in results.
    """
    try:
        descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # do not wait on pipes
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return EncodedImage(b"", shown, "it is not a regular file")
            if status.st_size > LARGEST_FILE:
                return EncodedImage(b"", shown, f"the file has {status.st_size / 1e9:,.1f} GB; the limit is 1 GB")
            return EncodedImage(_read(descriptor, status.st_size), shown)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return EncodedImage(b"", shown, "the file does not exist")
    except IsADirectoryError:
        return EncodedImage(b"", shown, "it is not a regular file")
    except (OSError, ValueError) as error:
        return EncodedImage(b"", shown, f"the file cannot be read ({getattr(error, 'strerror', None) or error})")


def _read(descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes of an open file, or fewer if it is shorter."""
    content = os.read(descriptor, size)
    while len(content) < size and (more := os.read(descriptor, size - len(content))):
        content += more
    return content


class ArrowImages:
    """Selected rows of one column of a `datasets.Dataset`; thread-safe."""

    def __init__(self, dataset: datasets.Dataset, column: str, *, rows: np.ndarray, folder: Path | None = None) -> None:
        """Select a column without reading it.

        Args:
            dataset: the dataset.
            column: its image column: Image, struct of bytes and path, or binary.
            rows: int64, (n,): the rows to read, increasing.
            folder: the dataset folder: image files are read only if inside it, and named relative to it; None: the dataset
                was made in memory, and its files may be anywhere on this machine.
        """
        images = dataset.select_columns([column])
        if len(rows) != len(dataset):
            images = images.select(rows)
        self._images = images.with_format("arrow")
        self._folder = folder

    def __len__(self) -> int:
        """Return the number of selected rows."""
        return len(self._images)

    def read(self, indices: range) -> Iterator[EncodedImage]:
        """Yield the images at these indices, in order, each file read on demand."""
        yield from read_images(self._images[indices.start : indices.stop].column(0), self._folder)


def read_images(column: pa.Array | pa.ChunkedArray, folder: Path | None) -> Iterator[EncodedImage]:
    """Yield the encoded images of an Arrow column; files that it names are read on demand.

    Args:
        column: binary, or structs of `bytes` and `path`.
        folder: see `ArrowImages`.
    """
    if not pa.types.is_struct(column.type):
        for content in column:
            yield _embedded(content.as_py())
        return
    fields = dict(zip((field.name for field in column.type), column.flatten(), strict=True))
    for content, path in zip(fields["bytes"], fields["path"], strict=True):
        if content.is_valid or not path.is_valid:
            yield _embedded(content.as_py())
        elif isinstance(name := path.as_py(), str):
            yield _from_file(name, folder)
        else:
            yield EncodedImage(b"", None, f"its path has type {path.type}; expected text")


def _from_file(path: str, folder: Path | None) -> EncodedImage:
    if folder is None and path.startswith(_ARCHIVE):
        return _from_archive(path)
    if "://" in path:
        return EncodedImage(b"", path, "it is a URL, not a file on this machine")
    if folder is None:
        return read_image_file(path, path)
    place = os.path.normpath(folder / path)  # keeps an absolute path unchanged
    try:
        real_folder = os.path.realpath(folder)
        real_parent = os.path.realpath(os.path.dirname(place) if place != os.fspath(folder) else place)
        is_inside = Path(real_parent).is_relative_to(real_folder) and stays_inside(place, real_folder)
    except (OSError, ValueError) as error:  # too long, or with a null character
        return EncodedImage(b"", path, f"the file cannot be read ({getattr(error, 'strerror', None) or error})")
    if not is_inside:
        return EncodedImage(b"", path, "the file is outside the dataset folder; only files inside it are read")
    return read_image_file(place, _relative_to(place, folder))


def _from_archive(path: str) -> EncodedImage:
    """Return a member of a local zip file, named as in the datasets library: zip://MEMBER::ARCHIVE."""
    member, _, archive = path.removeprefix(_ARCHIVE).partition("::")
    if "://" in archive or "::" in archive:
        return EncodedImage(b"", path, "it is a URL, not a file on this machine")
    try:
        if not os.path.isfile(archive):
            return EncodedImage(b"", path, "the file cannot be read (the archive does not exist)")
        with zipfile.ZipFile(archive) as file:
            if file.getinfo(member).file_size > LARGEST_FILE:
                return EncodedImage(b"", path, "the file is larger than the limit of 1 GB")
            return EncodedImage(file.read(member), path)
    except (OSError, ValueError, LookupError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        return EncodedImage(b"", path, f"the file cannot be read ({error})")


def _embedded(content: bytes | None) -> EncodedImage:
    return EncodedImage(b"", None, "it is missing (null)") if content is None else EncodedImage(content)


def _relative_to(path: str, folder: Path) -> str:
    return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else path
