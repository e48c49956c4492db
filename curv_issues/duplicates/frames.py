"""Crop uniform borders, which would otherwise dominate the similarity of two images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MOST = 0.25  # largest border width, as a fraction of the side: 8 pixels around 16
TOLERANCE = 4 / 255  # largest difference from the colour of the corner


def without_frames(inputs: Tensor) -> Tensor:
    """Crop a uniform frame of equal width on all four sides, or two such bars, and resize the rest to full size.

    Args:
        inputs: float (b, c, s, s), in [0, 1].

    Returns:
        The same shape; images without a border, or of a single colour, are unchanged.
    """
    widths = frame_widths(inputs)
    found = inputs.clone()
    side = inputs.shape[2]
    for above, beside in widths.unique(dim=0).tolist():
        if above or beside:
            framed = (widths == widths.new_tensor([above, beside])).all(1).nonzero()[:, 0]
            inside = inputs[framed, :, above : side - above, beside : side - beside]
            found[framed] = functional.interpolate(inside, size=(side, side), mode="bilinear", align_corners=False)
    return found


def frame_widths(inputs: Tensor) -> Tensor:
    """Return the height of the bars at top and bottom and the width of those at left and right, in the top left corner's colour.

    A frame on all four sides is as wide everywhere as on its narrowest side: the position of an object on a plain background
    is part of the image.

    Args:
        inputs: float (b, c, s, s), in [0, 1].

    Returns:
        int64 (b, 2), (rows, columns) in pixels, each at most a quarter of the side; equal, or one of them 0; both 0 if the
        inside has this colour too.
    """
    most = int(inputs.shape[2] * MOST)
    if most == 0:
        return torch.zeros(len(inputs), 2, dtype=torch.int64, device=inputs.device)
    differs = ((inputs - inputs[:, :, :1, :1]).abs() > TOLERANCE).any(1)
    above, beside = (_width(differs.any(across), most) for across in (2, 1))
    narrowest = torch.minimum(above, beside)
    widths = torch.stack([above, beside], 1)
    widths = torch.where(narrowest[:, None] > 0, narrowest[:, None], widths)
    plain = ~differs[:, most:-most, most:-most].flatten(1).any(1)
    return widths.masked_fill(plain[:, None], 0)


def _width(differs: Tensor, most: int) -> Tensor:
    """Return how many lines from both ends, at most `most`, have no different pixel: (b, s) -> int64 (b,)."""
    either = differs[:, :most] | differs.flip(1)[:, :most]
    return (either.cumsum(1) == 0).sum(1)
