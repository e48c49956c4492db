"""Decode every picture once, in parallel: probe-resolution pixels, native size and both hashes in one pass."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from curv_issues.data.base import hash_pixels
from curv_issues.data.picture import UnreadablePictureError, decode_picture, read_size
from curv_issues.errors import AuditError

Progress = Callable[[int, int], None]

_CHUNK = 32  # Pictures a worker takes at a time: few, because photos are megabytes and a chunk is in memory.
_MEMORY_LIMIT = 10**9  # Bytes of pixels from which on they lie in a file instead of in memory.
_SIZES_READ = 256
_SMALL_SIDE = 40


class EncodedPicture(NamedTuple):
    """One picture as it is stored.

    Attributes:
        content: the bytes of its file; b"" if there are none.
        path: where the file lies, as results name it; None for pictures embedded in a table.
        problem: why the content could not be read; None: it could.
        is_stored: False: the image was in memory, and `content` was made of its pixels; no file has these bytes.
    """

    content: bytes
    path: str | None = None
    problem: str | None = None
    is_stored: bool = True


class EncodedPictures(Protocol):
    """n encoded pictures, wherever they lie; read from several threads at once."""

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    def read(self, indices: range) -> Iterator[EncodedPicture]:
        """The pictures at these indices, in order."""
        ...


@dataclass(frozen=True, eq=False)
class DecodedPictures:
    """What one pass over n pictures leaves behind.

    Attributes:
        images: uint8, (n, r, r, c): c = 1 if all pictures are grey, else 3; zeros where a picture is unreadable.
        image_sha256: object, (n,): hex digest of the RGB pixels at native size with their shape; "" where unreadable.
        file_sha256: object, (n,): hex digest of the encoded picture; "" where there are no bytes.
        sizes: int32, (n, 2): native height and width; 0 where unreadable.
        paths: object, (n,): the picture's file, or None where it has none of its own.
        unreadable: index -> reason of each picture that cannot be decoded, in order.
    """

    images: np.ndarray
    image_sha256: np.ndarray
    file_sha256: np.ndarray
    sizes: np.ndarray
    paths: np.ndarray
    unreadable: dict[int, str]


def choose_resolution(sizes: Sequence[tuple[int, int]]) -> int:
    """Probe resolution for pictures of these native sizes (height, width): 32 for thumbnails, else 48 pixels."""
    shorter = [min(size) for size in sizes]
    return 32 if not shorter or np.median(shorter) <= _SMALL_SIDE else 48


def squash(picture: Image.Image, side: int) -> Image.Image:
    """The picture as a square of `side` pixels, antialiased, whatever its proportions."""
    return picture.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)


def sample_sizes(pictures: EncodedPictures) -> list[tuple[int, int]]:
    """Native height and width of up to 256 evenly spaced pictures, from their headers; unreadable ones are left out."""
    step = max(1, -(-len(pictures) // _SIZES_READ))
    sizes = []
    for index in range(0, len(pictures), step):
        for encoded in pictures.read(range(index, index + 1)):
            with contextlib.suppress(UnreadablePictureError):
                sizes.append(read_size(encoded.content))
    return sizes


def decode_all(
    pictures: EncodedPictures, *, resolution: int, workers: int | None = None, progress: Progress | None = None
) -> DecodedPictures:
    """Decode all pictures in one parallel pass.

    Each picture is decoded at native size (see `picture.py`), hashed, and squashed to a square of `resolution` pixels
    with an antialiased bilinear filter, unless it has that size already. More than 1 GB of pixels goes to a temporary
    file.

    Args:
        pictures: n encoded pictures.
        resolution: side r of the decoded pictures in pixels.
        workers: number of threads; None: one a processor.
        progress: called as `progress(done, total)` in the calling thread, every few pictures.

    Returns:
        Pixels, hashes and sizes, and the reasons of unreadable pictures.

    Raises:
        AuditError: there is no space for the pixels.
    """
    n = len(pictures)
    work = _Pass(pictures, allocate_pixels((n, resolution, resolution, 3)))
    with ThreadPoolExecutor(workers or count_processors(), thread_name_prefix="decode") as executor:
        try:
            chunks = [range(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
            for chunk, future in zip(chunks, [executor.submit(work.decode, chunk) for chunk in chunks], strict=True):
                future.result()
                if progress is not None:
                    progress(chunk.stop, n)
        except BaseException:  # Ctrl-C above all: let the workers stop at their next picture.
            work.stopped.set()
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return work.finish()


def count_processors() -> int:
    """Number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allocate_pixels(shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array of zeros; above 1 GB a memory map of a temporary file without a name.

    Raises:
        AuditError: the file system of the temporary folder has no space for it.
    """
    size = int(np.prod(shape))
    if size <= _MEMORY_LIMIT:
        return np.zeros(shape, dtype=np.uint8)
    try:
        with tempfile.TemporaryFile(prefix="curv-issues-") as file:
            if hasattr(os, "posix_fallocate"):  # Else a full disk would kill the process on a write to the map.
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
    except OSError as error:
        raise AuditError(
            f"The decoded pictures need {size / 1e9:.1f} GB in {tempfile.gettempdir()}, which cannot hold them "
            f"({error.strerror or error}); free space there, set TMPDIR to another folder, or use --max-samples."
        ) from error


class _Pass:
    """The arrays of one pass, filled in by all workers: each writes only its own chunk's places."""

    def __init__(self, pictures: EncodedPictures, images: np.ndarray) -> None:
        n = len(pictures)
        self.pictures = pictures
        self.images = images
        self.image_sha256 = np.full(n, "", dtype=object)
        self.file_sha256 = np.full(n, "", dtype=object)
        self.sizes = np.zeros((n, 2), dtype=np.int32)
        self.paths = np.full(n, None, dtype=object)
        self.unreadable: dict[int, str] = {}
        self.all_grey = True
        self.stopped = threading.Event()

    def decode(self, chunk: range) -> None:
        for index, encoded in zip(chunk, self.pictures.read(chunk), strict=True):
            if self.stopped.is_set():
                return
            try:
                self._decode_one(index, encoded)
            except UnreadablePictureError as error:
                self.unreadable[index] = str(error)
        block = self.images[chunk.start : chunk.stop]
        if self.all_grey and not _is_grey(block):
            self.all_grey = False

    def _decode_one(self, index: int, encoded: EncodedPicture) -> None:
        self.paths[index] = encoded.path
        if encoded.problem is not None:
            raise UnreadablePictureError(encoded.problem)
        if encoded.content and encoded.is_stored:
            self.file_sha256[index] = hashlib.sha256(encoded.content).hexdigest()
        picture = decode_picture(encoded.content)
        pixels = np.asarray(picture)
        self.image_sha256[index] = hash_pixels(pixels)
        self.sizes[index] = pixels.shape[:2]
        side = self.images.shape[1]
        if pixels.shape[:2] != (side, side):
            pixels = np.asarray(squash(picture, side))
        self.images[index] = pixels

    def finish(self) -> DecodedPictures:
        images = _drop_channels(self.images) if self.all_grey and len(self.images) else self.images
        unreadable = dict(sorted(self.unreadable.items()))
        return DecodedPictures(images, self.image_sha256, self.file_sha256, self.sizes, self.paths, unreadable)


def _is_grey(block: np.ndarray) -> bool:
    return bool((block[..., 0] == block[..., 1]).all() and (block[..., 0] == block[..., 2]).all())


def _drop_channels(images: np.ndarray) -> np.ndarray:
    grey = allocate_pixels((*images.shape[:-1], 1))
    for start in range(0, len(images), _CHUNK * _CHUNK):
        grey[start : start + _CHUNK * _CHUNK] = images[start : start + _CHUNK * _CHUNK, ..., :1]
    return grey
