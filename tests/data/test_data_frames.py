from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from curv_issues.data.data_frames import records_of_frame
from curv_issues.data.decoding import decode_all
from curv_issues.data.objects import is_python_object, records_of_object
from curv_issues.errors import DatasetError
from tests.data.images import colour_image, encode, pngs
from tests.data.records import decode, hashes_of, refused, save_image

MAKE_IMAGE: dict[str, Callable[[Path, int], Any]] = {
    "bytes": lambda folder, value: encode(colour_image(value)),
    "struct": lambda folder, value: {"bytes": encode(colour_image(value)), "path": None},
    "struct of a path": lambda folder, value: {"bytes": None, "path": save_image(folder, value)},
    "image": lambda folder, value: colour_image(value),
    "text": lambda folder, value: save_image(folder, value),
    "path": lambda folder, value: Path(save_image(folder, value)),
}


@pytest.mark.parametrize("kind", list(MAKE_IMAGE))
def test_image_column_of_any_type(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame(
        {
            "photo": [MAKE_IMAGE[kind](tmp_path, value) for value in range(4)],
            "camera": ["canon", "nikon"] * 2,
            "label": pd.Categorical(["007", None, "NA", "007"]),
        },
        index=[3, 1, 0, 2],
    )
    assert is_python_object(frame)
    records = records_of_object(frame)
    assert records.labels == ["007", None, "NA", "007"]
    assert decode(records).image_sha256.tolist() == hashes_of([0, 1, 2, 3])
    assert [path is None for path in records.paths] == ["path" not in kind and kind != "text"] * 4
    assert (records.name, records.label_origin) == ("DataFrame", "column 'label' of the DataFrame")
    assert decode_all(records.images.select(np.array([2, 3])), resolution=6).image_sha256.tolist() == hashes_of([2, 3])


def test_paths_in_data_frames_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(tmp_path, 0)
    frame = pd.DataFrame({"x": ["0.png", "0.png"], "species": ["cat", "cat"]})
    assert refused(frame).startswith("The DataFrame has no image column; ")
    monkeypatch.chdir(tmp_path)
    assert decode(records_of_object(frame)).image_sha256.tolist() == hashes_of([0, 0])
    frame = pd.DataFrame({"file_name": ["9.png", "8.png"], "label": ["cat", "cat"]})
    assert decode(records_of_object(frame)).unreadable == {0: "the file does not exist", 1: "the file does not exist"}


def test_ambiguous_and_missing_columns_are_refused() -> None:
    content = [encode(colour_image(0))] * 2
    assert refused(pd.DataFrame({"a": content, "b": content, "label": [0, 1]})) == (
        "The DataFrame has several image columns: a, b; choose one with image_column."
    )
    assert refused(pd.DataFrame({"a": content, "x": [2, 2], "y2": [3, 3]})).startswith("No column of DataFrame is named label, ")
    assert refused(pd.DataFrame({"a": content}), image_column="b") == (
        "The DataFrame has no column 'b' (image_column); its columns are: a."
    )
    assert refused(pd.DataFrame([[1, 2]], columns=["a", "a"])) == (
        "The DataFrame has several columns named 'a'; rename them so that names are unique."
    )


def test_chosen_columns_are_used() -> None:
    images = {"a": [encode(colour_image(0))] * 2, "b": [encode(colour_image(1))] * 2}
    frame = pd.DataFrame({**images, "x": [0, 0], "y": [0, 1]})
    records = records_of_object(frame, image_column="b", label_column="x")
    assert records.labels == [0, 0]
    assert decode(records).image_sha256.tolist() == hashes_of([1, 1])


NO_ROWS = "DataFrame has no rows (its columns are: {}); expected one row per image, with its file and label."


@pytest.mark.parametrize(
    ("columns", "label_column", "expected"),
    [
        ({"a": pngs(2)}, None, "DataFrame has no label column; its columns are: a. Add a column named label."),
        (
            {"a": pngs(2), "label": [0, 1]},
            "a",
            "Column 'a' of the DataFrame holds the images; expected a different label_column.",
        ),
        ({}, None, NO_ROWS.format("none")),
        ({"image": [], "label": []}, None, NO_ROWS.format("image, label")),
    ],
)
def test_data_frames_without_labels_or_rows_are_refused(columns, label_column, expected):
    with pytest.raises(DatasetError) as caught:
        records_of_frame(pd.DataFrame(columns), label_column=label_column)
    assert str(caught.value) == expected
