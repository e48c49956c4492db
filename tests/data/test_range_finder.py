"""The value range of a dataset ignores isolated outliers, but not areas or images of bright pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curv_issues.data.decoding import decode_all
from curv_issues.data.loading import load_data
from curv_issues.data.range_finder import RangeFinder
from curv_issues.data.value_range import ValueRanges
from curv_issues.errors import DatasetError
from tests.data.images import encode
from tests.data.test_decoding import Stored

OUTSIDE = "values outside that range (or NaN), which become black or white."


def images(n: int = 6, *, high: float = 200, dtype: type = np.uint16) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(rng.random((40, 40)) * high).astype(dtype) for _ in range(n)]


def found(arrays: list[np.ndarray]) -> ValueRanges:
    finder = RangeFinder(ValueRanges())
    for array in arrays:
        finder.add(array)
    return finder.ranges()


@pytest.mark.parametrize("at", [0, 5])
def test_hot_pixel_does_not_darken_all_images(at):
    arrays = images()
    arrays[at][3, 3] = 65535
    decoded = decode_all(Stored([encode(Image.fromarray(array)) for array in arrays]), resolution=40)
    assert decoded.value_ranges == ValueRanges(integers=(0, 255))
    assert np.array_equal(decoded.images[..., 0], np.minimum(arrays, 255))
    assert decoded.value_note.endswith(f"set --value-range (value_range). 1 image has {OUTSIDE}")
    assert len(set(decoded.image_sha256)) == 6


@pytest.mark.parametrize(
    ("dtype", "high", "hot", "expected"),
    [
        (np.int32, 200, 2**31 - 1, ValueRanges(integers=(0, 255))),
        (np.uint16, 4000, 65535, ValueRanges(integers=(0, 4095))),
        (np.float32, 1, 1e9, ValueRanges(floats=(0, 1))),
        (np.float32, 1, -1e9, ValueRanges(floats=(0, 1))),
    ],
)
def test_outliers_of_other_kinds(dtype, high, hot, expected):
    arrays = images(high=high, dtype=dtype)
    arrays[2][3, 3] = hot
    assert found(arrays) == found(arrays[::-1]) == expected


def test_bright_pixels_that_are_not_outliers():
    wider = images()
    wider[0][3, 3] = 4000  # the images keep more than 16 shades
    assert found([*wider, *images(high=300)]) == ValueRanges(integers=(0, 4095))
    area = images()
    area[0][:4, :4] = 65535
    assert found(area) == ValueRanges(integers=(0, 65535))
    mixed = images()
    mixed[0][3, 3] = 65535
    assert found([*mixed, *images(high=60_000)]) == ValueRanges(integers=(0, 65535))


def test_bright_pixels_in_several_images_are_kept_and_noted():
    arrays = images()
    for number, array in enumerate(arrays[:3]):
        array[number, 3] = 20_000 * (number + 1)
    decoded = decode_all(Stored([encode(Image.fromarray(array)) for array in arrays]), resolution=40)
    assert decoded.value_ranges == ValueRanges(integers=(0, 65535))
    assert decoded.num_clipped == 0
    assert decoded.value_note.endswith(
        " Nearly all values are in 0 to 255 (8 bits), so they get 16 shades or fewer: if the few pixels outside are "
        "artefacts, set that range."
    )


def test_values_clipped_by_a_chosen_range_are_noted():
    contents = [encode(Image.fromarray(array)) for array in images()]
    assert decode_all(Stored(contents), resolution=40, value_range=(0, 100)).value_note.endswith(f" 6 images have {OUTSIDE}")
    assert decode_all(Stored(contents), resolution=40, value_range=(0, 200)).num_clipped == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_finite(tmp_path: Path, value: float) -> None:
    arrays = images(4, high=1, dtype=np.float32)
    arrays[1][:] = value
    arrays[2][0, 0] = value
    for number, array in enumerate(arrays):
        place = tmp_path / "ab"[number % 2] / f"{number}.tif"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(array).save(place)
    with pytest.raises(DatasetError, match=r"\(b/1\.tif\) of .* cannot be read: all its values are NaN or infinite\."):
        load_data(tmp_path)
    data = load_data(tmp_path, skip_unreadable=True)
    assert len(data) == 3
    assert data.source.notes[-1].endswith(f" 1 image has {OUTSIDE}")
