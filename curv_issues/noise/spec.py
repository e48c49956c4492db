"""Parse noise specifications such as `uniform:0.1` or `longtail:100+uniform:0.1`, and apply them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curv_issues.errors import UsageError
from curv_issues.noise import NOISES
from curv_issues.plugins import load_attribute

if TYPE_CHECKING:
    from curv_issues.data.base import LabeledData
    from curv_issues.noise.base import Planted

NOTHING = "none"
FIRST = "longtail"  # the only kind that may precede another

Argument = float | int | tuple[str, str]


@dataclass(frozen=True)
class NoisePart:
    """One kind with its argument.

    Attributes:
        kind: a name of `NOISES`.
        argument: rate, ratio, number of pairs, or (path, column).
    """

    kind: str
    argument: Argument

    @property
    def text(self) -> str:
        """Return the part as text, with numbers in their shortest form."""
        return f"{self.kind}:{_write(self.argument)}"


@dataclass(frozen=True)
class NoiseSpec:
    """What is planted.

    Attributes:
        parts: none, one, or a long tail followed by another kind.
    """

    parts: tuple[NoisePart, ...]

    @property
    def text(self) -> str:
        """Return the canonical text, which is unique to a specification; `parse_noise` reads it."""
        return "+".join(part.text for part in self.parts) or NOTHING

    def __str__(self) -> str:
        return self.text


def parse_noise(text: str) -> NoiseSpec:
    """Read `KIND:ARGUMENT`, `longtail:RATIO+KIND:ARGUMENT` or `none`.

    Raises:
        UsageError: the text has none of these forms; the message lists them.

    Example:
        >>> parse_noise("longtail:100.0+uniform:.10").text
        'longtail:100+uniform:0.1'
    """
    if not isinstance(text, str):
        raise _refuse(text, "expected a string")
    if text == NOTHING:
        return NoiseSpec(())
    first, plus, rest = text.partition("+")
    if not first.startswith(FIRST + ":") or not plus:  # a plus elsewhere may be part of a path
        return NoiseSpec((_parse_part(text, text),))
    if rest.startswith(FIRST):
        raise _refuse(text, f"{FIRST} must be followed by another kind, not by itself")
    return NoiseSpec((_parse_part(first, text), _parse_part(rest, text)))


def apply_noise(data: LabeledData, spec: NoiseSpec, *, seed: int) -> Planted:
    """Plant the errors of a specification, all parts with the same seed.

    Args:
        data: n samples with their own labels. Not modified.
        spec: from `parse_noise`.
        seed: an integer >= 0.

    Returns:
        The data with errors (fewer samples after a long tail), the mask of errors, and the pairs of duplicates.

    Raises:
        UsageError: this noise does not fit the data (too few classes, or more pairs than half of the samples).
        DatasetError: a file of labels cannot be used.
    """
    from curv_issues.noise.base import Planted

    planted = Planted(data, np.zeros(len(data), dtype=bool))
    for part in spec.parts:
        planted = load_attribute(NOISES[part.kind].target)(planted.data, part.argument, seed=seed)
    return planted


def noise_forms() -> str:
    """Return all forms of a noise specification, for messages and --help."""
    others = ", ".join(f"{kind}:{info.argument}" for kind, info in NOISES.items() if kind != FIRST)
    first = f"{FIRST}:{NOISES[FIRST].argument}"
    return f"{others}, {first}, {first}+KIND:ARGUMENT, or {NOTHING}"


def _parse_part(part: str, text: str) -> NoisePart:
    kind, colon, argument = part.partition(":")
    if kind not in NOISES:
        raise _refuse(text, f"unknown kind {kind!r}")
    form = NOISES[kind].argument
    if not colon:
        raise _refuse(text, f"{form} is missing after {kind}")
    if "+" in argument and form != "PATH:COLUMN":
        raise _refuse(text, f"only {FIRST} can be combined with another kind, and it must come first")
    what, parse = _PARSERS[form]
    parsed = parse(argument)
    if parsed is None:
        raise _refuse(text, f"the {form} of {kind} must be {what}, got {argument!r}")
    return NoisePart(kind, parsed)


def _refuse(text: object, reason: str) -> UsageError:
    return UsageError(f"--noise (noise) {text!r}: {reason}. Expected one of: {noise_forms()}.")


def _parse_rate(text: str) -> float | None:
    rate = _parse_number(text)
    return rate if rate is not None and rate <= 1 else None


def _parse_ratio(text: str) -> float | None:
    ratio = _parse_number(text)
    return ratio if ratio is not None and ratio >= 1 else None


def _parse_pairs(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) and int(text) > 0 else None


def _parse_path_and_column(text: str) -> tuple[str, str] | None:
    path, _, column = text.rpartition(":")
    return (path, column) if path and column else None


def _parse_number(text: str) -> float | None:
    """Return a finite number >= 0, plain or in e-notation; `float` alone would accept "nan", "1_0" and spaces too."""
    number = float(text) if re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", text) else math.inf
    return number if number < math.inf else None


def _write(argument: Argument) -> str:
    if isinstance(argument, tuple):
        return ":".join(argument)
    return str(int(argument)) if float(argument).is_integer() else repr(argument)


_PARSERS: dict[str, tuple[str, Callable[[str], Argument | None]]] = {
    "RATE": ("a number from 0 to 1", _parse_rate),
    "RATIO": ("a number >= 1", _parse_ratio),
    "PAIRS": ("an integer >= 1", _parse_pairs),
    "PATH:COLUMN": ("a file and, after the last colon, its column", _parse_path_and_column),
}
