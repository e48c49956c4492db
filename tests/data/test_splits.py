from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, load_dataset

from curv_issues.data.dataset_table import DatasetTable
from curv_issues.data.splits import Selection, select_split
from curv_issues.errors import DatasetError, UsageError


def split_of(name: str, n: int) -> Dataset:
    return Dataset.from_dict({"x": [f"{name}{row}" for row in range(n)]})


def select(splits, expression: str | None, **options) -> Selection:
    """Select from two tables per split, so that slices span both."""
    tables = {
        name: [DatasetTable(rows.select(part), name=name) for part in (range(len(rows) // 3), range(len(rows) // 3, len(rows)))]
        for name, rows in splits.items()
    }
    return select_split(tables, expression, source="pets", **options)


def values_of(selection: Selection) -> list[str]:
    return [piece.table.values("x")[row] for piece in selection.pieces for row in piece.rows]


SPLITS = {"train": split_of("train", 20), "test": split_of("test", 5)}


def rows_of(expression: str | None, splits=SPLITS) -> list[str]:
    return values_of(select(splits, expression))


@pytest.mark.parametrize(
    "expression",
    [
        "train",
        "test",
        "train+test",
        "test+train",
        "train[:10%]",
        "train[50%:]",
        "train[-3:]",
        "train[3:7]",
        "train[:5]+test[:2]+train[10:12]",
        "train[:5]+train[3:6]",
        "train[:1000]",
        "test[:33%]",
        "all",
    ],
)
def test_expressions_match_those_of_load_dataset(tmp_path, expression):
    DatasetDict(SPLITS)["train"].to_parquet(tmp_path / "train.parquet")
    DatasetDict(SPLITS)["test"].to_parquet(tmp_path / "test.parquet")
    files = {name: str(tmp_path / f"{name}.parquet") for name in SPLITS}
    expected = load_dataset("parquet", data_files=files, split=expression)["x"][:]
    chosen = select(SPLITS, expression)
    assert values_of(chosen) == expected
    assert len(chosen) == len(expected)
    assert [value.rstrip("0123456789") for value in expected] == chosen.splits.tolist()


def test_the_expression_is_kept():
    assert select(SPLITS, "train[:2]+test").expression == "train[:2]+test"
    assert select(SPLITS, "all").expression == "train+test"


def test_default_is_train_or_the_only_split():
    assert select(SPLITS, None).expression == "train"
    assert rows_of(None) == [f"train{row}" for row in range(20)]
    only = {"validation": split_of("validation", 2)}
    assert select(only, None).expression == "validation"
    assert rows_of(None, only) == ["validation0", "validation1"]


def test_unusual_split_names():
    splits = {"train.clean": split_of("c", 4), "train[:50%]": split_of("h", 3)}
    assert rows_of("train.clean[:2]", splits) == ["c0", "c1"]
    assert rows_of("train[:50%]", splits) == ["h0", "h1", "h2"]


def test_no_default():
    with pytest.raises(DatasetError) as caught:
        rows_of(None, {"a": split_of("a", 1), "b": split_of("b", 1)})
    assert str(caught.value) == "pets has the splits a, b; choose one with --split (split=...)."


@pytest.mark.parametrize("expression", ["val", "train+val", "val[:10%]+train"])
def test_unknown_splits_list_the_known_ones(expression):
    with pytest.raises(DatasetError) as caught:
        rows_of(expression)
    assert str(caught.value) == "pets has no split 'val'; its splits are train, test."


@pytest.mark.parametrize("expression", ["", "train[0.5]", "train[:10%", "train,test", "train[:10%:2]", "train test"])
def test_invalid_expressions_are_refused(expression):
    with pytest.raises(UsageError) as caught:
        rows_of(expression)
    assert str(caught.value) == (
        f"--split {expression!r} is invalid; expected split names with optional slices, "
        "such as train, train+test, train[:10%] or train[100:200]."
    )


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("train[:150%]", "is invalid; expected"),
        ("train[:10%](pct1_dropremainder)", "cannot be taken from pets: Using "),
    ],
)
def test_impossible_slices_are_refused(expression, problem):
    with pytest.raises(UsageError, match=rf"^--split '.*' {problem}"):
        rows_of(expression)


@pytest.mark.parametrize("expression", ["train[5:2]", "empty", "empty+train[:0]"])
def test_empty_selections_are_refused(expression):
    with pytest.raises(DatasetError) as caught:
        rows_of(expression, {**SPLITS, "empty": split_of("e", 0)})
    assert str(caught.value) == f"Split {expression!r} of pets is empty; expected images with labels."


def test_split_aliases():
    chosen = select(SPLITS, "training[:2]+TEST", aliases={"training": "train", "test": "test"})
    assert chosen.expression == "train[:2]+test"
    assert values_of(chosen)[:3] == ["train0", "train1", "test0"]


def test_images_come_from_the_chosen_rows_of_every_table():
    contents = [b"a", b"b", b"c", b"d", b"e", b"f"]
    chosen = select({"train": Dataset.from_dict({"x": contents})}, "train[1:]")
    images = chosen.images("x", np.array([0, 2, 4]))
    assert len(images) == 3
    assert [image.content for image in images.read(range(3))] == [b"b", b"d", b"f"]
    assert [image.content for image in images.read(range(1, 3))] == [b"d", b"f"]
