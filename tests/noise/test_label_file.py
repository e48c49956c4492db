from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curv_issues
import curv_issues.noise.label_file
from curv_issues.data.base import LabeledData
from curv_issues.errors import DatasetError
from curv_issues.noise.label_file import labels_from_file, plant
from tests.small import make_data

NAMES = ("cat", "dog", "eel")
CODES = [0, 1, 2, 0, 1, 2]  # the dataset's own
GIVEN = [0, 2, 2, 1, 1, 0]
WRONG = [False, True, False, True, False, True]


def data_of(names: tuple[str, ...] = NAMES) -> LabeledData:
    return replace(make_data(6, 3), class_names=names)


def write(path: Path, columns: dict[str, Any]) -> Path:
    frame = pd.DataFrame(columns)
    if path.suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


COLUMNS: dict[str, Any] = {
    "codes": GIVEN,
    "bytes": np.array(GIVEN, np.uint8),
    "floats": np.array(GIVEN, float),
    "names": [NAMES[code] for code in GIVEN],
    "text codes": [str(code) for code in GIVEN],
    "categories": pd.Categorical([NAMES[code] for code in GIVEN]),
}


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".CSV"])
@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "floats"])
def test_column_gives_the_labels_and_own_labels_are_the_truth(tmp_path: Path, ending: str, column: str) -> None:
    data = data_of()
    path = write(tmp_path / f"labels{ending}", COLUMNS)
    planted = labels_from_file(data, path, column)
    assert planted.data.labels.tolist() == GIVEN
    assert planted.data.labels.dtype == np.int64
    assert planted.is_error.tolist() == WRONG
    assert planted.is_error.dtype == bool
    assert planted.pairs is None
    assert data.labels.tolist() == CODES
    assert planted.data.images is data.images
    assert plant(data, (str(path), column), seed=3).data.labels.tolist() == GIVEN


def test_whole_floats_are_codes(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.parquet", {"label": np.array(GIVEN, float)})
    assert labels_from_file(data_of(), path, "label").data.labels.tolist() == GIVEN


@pytest.mark.parametrize(("low", "high"), [("false", "true"), ("False", "True")])
def test_class_names_that_look_like_booleans(tmp_path: Path, low: str, high: str) -> None:
    data = replace(make_data(6, 2), class_names=(low, high))
    (tmp_path / "labels.csv").write_text("label\n" + "\n".join([high, low, high, low, low, low]) + "\n")
    assert labels_from_file(data, tmp_path / "labels.csv", "label").data.labels.tolist() == [1, 0, 1, 0, 0, 0]


def test_booleans_of_parquet(tmp_path: Path) -> None:
    data = replace(make_data(4, 2), class_names=("False", "True"))
    path = write(tmp_path / "labels.parquet", {"label": [True, False, True, True]})
    assert labels_from_file(data, path, "label").data.labels.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("names", "values", "expected"),
    [
        (("0", "1", "2"), [0, 1, 2, 2, 1, 0], [0, 1, 2, 2, 1, 0]),  # both readings are the same
        (("3", "5", "7"), [3, 5, 7, 7, 5, 3], [0, 1, 2, 2, 1, 0]),  # names only
        (("3", "5", "7"), [0, 1, 2, 2, 1, 0], [0, 1, 2, 2, 1, 0]),  # codes only
        (("1", "2", "3"), [1, 2, 3, 1, 2, 3], [0, 1, 2, 0, 1, 2]),  # 3 is not a code
        (("1", "2", "3"), [0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2]),  # 0 is not a name
    ],
)
def test_class_names_that_are_numbers(tmp_path: Path, names: tuple[str, ...], values: list[int], expected: list[int]) -> None:
    path = write(tmp_path / "labels.csv", {"label": values})
    assert labels_from_file(data_of(names), path, "label").data.labels.tolist() == expected


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_subset_uses_its_own_rows(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"labels{ending}", {"label": GIVEN})
    part = data_of().take(np.array([1, 4, 5]))
    planted = labels_from_file(part, path, "label")
    assert planted.data.labels.tolist() == [2, 1, 0]
    assert planted.is_error.tolist() == [True, False, True]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_row_column_decides(tmp_path: Path, ending: str) -> None:
    rows = np.array([5, 0, 3, 1, 4, 2])
    path = write(tmp_path / f"labels{ending}", {"row": rows, "label": np.array(GIVEN)[rows]})
    assert labels_from_file(data_of(), path, "label").data.labels.tolist() == GIVEN
    some = write(tmp_path / f"some{ending}", {"row": [9, 5, 1], "label": ["cat", "cat", "eel"]})
    part = data_of().take(np.array([1, 5]))
    assert labels_from_file(part, some, "label").data.labels.tolist() == [2, 0]


