"""Decode every image once, in parallel: probe-resolution pixels, native size and both hashes in one pass."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from curv_issues.data.base import hash_pixels
from curv_issues.data.image import (
    UnreadableImageError,
    colours_of,
    decode_values,
    default_max_pixels,
    read_size,
    to_rgb,
)
from curv_issues.data.lossless import is_lossless
from curv_issues.data.pixel_storage import allocate_pixels
from curv_issues.data.range_finder import RangeFinder
from curv_issues.data.value_range import Range, ValueRanges, as_ranges, is_outside
from curv_issues.progress import StepCallback

_CHUNK = 32  # images per worker task; small, because a chunk of megabyte-sized photos is held in memory
_SIZES_READ = 256
_SMALL_SIDE = 40
_FEW_PIXELS = 96 * 96


class EncodedImage(NamedTuple):
    """One image as it is stored.

    Attributes:
        content: bytes of its file; b"" if there are none.
        path: path of the file in results; None for images embedded in a table.
        problem: why the content could not be read; None if it was.
        is_stored: False if the image was in memory: `content` was encoded from its pixels, and no file has these bytes.
    """

    content: bytes
    path: str | None = None
    problem: str | None = None
    is_stored: bool = True


class EncodedImages(Protocol):
    """n encoded images from any storage; thread-safe."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def read(self, indices: range) -> Iterator[EncodedImage]:
        """Return the images at these indices, in order."""
        ...


@dataclass(frozen=True, eq=False)
class DecodedImages:
    """Result of one pass over n images.

    Attributes:
        images: uint8, (n, r, r, c): c = 1 if all images are grey, else 3; zeros for unreadable images.
        image_sha256: object, (n,): hex digest of the pixels at native size and their shape; "" if unreadable. RGB pixels,
            or the original values for images with more than 8 bits per channel, independent of their range.
        file_sha256: object, (n,): hex digest of the encoded image; "" if there are no bytes.
        sizes: int32, (n, 2): native height and width; 0 if unreadable.
        num_bytes: int64, (n,): size of the encoded image; 0 if there are no bytes.
        is_lossless: bool, (n,): whether it is encoded without loss.
        paths: object, (n,): image file, or None if it has none of its own.
        unreadable: index -> reason, for each image that cannot be decoded, in order.
        value_ranges: values mapped to black and white in images with more than 8 bits per channel.
        num_deep: number of those images.
        num_clipped: number of those with values outside these ranges, or NaN.
        outshone: range of nearly all values if a few pixels make the images nearly black (see `range_finder.py`).
    """

    images: np.ndarray
    image_sha256: np.ndarray
    file_sha256: np.ndarray
    sizes: np.ndarray
    num_bytes: np.ndarray
    is_lossless: np.ndarray
    paths: np.ndarray
    unreadable: dict[int, str]
    value_ranges: ValueRanges = field(default_factory=ValueRanges)
    num_deep: int = 0
    num_clipped: int = 0
    outshone: ValueRanges = field(default_factory=ValueRanges)

    @property
    def value_note(self) -> str | None:
        """Note for the user on how values of more than 8 bits were read; None if there are none."""
        if self.num_deep == 0:
            return None
        many = f"{self.num_deep:,} images have" if self.num_deep > 1 else "1 image has"
        note = (
            f"{many} more than 8 bits per channel: values from {self.value_ranges.describe()} are shown as black to white; "
            "if the data has a different range, set --value-range (value_range)."
        )
        if self.num_clipped:
            clipped = f"{self.num_clipped:,} images have" if self.num_clipped > 1 else "1 image has"
            note += f" {clipped} values outside that range (or NaN), which become black or white."
        if self.outshone != ValueRanges():
            note += (
                f" Nearly all values are in {self.outshone.describe()}, so they get 16 shades or fewer: if the few pixels outside "
                "are artefacts, set that range."
            )
        return note


def choose_resolution(sizes: Sequence[tuple[int, int]]) -> int:
    """Return the probe resolution for images of these native sizes (height, width): 32 pixels for thumbnails, else 48."""
    shorter = [min(size) for size in sizes]
    return 32 if not shorter or np.median(shorter) <= _SMALL_SIDE else 48


