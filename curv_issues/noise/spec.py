"""Noise written as text, such as `uniform:0.1` or `longtail:100+uniform:0.1`."""

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
FIRST = "longtail"  # the only kind that goes before another

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
        """As it is written, numbers in their shortest form."""
        return f"{self.kind}:{_write(self.argument)}"


@dataclass(frozen=True)
class NoiseSpec:
    """What is planted.

    Attributes:
        parts: none, one, or a long tail and another kind on top.
    """

    parts: tuple[NoisePart, ...]

    @property
    def text(self) -> str:
        """The canonical text: of equal specs the same, of others another; `parse_noise` reads it."""
        return "+".join(part.text for part in self.parts) or NOTHING

    def __str__(self) -> str:
        return self.text


def parse_noise(text: str) -> NoiseSpec:
    """Read `KIND:ARGUMENT`, `longtail:RATIO+KIND:ARGUMENT` or `none`.

    Raises:
        UsageError: it is none of these; the message names the text and the forms.

    Example:
        >>> parse_noise("longtail:100.0+uniform:.10").text
        'longtail:100+uniform:0.1'
    """
    if not isinstance(text, str):
        raise _refuse(text, "expected a text")
    if text == NOTHING:
        return NoiseSpec(())
    first, plus, rest = text.partition("+")
    if not first.startswith(FIRST + ":") or not plus:  # a plus elsewhere may be part of a path
        return NoiseSpec((_parse_part(text, text),))
    if rest.startswith(FIRST):
        raise _refuse(text, f"{FIRST} goes before another kind, not before itself")
    return NoiseSpec((_parse_part(first, text), _parse_part(rest, text)))


def apply_noise(data: LabeledData, spec: NoiseSpec, *, seed: int) -> Planted:
    """Plant what the spec says, each part with the same seed.

    Args:
        data: n samples with their own labels. Left as they are.
        spec: from `parse_noise`.
        seed: a whole number of at least 0.

    Returns:
        The data with errors (fewer samples behind a long tail), the truth about them, and the pairs of duplicates.

    Raises:
        UsageError: the data cannot take this kind of noise (too few classes, more pairs than half of the samples).
        DatasetError: a file of labels cannot be used.
    """
    from curv_issues.noise.base import Planted

    planted = Planted(data, np.zeros(len(data), dtype=bool))
    for part in spec.parts:
        planted = load_attribute(NOISES[part.kind].target)(planted.data, part.argument, seed=seed)
    return planted


def noise_forms() -> str:
    """All the forms of a noise text, for messages and --help."""
    behind = ", ".join(f"{kind}:{info.argument}" for kind, info in NOISES.items() if kind != FIRST)
    alone = f"{FIRST}:{NOISES[FIRST].argument}"
    return f"{behind}, {alone}, {alone}+ and one of the former, or {NOTHING}"


def _parse_part(part: str, text: str) -> NoisePart:
    kind, colon, argument = part.partition(":")
    if kind not in NOISES:
        raise _refuse(text, f"there is no kind {kind!r}")
    form = NOISES[kind].argument
    if not colon:
        raise _refuse(text, f"{kind} lacks its {form}")
    if "+" in argument and form != "PATH:COLUMN":
        raise _refuse(text, f"only {FIRST} goes with another kind, and it stands first")
    what, parse = _PARSERS[form]
    parsed = parse(argument)
    if parsed is None:
        raise _refuse(text, f"the {form} of {kind} must be {what}, got {argument!r}")
    return NoisePart(kind, parsed)


def _refuse(text: object, reason: str) -> UsageError:
    return UsageError(f"--noise (noise) {text!r}: {reason}. Its forms are: {noise_forms()}.")


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
    """A finite number of at least 0, plain or in e-notation; `float` alone would take "nan", "1_0" and spaces too."""
    number = float(text) if re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", text) else math.inf
    return number if number < math.inf else None


def _write(argument: Argument) -> str:
    if isinstance(argument, tuple):
        return ":".join(argument)
    return str(int(argument)) if float(argument).is_integer() else repr(argument)


_PARSERS: dict[str, tuple[str, Callable[[str], Argument | None]]] = {
    "RATE": ("a number from 0 to 1", _parse_rate),
    "RATIO": ("a number of at least 1", _parse_ratio),
    "PAIRS": ("a whole number of at least 1", _parse_pairs),
    "PATH:COLUMN": ("a file and, behind the last colon, its column", _parse_path_and_column),
}
