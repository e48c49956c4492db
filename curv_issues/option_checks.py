"""Checks of option values. A check takes name and value, and returns the value to store or raises UsageError."""

from __future__ import annotations

import contextlib
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curv_issues.errors import UsageError
from curv_issues.plugins import look_up

LARGEST_NUMBER = 1e30  # float32 ends at 3e38


@dataclass(frozen=True)
class Whole:
    """Check for an integer. Integers of numpy, which overflow and are not valid JSON, are converted to `int`.

    Attributes:
        least: minimum.
        most: maximum, which catches typing errors that would take years to run; None: no maximum.
        optional: whether None is allowed.
    """

    least: int
    most: int | None
    optional: bool = True

    @property
    def python_help(self) -> str:
        """Return the range, for the documentation."""
        return f"At least {self.least}." if self.most is None else f"{self.least:,} to {self.most:,}."

    def __call__(self, name: str, value: Any) -> int | None:
        """Return the integer; None if that is allowed."""
        if value is None and self.optional:
            return None
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not is_whole or value < self.least or (self.most is not None and value > self.most):
            bounds = f">= {self.least}" if self.most is None else f"from {self.least} to {self.most}"
            raise UsageError(f"{name} must be an integer {bounds}, got {value!r}.")
        return int(value)


@dataclass(frozen=True)
class Number:
    """Check for a finite number >= 0, of any numeric type, which is converted to `float`.

    Attributes:
        most: maximum.
        positive: whether 0 is an error.
        optional: whether None is allowed.
    """

    most: float = LARGEST_NUMBER
    positive: bool = False
    optional: bool = False

    @property
    def python_help(self) -> str:
        """Return the range, for the documentation."""
        return f"{self._bounds}."

    def __call__(self, name: str, value: Any) -> float | None:
        """Return the number; None if that is allowed."""
        if value is None and self.optional:
            return None
        number = math.nan
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            with contextlib.suppress(OverflowError):  # an integer of hundreds of digits
                number = float(value)
        if not 0 <= number <= self.most or (self.positive and number == 0):
            raise UsageError(f"{name} must be a number {self._bounds}, got {value!r}.")
        return number

    @property
    def _bounds(self) -> str:
        return f"{'>' if self.positive else '>='} 0 and <= {self.most:g}"


@dataclass(frozen=True)
class Boolean:
    """Check for True or False.

    Attributes:
        none: meaning of None, for messages; "": None is an error.
    """

    none: str = ""

    def __call__(self, name: str, value: Any) -> bool | None:
        """Return the value."""
        if not isinstance(value, bool) and not (value is None and self.none):
            expected = f"True, False or None ({self.none})" if self.none else "True or False"
            raise UsageError(f"{name} must be {expected}, got {value!r}.")
        return value


@dataclass(frozen=True)
class Choice:
    """Check for a name in a table.

    Attributes:
        table: table whose keys are the names.
    """

    table: Mapping[str, Any]

    def __call__(self, name: str, value: Any) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise UsageError(f"{name} must be one of {', '.join(self.table)}, got {value!r}.")
        look_up(self.table, value, name)
        return value
