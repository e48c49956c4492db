"""What tests of Python objects share: image files, and the records read from an object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curv_issues.data.base import hash_pixels
from curv_issues.data.decoding import DecodedImages, decode_all
from curv_issues.data.image_records import ImageRecords
from curv_issues.data.labels import encode_labels
from curv_issues.data.objects import records_of_object
from curv_issues.errors import DatasetError
from tests.data.images import colour_image


def decode(records: ImageRecords) -> DecodedImages:
    return decode_all(records.images, resolution=6, workers=2)


def hashes_of(values: list[int]) -> list[str]:
    return [hash_pixels(np.asarray(colour_image(value))) for value in values]


def names_of(records: ImageRecords) -> list[str]:
    encoded = encode_labels(records.labels, names=records.class_names)
    return [encoded.class_names[code] for code in encoded.codes]


def refused(dataset: Any, **options: Any) -> str:
    with pytest.raises(DatasetError) as caught:
        records_of_object(dataset, **options)
    return str(caught.value)


def save_image(folder: Path, value: int) -> str:
    path = folder / f"{value}.png"
    colour_image(value).save(path)
    return str(path)
