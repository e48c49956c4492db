"""Frames and bars of one colour around images: cut away, as two images in like frames would look alike whatever they show."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MOST = 0.25  # of the side: a frame of 8 around 16 pixels
TOLERANCE = 4 / 255  # from the colour of the corner


def without_frames(inputs: Tensor) -> Tensor:
    """Magnify what stands inside a frame of one colour, equally wide on all four sides, or between two such bars.

    Args:
        inputs: float (b, c, s, s), in [0, 1].

    Returns:
        The same shape; images without a frame, and those of one colour, as they are.
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
    """How many rows of pixels above and below, and columns on either side, have the colour of the top left corner.

    What surrounds an image on all sides is a frame, as wide everywhere as on its narrowest side: where an object stands on a
    plain ground belongs to what the image shows.

    Args:
        inputs: float (b, c, s, s), in [0, 1].

    Returns:
        int64 (b, 2), (rows, columns), each at most a quarter of the side; alike, or one of them 0; both 0 for images that are
        of this colour inside too.
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
    """Number of lines from either end, at most `most`, none of which differs: (b, s) -> int64 (b,)."""
    either = differs[:, :most] | differs.flip(1)[:, :most]
    return (either.cumsum(1) == 0).sum(1)
