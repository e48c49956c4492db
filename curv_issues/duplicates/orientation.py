"""The eight orientations of a square image: mirrored (left to right) or not, then turned by quarter turns, counterclockwise.

An orientation has the code 2 * turns + mirrored, so the code of an image that is only mirrored is 1.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

TURNED = ((False, 1), (False, 2), (True, 1), (True, 2), (True, 3))
"""Orientations (mirrored, turns) to search, beside the plain and the mirrored one: (False, 3) is (False, 1) seen from the other
image."""


def oriented(images: Tensor, *, mirrored: bool, turns: int) -> Tensor:
    """Return images (..., s, s) in an orientation."""
    return (images.flip(-1) if mirrored else images).rot90(turns, (-2, -1))


def oriented_each(images: Tensor, mirrored: Tensor, turns: Tensor) -> Tensor:
    """Return images (b, s, s), each in its own orientation: bool (b,) and int64 (b,)."""
    found = images.where(~mirrored[:, None, None], images.flip(2))
    for number in turns.unique().tolist():
        if number:
            chosen = turns == number
            found[chosen] = found[chosen].rot90(number, (1, 2))
    return found


def inverse(code: int) -> int:
    """Return the code of the orientation that undoes another: of a turn, the turn back; of a mirrored one, itself."""
    return code if code % 2 else -code % 8


def degrees_clockwise(code: int) -> int:
    """Return by how many degrees, clockwise, an orientation turns: 0, 90, 180 or 270."""
    return -90 * (code // 2) % 360


def codes_of(mirrored: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Return the codes of orientations, int64 (n,)."""
    return 2 * turns + mirrored