def choose_workers(sizes: Sequence[tuple[int, int]]) -> int | None:
    """Return the number of decoding threads for images of these native sizes (height, width); None: one per processor.

    Decoding a thumbnail mostly holds the GIL: 32-pixel images took 1.5 times as long with two threads as with one.
    """
    pixels = [height * width for height, width in sizes]
    return 1 if pixels and np.median(pixels) <= _FEW_PIXELS else None


def squash(image: Image.Image, side: int) -> Image.Image:
    """Return the image resized to a square of `side` pixels, antialiased; the aspect ratio is not kept."""
    return image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)


def sample_sizes(images: EncodedImages) -> list[tuple[int, int]]:
    """Return native height and width of up to 256 evenly spaced images, from their headers; unreadable ones are left out."""
    step = max(1, -(-len(images) // _SIZES_READ))
    sizes = []
    for index in range(0, len(images), step):
        for encoded in images.read(range(index, index + 1)):
            with contextlib.suppress(UnreadableImageError):
                sizes.append(read_size(encoded.content))
    return sizes


def decode_all(
    images: EncodedImages,
    *,
    resolution: int,
    workers: int | None = None,
    value_range: Range | ValueRanges | None = None,
    max_pixels: int | None = None,
    progress: StepCallback | None = None,
) -> DecodedImages:
    """Decode all images in one parallel pass.

    Each image is decoded at native size (see `image.py`), hashed, and resized to a square of `resolution` pixels with an
    antialiased bilinear filter, unless it already has that size. More than 1 GB of pixels goes to a temporary file. All
    images with more than 8 bits per channel get the same value range; those decoded before it was known are decoded
    again. Images decoded concurrently have at most 64 million pixels in total, about 0.5 GB, regardless of the number of
    workers; a single larger one is decoded alone.

    Args:
        images: n encoded images.
        resolution: side r of the decoded images in pixels.
        workers: number of threads; None: one per processor.
        value_range: values mapped to black and white in images with more than 8 bits per channel; None: from the images
            (see `range_finder.py`).
        max_pixels: images with more pixels are unreadable; None: 64 million, or fewer on a machine with little memory.
        progress: called as `progress(done, total)` in the calling thread, every few images.

    Returns:
        Pixels, hashes, sizes, and the reasons for unreadable images.

    Raises:
        AuditError: there is no space for the pixels.
        UsageError: the value range is invalid.
    """
    n = len(images)
    work = _Pass(images, allocate_pixels((n, resolution, resolution, 3)), RangeFinder(as_ranges(value_range)), max_pixels)
    with _silent_pillow(), ThreadPoolExecutor(workers or count_processors(), thread_name_prefix="decode") as executor:
        try:
            chunks = [range(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
            for chunk, future in zip(chunks, [executor.submit(work.decode, chunk) for chunk in chunks], strict=True):
                future.result()
                if progress is not None:
                    progress(chunk.stop, n)
            work.fix_ranges()
            list(executor.map(work.decode, work.with_older_range()))
        except BaseException:  # mainly Ctrl-C: let the workers stop at their next image
            work.stopped.set()
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return work.finish()


def count_processors() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _silent_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings about odd metadata in readable images."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


class _PixelBudget:
    """Limits the total number of pixels that threads decode at the same time."""

    def __init__(self, pixels: int) -> None:
        self._total = self._left = pixels
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that waits for free pixels and reserves them; an image above the limit is decoded alone."""
        taken = 0

        def reserve(pixels: int) -> None:
            nonlocal taken
            wanted = min(pixels, self._total)
            with self._changed:
                self._changed.wait_for(lambda: self._left >= wanted)
                self._left -= wanted
            taken += wanted

        try:
            yield reserve
        finally:
            with self._changed:
                self._left += taken
                self._changed.notify_all()


class _Pass:
    """The arrays of one pass, shared by all workers: each writes only to the indices of its own chunk."""

    def __init__(self, source: EncodedImages, images: np.ndarray, finder: RangeFinder, max_pixels: int | None) -> None:
        n = len(source)
        self.source = source
        self.images = images
        self.finder = finder
        self.max_pixels = max_pixels
        self.budget = _PixelBudget(default_max_pixels())
        self.image_sha256 = np.full(n, "", dtype=object)
        self.file_sha256 = np.full(n, "", dtype=object)
        self.sizes = np.zeros((n, 2), dtype=np.int32)
        self.num_bytes = np.zeros(n, dtype=np.int64)
        self.is_lossless = np.zeros(n, dtype=bool)
        self.paths = np.full(n, None, dtype=object)
        self.unreadable: dict[int, str] = {}
        self.deep: dict[int, tuple[str, Range, bool]] = {}  # index -> type of the values, range used, whether it clips
        self.outshone = ValueRanges()
        self.all_grey = True
        self.stopped = threading.Event()

    def decode(self, chunk: range) -> None:
        for index, encoded in zip(chunk, self.source.read(chunk), strict=True):
            if self.stopped.is_set():
                return
            try:
                self._decode_one(index, encoded)
            except UnreadableImageError as error:
                self._leave_out(index, str(error))
        block = self.images[chunk.start : chunk.stop]
        if self.all_grey and not _is_grey(block):
            self.all_grey = False

    def fix_ranges(self) -> None:
        """Fix the value ranges once all images have been seen."""
        self.outshone = self.finder.outshone()
        self.finder = RangeFinder(self.finder.ranges())

    def with_older_range(self) -> list[range]:
        """Return the images whose values were mapped before the dataset's range was known."""
        ranges = self.finder.ranges()
        older = [index for index, (dtype, used, _) in self.deep.items() if used != ranges.of(np.empty(0, dtype))]
        return [range(index, index + 1) for index in sorted(older)]

    def _decode_one(self, index: int, encoded: EncodedImage) -> None:
        self.paths[index] = encoded.path
        if encoded.problem is not None:
            raise UnreadableImageError(encoded.problem)
        if encoded.content and encoded.is_stored:
            self.file_sha256[index] = hashlib.sha256(encoded.content).hexdigest()
            self.num_bytes[index], self.is_lossless[index] = len(encoded.content), is_lossless(encoded.content)
        with self.budget.share() as reserve:
            values = decode_values(encoded.content, max_pixels=self.max_pixels, reserve=reserve)
            self.image_sha256[index] = hash_pixels(values)
            self.sizes[index] = values.shape[:2]
            if values.dtype != np.uint8:
                colours = colours_of(values)
                used = self.finder.add(colours)
                self.deep[index] = (values.dtype.name, used, is_outside(colours, used))
                values = to_rgb(values, used)
            side = self.images.shape[1]
            if values.shape[:2] != (side, side):
                values = np.asarray(squash(Image.fromarray(values), side))
            self.images[index] = values

    def _leave_out(self, index: int, reason: str) -> None:
        self.unreadable[index] = reason
        self.images[index] = 0  # drop earlier pixels if its file changed before it was decoded again
        self.image_sha256[index] = ""
        self.sizes[index] = 0
        self.deep.pop(index, None)

    def finish(self) -> DecodedImages:
        images = _drop_channels(self.images) if self.all_grey and len(self.images) else self.images
        return DecodedImages(
            images=images,
            image_sha256=self.image_sha256,
            file_sha256=self.file_sha256,
            sizes=self.sizes,
            num_bytes=self.num_bytes,
            is_lossless=self.is_lossless,
            paths=self.paths,
            unreadable=dict(sorted(self.unreadable.items())),
            value_ranges=self.finder.ranges(),
            num_deep=len(self.deep),
            num_clipped=sum(is_clipped for _, _, is_clipped in self.deep.values()),
            outshone=self.outshone,
        )


def _is_grey(block: np.ndarray) -> bool:
    return bool((block[..., 0] == block[..., 1]).all() and (block[..., 0] == block[..., 2]).all())


def _drop_channels(images: np.ndarray) -> np.ndarray:
    grey = allocate_pixels((*images.shape[:-1], 1))
    for start in range(0, len(images), _CHUNK * _CHUNK):
        grey[start : start + _CHUNK * _CHUNK] = images[start : start + _CHUNK * _CHUNK, ..., :1]
    return grey
