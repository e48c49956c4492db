"""Small Datalabs: 60 handwritten digits of three classes, 8 x 8 pixels, one of them with a wrong label."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from cleanlab import Datalab
from PIL import Image
from sklearn.datasets import load_digits

N = 60
NAMES = ("zebra", "ant", "moth")
"""Not alphabetical: ClassLabel keeps this order, while Datalab sorts the classes of a string column."""
WRONG_ROW = 7
"""A zero that is labelled as a one."""
OPTIONS: dict[str, Any] = {"epochs": 2, "resolution": 8, "curvature_epochs": 1, "device": "cpu"}
TYPE = "curvature"


def digits() -> tuple[list[Image.Image], np.ndarray]:
    """Return 60 images and their labels 0, 1 and 2; the label of WRONG_ROW is wrong."""
    bunch = load_digits()
    rows = np.flatnonzero(bunch.target < 3)[:N]
    labels = bunch.target[rows].astype(np.int64)
    zero = int(np.flatnonzero(labels == 0)[0])
    order = np.arange(N)
    order[[WRONG_ROW, zero]] = zero, WRONG_ROW
    labels = labels[order]
    labels[WRONG_ROW] = 1
    pixels = (bunch.images[rows] * 15).astype(np.uint8)[order]
    return [Image.fromarray(image) for image in pixels], labels


def class_label_dataset(*, labels: Sequence[int] | None = None) -> datasets.Dataset:
    images, own = digits()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))})
    values = [int(label) for label in (own if labels is None else labels)]
    return datasets.Dataset.from_dict({"image": images, "label": values}, features=features)


def make_lab(data: Any = None, *, verbosity: int = 0) -> Datalab:
    return Datalab(class_label_dataset() if data is None else data, label_name="label", verbosity=verbosity)


def find(lab: Datalab, **options: Any) -> None:
    """Find our issues with OPTIONS, updated by these options."""
    lab.find_issues(issue_types={TYPE: {**OPTIONS, **options}})


def copy_of(lab: Datalab) -> Datalab:
    """Return a copy that may be changed."""
    return copy.deepcopy(lab)


def run_python(code: str, *arguments: str | Path) -> str:
    """Run code in a new process with this source tree; return its output."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
