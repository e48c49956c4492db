"""Map images with more than 8 bits per channel to 8 bits, with one value range for the whole dataset.

A range per image would make the same scene look different in each image; a fixed one (divide 16 bits by 257) makes 12-bit
data nearly black. `range_finder.py` finds the range of a dataset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from curv_issues.errors import UsageError

Range = tuple[float, float]

BITS = (8, 10, 12, 14, 16)
_ROWS_CONVERTED = 1 << 20  # values converted at a time, as they take 8 bytes each meanwhile


@dataclass(frozen=True)
class ValueRanges:
    """The values mapped to 0 and 255, for each kind of image with more than 8 bits; None: not fixed.

    Attributes:
        integers: range for 16-bit and 32-bit integer images.
        floats: range for floating-point images.
    """

    integers: Range | None = None
    floats: Range | None = None

    def of(self, values: np.ndarray) -> Range | None:
        """Return the range for images with values of this type."""
        return self.floats if is_float(values) else self.integers

    def describe(self) -> str:
        """Return the ranges in words, such as "0 to 4095 (12 bits)"."""
        parts = [] if self.integers is None else [f"{_in_words(self.integers)}{_bits_of(self.integers)}"]
        if self.floats is not None and (self.floats != self.integers):
            parts.append(_in_words(self.floats) + (" (floats)" if parts else ""))
        return " and ".join(parts)


def parse_value_range(text: str) -> Range:
    """Parse a range: "4095" (from 0) or "-1000:3000".

    Raises:
        UsageError: the text is not a range.
    """
    low, colon, high = text.rpartition(":")
    try:
        return check_value_range((float(low) if colon else 0.0, float(high)))
    except ValueError:
        raise UsageError(f"--value-range must be a maximum such as 4095, or low:high such as 0:4095, got {text!r}.") from None


def check_value_range(value_range: Range) -> Range:
    """Return a user-supplied range as two floats.

    Raises:
        UsageError: it is not two finite numbers, the first below the second.
    """
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        raise UsageError(f"value_range must be two numbers such as (0, 4095), got {value_range!r}.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"value_range must be two finite numbers, the first below the second, got {low:g} to {high:g}.")
    return low, high


def as_ranges(value_range: Range | ValueRanges | None) -> ValueRanges:
    """Return the ranges for None (not fixed), one range for all kinds of images, or the ranges of another dataset."""
    if isinstance(value_range, ValueRanges):
        return value_range
    if value_range is None:
        return ValueRanges()
    checked = check_value_range(value_range)
    return ValueRanges(checked, checked)


def is_outside(values: np.ndarray, value_range: Range) -> bool:
    """Return whether any value is NaN or outside a range, so that `to_bytes` clips it."""
    return not (float(values.min()) >= value_range[0] and float(values.max()) <= value_range[1])


def to_bytes(values: np.ndarray, value_range: Range) -> np.ndarray:
    """Map a value range linearly to 0-255; values outside are clipped, NaN becomes 0.

    Args:
        values: numbers, (h, ...).
        value_range: the values mapped to 0 and 255.

    Returns:
        uint8, same shape.
    """
    low, high = value_range
    result = np.zeros(values.shape, dtype=np.uint8)
    if high <= low:  # all values are equal
        return result
    step = max(1, _ROWS_CONVERTED // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), step):
        part = np.nan_to_num(values[start : start + step].astype(np.float64), nan=low, posinf=high, neginf=low)
        # Halve before subtracting: the difference of two large floats may be infinite.
        scaled = (part / 2 - low / 2) / (high / 2 - low / 2) * 255
        result[start : start + step] = np.rint(np.clip(scaled, 0, 255))
    return result


def is_float(values: np.ndarray) -> bool:
    """Return whether values are floating-point numbers rather than integers."""
    return np.issubdtype(values.dtype, np.floating)


def _in_words(value_range: Range) -> str:
    return f"{value_range[0]:.10g} to {value_range[1]:.10g}"


def _bits_of(value_range: Range) -> str:
    return next((f" ({bits} bits)" for bits in BITS if value_range == (0, (1 << bits) - 1)), "")
