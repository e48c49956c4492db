from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curv_issues.auditing.leakage import load_other_split
from curv_issues.auditing.notes import notes_on
from curv_issues.data.loading import load_data
from curv_issues.data.range_finder import RangeFinder
from curv_issues.data.source_options import SourceOptions
from curv_issues.data.value_range import ValueRanges, as_ranges, parse_value_range, to_bytes
from curv_issues.errors import UsageError


def found(*arrays: np.ndarray, decided: ValueRanges | None = None) -> ValueRanges:
    finder = RangeFinder(decided or ValueRanges())
    for array in arrays:
        finder.add(array)
    return finder.ranges()


@pytest.mark.parametrize(
    ("largest", "bits"),
    [(0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (16383, 14), (16384, 16), (65535, 16)],
)
def test_range_has_the_fewest_bits_that_hold_the_maximum(largest, bits):
    ranges = found(np.array([3], np.uint16), np.array([largest], np.uint16), np.array([1], np.uint16))
    assert ranges == ValueRanges(integers=(0, 2**bits - 1))
    assert ranges.describe() == f"0 to {2**bits - 1} ({bits} bits)"


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([-100, 500], np.int32, ValueRanges(integers=(-100, 500))),
        ([0, 70_000], np.int32, ValueRanges(integers=(0, 70_000))),
        ([0.1, 0.2], np.float32, ValueRanges(floats=(0, 1))),
        ([-0.5, 0.5], np.float32, ValueRanges(floats=(-0.5, 0.5))),
        ([2, 2.5, np.nan, np.inf, -np.inf], np.float32, ValueRanges(floats=(2, 2.5))),
        ([np.nan], np.float32, ValueRanges(floats=(0, 1))),
    ],
)
def test_other_values(values, dtype, expected):
    assert found(np.array(values, dtype)) == expected


def test_integers_and_floats_have_separate_ranges():
    ranges = found(np.array([300], np.uint16), np.array([0.5], np.float32))
    assert ranges == ValueRanges((0, 1023), (0, 1))
    assert ranges.describe() == "0 to 1023 (10 bits) and 0 to 1 (floats)"


def test_chosen_range_is_not_changed():
    decided = as_ranges((0, 100))
    assert found(np.array([3000], np.uint16), decided=decided) == decided == ValueRanges((0, 100), (0, 100))
    assert as_ranges(decided) is decided
    assert as_ranges(None) == ValueRanges()


@pytest.mark.parametrize(("text", "expected"), [("4095", (0, 4095)), ("0:4095", (0, 4095)), ("-1000:3000.5", (-1000, 3000.5))])
def test_ranges_as_text(text, expected):
    assert parse_value_range(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1:", ":", "0:4095:1", "5:5", "9:1", "0", "nan", "inf", "0:1e999"])
def test_invalid_ranges_are_refused(text):
    with pytest.raises(UsageError, match="range must be"):
        parse_value_range(text)


@pytest.mark.parametrize("value", [(1,), (2, 1), "ab", 5, (0, float("nan"))])
def test_invalid_ranges_from_python_are_refused(value):
    with pytest.raises(UsageError, match="range must be"):
        as_ranges(value)


def test_values_are_mapped_linearly_and_clipped():
    assert to_bytes(np.array([[-5, 0, 2048, 4095, 9999]]), (0, 4095)).tolist() == [[0, 0, 128, 255, 255]]
    assert to_bytes(np.array([[np.nan, -np.inf, 0.0, np.inf]]), (-1, 1)).tolist() == [[0, 0, 128, 255]]
    assert to_bytes(np.array([[7, 7]]), (7, 7)).tolist() == [[0, 0]]
    huge = np.finfo(np.float32).max
    assert to_bytes(np.array([[-huge, 0, huge]], np.float32), (-float(huge), float(huge))).tolist() == [[0, 128, 255]]
    many = np.arange(3 << 20).reshape(3, -1)  # more than one part
    assert np.array_equal(to_bytes(many, (0, many.max())), np.rint(many / many.max() * 255))


def write_12_bit_folder(folder: Path, *, brightest: int = 4095) -> Path:
    for label in ("cat", "dog"):
        for number in range(3):
            place = folder / label / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            values = np.full((40, 40), 100 * number + (50 if label == "dog" else 0), np.uint16)
            values[:4, :4] = brightest if number == 2 else 0
            Image.fromarray(values).save(place)
    return folder


def test_pixels_contact_sheet_and_note_of_a_folder(tmp_path):
    data = load_data(str(write_12_bit_folder(tmp_path)), resolution=40)
    values = [0, 100, 200, 50, 150, 250]
    assert data.images[:, 5, 5, 0].tolist() == [round(value / 4095 * 255) for value in values]
    assert [data.image(index).getpixel((5, 5))[0] for index in range(6)] == data.images[:, 5, 5, 0].tolist()
    assert len(set(data.image_sha256)) == 6
    (note,) = [note for note in notes_on(data) if "bits per channel" in note]
    assert note.startswith(
        "6 images have more than 8 bits per channel: values from 0 to 4095 (12 bits) are shown as black to white;"
    )


def test_chosen_range_is_used(tmp_path):
    data = load_data(str(write_12_bit_folder(tmp_path)), resolution=40, value_range=(0, 255))
    assert data.images[:, 5, 5, 0].tolist() == [0, 100, 200, 50, 150, 250]
    assert data.image(2).getpixel((5, 5)) == (200, 200, 200)
    with pytest.raises(UsageError, match="LabeledData"):
        load_data(data, value_range=(0, 255))


def test_other_split_is_read_with_the_same_range(tmp_path):
    data = load_data(str(write_12_bit_folder(tmp_path / "one")), resolution=40)
    darker = str(write_12_bit_folder(tmp_path / "other", brightest=300))
    others = load_other_split(Path(darker), data, "one", SourceOptions(max_samples=2, split="none"))
    assert len(others) == 6  # only options that apply to any data are reused
    assert np.array_equal(others.images[:, 5, 5], data.images[:, 5, 5])
    assert others.image_sha256[0] == data.image_sha256[0]
