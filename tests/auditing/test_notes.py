"""Notes on the audit of photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.figures import precision_of_clothing
from curv_issues import Backbone, LabeledData, audit, from_arrays
from curv_issues.auditing.notes import PHOTO_PRECISION
from tests.backbones.stand_ins import Strips
from tests.small import linear_probe, make_arrays, mlp_probe

NOTE = (
    "The probe began with random weights and saw images of 8 pixels (median native side: 16). Features of a pretrained network "
    "find more wrong labels in photos: average precision 0.94 instead of 0.80 on 3,068 photos of clothing. Add --backbone "
    "torchvision:efficientnet_b0, timm:NAME or hf:NAME (backbone)."
)


def images(side: int = 16, channels: int = 3) -> LabeledData:
    pixels, labels = make_arrays(60, 3, side=side, channels=channels)
    return from_arrays(pixels, labels, resolution=8)


def notes(data: LabeledData, **options: Any) -> list[str]:
    return audit(data, **{"epochs": 1, "device": "cpu", "progress": False, **options}).summary["notes"]


def test_photos_without_a_backbone() -> None:
    assert NOTE in notes(images())


@pytest.mark.parametrize("data", [images(side=15), images(channels=1)])
def test_small_or_grey_images(data: LabeledData) -> None:
    assert not any("pretrained network" in note for note in notes(data))


@pytest.mark.parametrize(
    "options",
    [
        {"backbone": Backbone(Strips(), resolution=16)},
        {"backbone": Backbone(Strips(), resolution=16), "fine_tune": True},
        {"probe": mlp_probe},
        {"probe": linear_probe},
        {"pred_probs": np.full((60, 3), 1 / 3)},
    ],
)
def test_audits_that_need_no_such_note(options: dict[str, Any]) -> None:
    assert not any("pretrained network" in note for note in notes(images(), **options))


def test_figures_are_those_of_the_benchmarks() -> None:
    found = tuple(round(precision_of_clothing(way), 2) for way in ("pixels", "both"))
    assert found == PHOTO_PRECISION