def test_column_named_row_may_hold_the_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.csv", {"row": GIVEN})
    assert labels_from_file(data_of(), path, "row").data.labels.tolist() == GIVEN


def test_unused_rows_may_be_invalid(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.parquet", {"label": ["cat", "wolf", None, "dog", "dog", "eel"]})
    part = data_of().take(np.array([0, 3, 5]))
    assert labels_from_file(part, path, "label").data.labels.tolist() == [0, 1, 2]


PATHS = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/3.png", "eel/5.png", "eel/6.png"]


def data_with_paths() -> LabeledData:
    return replace(data_of(), paths=np.array(PATHS, dtype=object))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("form", ["{}", "photos/{}", "photos\\{}"])
def test_file_column_decides(tmp_path: Path, ending: str, form: str) -> None:
    order = np.array([5, 0, 3, 1, 4, 2])
    files = [form.format(PATHS[at]) for at in order]
    columns = {"row": range(6), "file_name": files, "label": np.array(GIVEN)[order]}
    path = write(tmp_path / f"labels{ending}", columns)
    assert labels_from_file(data_with_paths(), path, "label").data.labels.tolist() == GIVEN
    part = data_with_paths().take(np.array([1, 5]))
    assert labels_from_file(part, path, "label").data.labels.tolist() == [2, 0]


def test_column_named_image_may_hold_the_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.csv", {"image": [NAMES[code] for code in GIVEN]})
    assert labels_from_file(data_with_paths(), path, "image").data.labels.tolist() == GIVEN


def test_row_numbers_are_used_if_images_have_no_paths(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.csv", {"row": range(5, -1, -1), "file_name": PATHS, "label": GIVEN})
    assert labels_from_file(data_of(), path, "label").data.labels.tolist() == GIVEN[::-1]


@pytest.mark.parametrize(
    ("files", "labels", "message"),
    [
        (PATHS[:4], GIVEN[:4], "PATH has no label for 2 of 6 samples; the first is row 4 (eel/5.png)."),
        ([*PATHS, PATHS[1]], [*GIVEN, 0], "PATH has two labels for cat/2.png: '2' in line 3 and '0' in line 8; remove one."),
    ],
)
def test_missing_and_repeated_files_are_refused(tmp_path: Path, files: list[str], labels: list[int], message: str) -> None:
    path = write(tmp_path / "labels.csv", {"file_name": files, "label": labels})
    with pytest.raises(DatasetError) as caught:
        labels_from_file(data_with_paths(), path, "label")
    assert str(caught.value) == message.replace("PATH", str(path))


def test_unmatched_files_are_not_matched_by_position(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.csv", {"file_name": [f"{number}.bmp" for number in range(6)], "label": GIVEN})
    with pytest.raises(DatasetError, match=r"^Column 'file_name' of .* 0\.bmp.*; correct its paths, or remove 'file_name'"):
        labels_from_file(data_with_paths(), path, "label")
    with pytest.raises(DatasetError, match=r"names files, but the images of arrays have no paths to compare; add a column 'row'"):
        labels_from_file(data_of(), path, "label")


def test_parquet_codes_use_the_class_names_of_the_file(tmp_path: Path) -> None:
    features = datasets.Features({"label": datasets.ClassLabel(names=["eel", "dog", "cat"])})
    rows = datasets.Dataset.from_dict({"label": [2 - code for code in GIVEN]}, features=features)
    rows.to_parquet(str(tmp_path / "labels.parquet"))
    assert labels_from_file(data_of(), tmp_path / "labels.parquet", "label").data.labels.tolist() == GIVEN


def table(columns: dict[str, Any]) -> Callable[[Path], Path]:
    return lambda folder: write(folder / "labels.parquet", columns)


def text(content: str, name: str = "labels.csv") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return make


def repeated_column(folder: Path) -> Path:
    columns = pa.Table.from_arrays([pa.array(GIVEN), pa.array(GIVEN)], names=["label", "label"])
    pq.write_table(columns, folder / "labels.parquet")
    return folder / "labels.parquet"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "labels.parquet", "File PATH does not exist."),
        (lambda folder: folder, "Expected a table of labels (.csv, .tsv, .txt, .jsonl, .ndjson, .json, .parquet), but got PATH."),
        (table({"a": [0], "b": [0]}), "PATH has no column 'label'; its columns are: a, b."),
        (text("a,b\n0,1\n"), "PATH has no column 'label'; its columns are: a, b."),
        (repeated_column, "PATH has no column 'label'; its columns are: label (column 1), label (column 2)."),
        (
            table({"label": GIVEN[:5]}),
            "PATH has 5 rows, but arrays has 6; expected the same rows in the same order, "
            "or a column 'row' with row numbers, or a column of file names.",
        ),
        (
            table({"label": [*GIVEN, 0]}),
            "PATH has 7 rows, but arrays has 6; expected the same rows in the same order, "
            "or a column 'row' with row numbers, or a column of file names.",
        ),
        (
            table({"label": GIVEN, "row": list("abcdef")}),
            "Column 'row' of PATH contains 'a'; expected integer row numbers.",
        ),
        (
            table({"label": GIVEN, "row": [True, False] * 3}),
            "Column 'row' of PATH contains True; expected integer row numbers.",
        ),
        (
            table({"label": GIVEN, "row": [0, 1, 2, 3, 4, 1]}),
            "Column 'row' of PATH contains row 1 more than once; keep one of them.",
        ),
        (table({"label": GIVEN, "row": [0, 1, 9, 8, 4, 5]}), "PATH has no label for 2 of 6 samples; the first is row 2."),
        (
            table({"label": ["cat", None, "dog", None, "cat", "cat"]}),
            "2 of 6 samples have no label in column 'label' of PATH; the first is row 1.",
        ),
        (
            table({"label": [0, 1, np.nan, 0, 1, 2]}),
            "1 of 6 samples have no label in column 'label' of PATH; the first is row 2.",
        ),
        *(
            (
                table({"label": values}),
                f"The label of row {row} in column 'label' of PATH is {shown!r}, which is not a class of arrays; expected its "
                "class names (cat, dog, eel), or codes from 0 to 2.",
            )
            for values, row, shown in [
                (["cat", "dog", "wolf", "cat", "cat", "fox"], 2, "wolf"),
                ([0, 1, 2, 3, 0, 0], 3, "3"),
                ([0, -1, 2, 0, 0, 0], 1, "-1"),
                ([0.0, 1.5, 2, 0, 0, 0], 1, "1.5"),
                (["cat", "dog", "1", "cat", "cat", "cat"], 2, "1"),
                (["9" * 5000, *"00000"], 0, "9" * 5000),
                ([float("inf")] * 6, 0, "inf"),
                (["Cat"] * 6, 0, "Cat"),
            ]
        ),
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    path = make(tmp_path)
    with pytest.raises(DatasetError) as caught:
        labels_from_file(data_of(), path, "label")
    assert str(caught.value) == message.replace("PATH", str(path))


def test_ambiguous_numeric_class_names_are_refused(tmp_path: Path) -> None:
    """Folders 0 to 10 are sorted as text: code 2 is then the class "10"."""
    names = ("0", "1", "10", *"23456789")
    data = replace(make_data(11, 11), class_names=names)
    path = write(tmp_path / "labels.csv", {"label": range(11)})
    with pytest.raises(DatasetError) as caught:
        labels_from_file(data, path, "label")
    assert str(caught.value) == (
        f"The labels in column 'label' of {path} can be read as class names of arrays or as codes of other classes; "
        "use class names that are not numbers."
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.parquet", b"PAR1 but no more"),
        ("labels.csv", b""),
        ("labels.csv", b"label\na,b\n"),
        ("labels.csv", b"label\n\xff\n"),
        ("labels.jsonl", b"{"),
    ],
)
def test_corrupt_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        labels_from_file(data_of(), tmp_path / name, "label")
    assert str(caught.value).startswith(f"{tmp_path / name}")
    assert "\n" not in str(caught.value)


def test_long_lists_of_classes_are_cut(tmp_path: Path) -> None:
    data = replace(make_data(6, 6), class_names=tuple("abcdef"))
    with pytest.raises(DatasetError, match=r"its class names \(a, b, c, d, e, \.\.\.\), or codes from 0 to 5\.$"):
        labels_from_file(data, write(tmp_path / "labels.csv", {"label": ["x"] * 6}), "label")


def test_function_is_public() -> None:
    assert curv_issues.labels_from_file is labels_from_file


def test_any_column_that_matches_the_images_decides(tmp_path: Path) -> None:
    """Matching by position would turn right labels into errors."""
    names = [f"{number}.png" for number in range(6)]
    data = replace(data_of(), paths=np.array(names, dtype=object))
    order = [3, 5, 0, 1, 4, 2]
    columns = {"photo": [names[place] for place in order], "label": [NAMES[CODES[place]] for place in order]}
    assert not labels_from_file(data, write(tmp_path / "labels.csv", columns), "label").is_error.any()
    numbered = write(tmp_path / "numbered.csv", {"Unnamed": list(range(6)), **columns})
    assert not labels_from_file(data, numbered, "label").is_error.any()
