"""Frames of one colour around pictures: cut away, as two pictures in like frames would look alike whatever they show."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MOST = 0.25  # of the side: a frame of 8 around 16 pixels
TOLERANCE = 4 / 255  # from the colour of the corner


def without_frames(inputs: Tensor) -> Tensor:
    """Magnify what stands inside a frame of one colour, equally wide on all four sides.

    Args:
        inputs: float (b, c, s, s), in [0, 1].

    Returns:
        The same shape; pictures without a frame, and those of one colour, as they are.
    """
    width = frame_widths(inputs)
    found = inputs.clone()
    side = inputs.shape[2]
    for frame in width.unique().tolist():
        if frame:
            framed = (width == frame).nonzero()[:, 0]
            inside = inputs[framed, :, frame : side - frame, frame : side - frame]
            found[framed] = functional.interpolate(inside, size=(side, side), mode="bilinear", align_corners=False)
    return found


def frame_widths(inputs: Tensor) -> Tensor:
    """Number of outermost rings of pixels that all have the colour of the top left corner, at most a quarter of the side.

    Args:
        inputs: float (b, c, s, s), in [0, 1].

    Returns:
        int64 (b,); 0 for pictures that are of this colour up to there and inside.
    """
    side = inputs.shape[2]
    most = int(side * MOST)
    if most == 0:
        return torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    differs = ((inputs - inputs[:, :, :1, :1]).abs() > TOLERANCE).any(1)
    rings = torch.stack([differs[:, k : side - k, k : side - k].flatten(1).any(1) for k in range(most + 1)], dim=1)
    place = torch.arange(side, device=inputs.device)
    depth = torch.minimum(place, side - 1 - place)
    ring = torch.minimum(depth[:, None], depth)
    on_ring = torch.stack([(differs & (ring == k)).flatten(1).any(1) for k in range(most)], dim=1)
    width = (on_ring.cumsum(1) == 0).sum(1)
    return torch.where(rings[:, most], width, 0)
