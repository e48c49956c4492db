"""Backbones `file:MODEL.pt2`: a program written by `torch.export.save`, from images (b, 3, r, r) to features (b, d).

The resolution is that of the program's input. Images are resized to a square and normalised with the mean and standard deviation
of ImageNet, or those in the file: `torch.export.save(program, path, extra_files={"preprocessing.json": '{"mean": [0, 0, 0],
"std": [1, 1, 1]}'})`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from curv_issues.backbones.base import IMAGENET_MEAN, IMAGENET_STD, Backbone
from curv_issues.errors import UsageError, first_line

PREPROCESSING = "preprocessing.json"
BATCH = 32  # of programs that take batches of any size


def load(name: str) -> Backbone:
    """Return the program in a file.

    Raises:
        UsageError: there is no such file, it is not a program of `torch.export`, or its input is not (b, 3, r, r).
    """
    path = Path(name).expanduser()
    if not path.is_file():
        what = f"{name} is not a regular file" if path.exists() else f"File {name} does not exist"
        raise UsageError(f"{what}; expected a program that torch.export.save has written.")
    extra = {PREPROCESSING: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:  # whatever torch raises
        raise UsageError(f"{name} is not a program that torch.export.save has written: {first_line(error)}.") from error
    batch, side = _input_of(program, name)
    try:
        own = json.loads(extra[PREPROCESSING] or "{}")
        mean, std = (tuple(map(float, own.get(key, default))) for key, default in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f'{PREPROCESSING} of {name} must be like {{"mean": [0, 0, 0], "std": [1, 1, 1]}}: {first_line(error)}.'
        ) from error
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return Backbone(
        program.module(),
        resolution=side,
        mean=mean,
        std=std,
        name=f"file:{path.name}",
        identity=f"torch {torch.__version__}, file {content[:16]}",
        batch_size=batch,
    )


def _input_of(program: Any, name: str) -> tuple[int, int]:
    """Return batch size and resolution of the input of a program."""
    inputs = set(program.graph_signature.user_inputs)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in inputs]
    sizes = tuple(shapes[0]) if len(shapes) == 1 else ()
    side = sizes[-1] if len(sizes) == 4 else None
    if not isinstance(side, int) or sizes[1:] != (3, side, side):
        shown = ", ".join(str(tuple(shape)) for shape in shapes)
        raise UsageError(f"The program in {name} must have one input (b, 3, r, r) of a fixed resolution r, got {shown}.")
    if isinstance(sizes[0], int):
        return sizes[0], side
    allowed = program.range_constraints.get(sizes[0].node.expr)
    return (BATCH if allowed is None else int(min(BATCH, allowed.upper))), side
