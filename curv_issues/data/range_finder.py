"""Find the value range that maps to black and white in a dataset of images with more than 8 bits per channel.

Integers: the range of the smallest bit depth that holds all values (8, 10, 12, 14 or 16), so that different images stay
different. Floats: 0 to 1 if it contains all values. Everything else: from the smallest to the largest value.

A few wrong pixels would spoil this: one pixel of 65535 in 8-bit data makes every image black. So outliers may be clipped, but
only if all of these hold:

- They are at most a thousandth of the pixels of their image (at least one pixel is allowed).
- Without them, the image needs at most a sixteenth of its range: with them, at most 16 shades would be left.
- The same holds for the range of the dataset.
- Fewer than half of the images have such outliers. In images of stars, or of single hits in a detector, the bright pixels are the
  content, and most images have some. A quantile of the values would clip them; the largest value of the median image does
  not. A hot pixel present in every image looks the same, so it is kept, and reported.

The number of clipped images is also reported.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np

from curv_issues.data.value_range import BITS, Range, ValueRanges, is_float

_OUTLIERS = 1000  # one value in this many may be an outlier
_NARROWER = 16


class RangeFinder:
    """Finds the ranges of a dataset from its images, in any order; thread-safe."""

    def __init__(self, decided: ValueRanges) -> None:
        """Start with the ranges that are already fixed; they never change."""
        self._decided = decided
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def add(self, values: np.ndarray) -> Range:
        """Take an image into account, once; return the current range for its kind."""
        given = self._decided.of(values)
        if given is not None:
            return given
        kind = "floats" if is_float(values) else "integers"
        image = _look_at(kind, values)
        with self._lock:
            self._seen[kind] = seen = self._seen[kind].joined_with(image) if kind in self._seen else image
            return seen.range()

    def ranges(self) -> ValueRanges:
        """Return the fixed ranges, and those of the kinds of images seen so far."""
        with self._lock:
            return replace(self._decided, **{kind: seen.range() for kind, seen in self._seen.items()})

    def outshone(self) -> ValueRanges:
        """Return the ranges of nearly all values, for kinds of images in which a few pixels leave them hardly any shades."""
        with self._lock:
            return ValueRanges(**{kind: seen.usual() for kind, seen in self._seen.items() if seen.is_outshone()})


@dataclass(frozen=True)
class _Seen:
    """Statistics of the images of one kind.

    Attributes:
        kind: "integers" or "floats".
        all_values: smallest and largest value.
        most_values: smallest and largest value without outliers.
        num_images: number of images.
        num_with_outliers: number of images with outliers.
    """

    kind: str
    all_values: Range
    most_values: Range
    num_images: int = 1
    num_with_outliers: int = 0

    def joined_with(self, other: _Seen) -> _Seen:
        return _Seen(
            self.kind,
            _join(self.all_values, other.all_values),
            _join(self.most_values, other.most_values),
            self.num_images + other.num_images,
            self.num_with_outliers + other.num_with_outliers,
        )

    def range(self) -> Range:
        """Return the range of the values: the usual one if few images have values outside it."""
        usual = self.usual()
        has_shades = usual[0] < usual[1]
        return usual if has_shades and self._is_wide() and 2 * self.num_with_outliers < self.num_images else self._whole()

    def usual(self) -> Range:
        return _choose(self.kind, *self.most_values)

    def is_outshone(self) -> bool:
        return self._is_wide() and self.range() == self._whole()

    def _whole(self) -> Range:
        return _choose(self.kind, *self.all_values)

    def _is_wide(self) -> bool:
        return _is_much_wider(self._whole(), self.usual())


def _look_at(kind: str, values: np.ndarray) -> _Seen:
    values = values[np.isfinite(values)] if is_float(values) else values.ravel()
    if not values.size:
        return _Seen(kind, (0.0, 0.0), (0.0, 0.0))
    everything = float(values.min()), float(values.max())
    num_outliers = max(1, values.size // _OUTLIERS)
    if values.size <= 2 * num_outliers or everything[0] == everything[1]:
        return _Seen(kind, everything, everything)
    places = num_outliers, values.size - 1 - num_outliers
    low, high = (float(value) for value in np.partition(values, places)[list(places)])
    if _is_much_wider(_choose(kind, *everything), _choose(kind, low, high)):
        return _Seen(kind, everything, (low, high), num_with_outliers=1)
    return _Seen(kind, everything, everything)


def _choose(kind: str, low: float, high: float) -> Range:
    """Return the smallest bit depth for integers, 0 to 1 for floats inside it, else the observed range."""
    if kind == "integers" and low >= 0:
        for bits in BITS:
            if high < 1 << bits:
                return 0.0, float((1 << bits) - 1)
    if kind == "floats" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high


def _is_much_wider(whole: Range, usual: Range) -> bool:
    return whole != usual and (usual[1] - usual[0]) * _NARROWER <= whole[1] - whole[0]


def _join(one: Range, other: Range) -> Range:
    return min(one[0], other[0]), max(one[1], other[1])
