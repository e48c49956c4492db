"""Labels of several tables: joined by class names, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curv_issues
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.images import pngs, write_image_folder, write_parquet


def save(path: Path, values: list[Any], names: list[str] | None = None, *, column: str = "label") -> Path:
    """A parquet file as the datasets library writes it, with a ClassLabel column if there are names."""
    rows = datasets.Dataset.from_dict({"image": pngs(len(values)), column: values})
    rows = rows.cast_column("image", datasets.Image())
    if names is not None:
        rows = rows.cast_column(column, datasets.ClassLabel(names=names))
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path)
    return path


def classes_of(*files: Path, **options: Any) -> list[str | None]:
    data = load_data(list(files), **options)
    return [data.class_names[label] for label in data.labels]


def test_class_names_in_another_order(tmp_path):
    one, two = save(tmp_path / "1.parquet", [0, 1], ["cat", "dog"]), save(tmp_path / "2.parquet", [0, 1], ["dog", "cat"])
    assert classes_of(one, two) == ["cat", "dog", "dog", "cat"]
    assert classes_of(two, one) == ["dog", "cat", "cat", "dog"]
    assert load_data([two, one]).class_names == ("dog", "cat")


def test_more_class_names_in_one_part(tmp_path):
    one, two = save(tmp_path / "1.parquet", [0, 1], ["cat", "dog"]), save(tmp_path / "2.parquet", [0, 2, 1], ["ape", "cat", "dog"])
    assert classes_of(one, two) == ["cat", "dog", "ape", "dog", "cat"]
    assert classes_of(two, one) == ["ape", "dog", "cat", "cat", "dog"]


def test_class_names_and_strings(tmp_path):
    one, two = save(tmp_path / "1.parquet", [1, 0], ["cat", "dog"]), save(tmp_path / "2.parquet", ["dog", "emu", None])
    assert classes_of(one, two, skip_unlabelled=True) == ["dog", "cat", "dog", "emu"]
    assert classes_of(two, one, skip_unlabelled=True) == ["dog", "emu", "dog", "cat"]


def test_missing_labels(tmp_path):
    one, two = save(tmp_path / "1.parquet", [1, -1, None], ["cat", "dog"]), save(tmp_path / "2.parquet", [1, 0], ["dog", "cat"])
    data = load_data([one, two], skip_unlabelled=True)
    assert (data.rows.tolist(), data.source.num_unlabelled) == ([0, 3, 4], 2)
    assert [data.class_names[label] for label in data.labels] == ["dog", "cat", "dog"]
    with pytest.raises(
        DatasetError, match=r"^2 of 5 samples have no label in column 'label' of .*1\.parquet and 1 more \(rows 1, 2\)"
    ):
        load_data([one, two])
    empty = save(tmp_path / "3.parquet", [None, None])
    assert classes_of(empty, one, skip_unlabelled=True) == ["dog"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (([0, 1], ["cat", "dog"]), ([0, 1], None), r"the labels of .*2\.parquet are numbers, while other parts have class names"),
        (([0, 1], None), ([0, 1], ["cat", "dog"]), r"the labels of .*1\.parquet are numbers, while other parts have class names"),
        (([0, 1], None), (["0", "1"], None), r"the labels of .*1\.parquet are numbers, those of .*2\.parquet are strings"),
        (([True, False], None), ([0, 1], None), r"are booleans, those of .*2\.parquet are numbers"),
        (([0, 2], ["cat", "dog", "emu"]), ([0, 1], None), r"expected class names in all parts"),
    ],
)
def test_incompatible_labels_of_parts_are_refused(tmp_path, first, second, expected):
    files = save(tmp_path / "1.parquet", *first), save(tmp_path / "2.parquet", *second)
    with pytest.raises(DatasetError, match=f"^The parts cannot be audited together: .*{expected}"):
        load_data(list(files))


def test_integers_and_floats(tmp_path):
    files = save(tmp_path / "1.parquet", [2, 10]), save(tmp_path / "2.parquet", [10.0, 2.0])
    assert classes_of(*files) == ["2", "10", "10", "2"]
    assert load_data(list(files)).class_names == ("2", "10")


@pytest.mark.parametrize("kind", ["class names", "strings"])
def test_splits_without_a_common_class(tmp_path, kind):
    for split, names in (("train", ["cat", "dog"]), ("test", ["images", "other"])):
        save(tmp_path / f"{split}.parquet", *(([0, 1], names) if kind == "class names" else (names,)))
    with pytest.raises(DatasetError, match=r"^The splits 'train' and 'test' have no class in common \(cat, dog; images, other\)"):
        load_data(tmp_path, split="train+test")
    assert load_data(tmp_path, split="test").class_names == ("images", "other")


def test_splits_that_are_sorted_by_class_have_common_classes(tmp_path):
    for split in ("train", "test"):
        save(tmp_path / f"{split}.parquet", ["cat", "cat", "dog", "dog"])
    assert load_data(tmp_path, split="train[:50%]+test[50%:]").labels.tolist() == [0, 0, 1, 1]


def test_each_part_of_a_split_may_hold_one_class(tmp_path):
    for number, name in enumerate(("cat", "dog")):
        save(tmp_path / f"train-0000{number}-of-00002.parquet", [name, name])
    assert load_data(tmp_path).labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("order", [["cat", "dog"], ["dog", "cat"]])
def test_leakage_compares_class_names(tmp_path, order):
    train = [row % 2 for row in range(20)]
    save(tmp_path / "train.parquet", train, ["cat", "dog"])
    save(tmp_path / "test.parquet", train if order[0] == "cat" else [1 - code for code in train], order)
    result = curv_issues.audit(str(tmp_path), epochs=1, device="cpu", against="test")
    assert len(result.leakage) == 20
    assert result.leakage["agree"].all()


@pytest.mark.parametrize("column", ["image_id", "caption", "label"])
def test_ids_and_captions_are_used_as_labels_only_if_chosen(tmp_path, column):
    values = [f"text {row}" for row in range(30)]
    file = save(tmp_path / "a.parquet", values, column=column)
    frame = pd.DataFrame({"image": pngs(30), column: values})
    folder = write_image_folder(tmp_path / "folder", {".": 30})
    (folder / "metadata.csv").write_text(f"file,{column}\n" + "".join(f"{row}.png,{row}\n" for row in range(30)))
    for source in (file, frame, folder):
        with pytest.raises(DatasetError, match=rf"^The values of column '{column}' of .* pass --label-column {column} \(label_"):
            load_data(source)
        assert load_data(source, label_column=column).num_classes == 30


def test_ids_are_detected_from_the_whole_file(tmp_path):
    file = save(tmp_path / "a.parquet", list(range(30)) * 4, column="species")
    assert load_data(file, split="train[:30]").num_classes == 30


def test_label_origin(tmp_path):
    one, two = save(tmp_path / "1.parquet", ["a", "b"]), save(tmp_path / "2.parquet", ["a", "b"])
    assert load_data(one).source.label_origin == f"column 'label' of {one}"
    assert load_data([one, two]).source.label_origin == f"column 'label' of {one} and 1 more"
    folder = write_image_folder(tmp_path / "photos", {"cat": 1, "dog": 1})
    assert load_data(folder).source.label_origin == "folder names, level 1"


def test_part_without_the_label_column(tmp_path):
    one, two = save(tmp_path / "1.parquet", ["a", "b"]), save(tmp_path / "2.parquet", ["a", "b"], column="kind")
    with pytest.raises(
        DatasetError, match=r"2\.parquet has no column 'label', which .*1\.parquet has; its columns are image, kind\."
    ):
        load_data([one, two])


def test_image_column_is_refused_for_image_folders(tmp_path):
    folder = write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    with pytest.raises(
        curv_issues.UsageError, match=r"^--image-column \(image_column\) is for tables of images; .* folder of image"
    ):
        load_data(folder, image_column="photo")


def test_rows_of_unequal_parts_keep_their_labels(tmp_path):
    """Every image has the label of its own row, whatever is skipped."""
    content = pngs(9)
    files = []
    for number, (first, stop, names) in enumerate([(0, 4, ["a", "b", "c"]), (4, 5, ["c", "a"]), (5, 9, ["b", "c", "a"])]):
        labels = [names.index("abc"[row % 3]) if "abc"[row % 3] in names else None for row in range(first, stop)]
        table = datasets.Dataset.from_dict({"image": content[first:stop], "label": labels})
        table = table.cast_column("label", datasets.ClassLabel(names=names))
        files.append(tmp_path / f"{number}.parquet")
        table.to_parquet(files[-1])
    data = load_data(files, skip_unlabelled=True)
    expected = {
        load_data([write_parquet(tmp_path / "x.parquet", ["q"], images=[png])]).image_sha256[0]: row
        for row, png in enumerate(content)
    }
    found = [(expected[image], data.class_names[label]) for image, label in zip(data.image_sha256, data.labels, strict=True)]
    assert found == [(row, "abc"[row % 3]) for row in range(9) if row != 4]


def test_ids_and_captions_are_not_proposed_as_labels(tmp_path):
    columns = {"image": pngs(6), "id": list("abcdef"), "caption": list("ghijkl")}
    pq.write_table(pa.table(columns), tmp_path / "ids.parquet")
    with pytest.raises(
        DatasetError, match=r"ids\.parquet holds labels: the values of id, caption differ in most rows, like ids and"
    ):
        load_data(tmp_path / "ids.parquet")
    pq.write_table(pa.table({**columns, "breed": list("xyxyxy")}), tmp_path / "one.parquet")
    with pytest.raises(
        DatasetError, match=r"is named label, and one might hold the labels: breed \(the values of id, caption differ"
    ):
        load_data(tmp_path / "one.parquet")
    assert load_data(tmp_path / "one.parquet", label_column="breed").class_names == ("x", "y")


def test_label_column_with_another_name_is_noted(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", ["a", "a", "b", "b"])
    pq.write_table(pq.read_table(path).rename_columns(["image", "width"]), path)
    assert load_data(path).source.notes == (
        f"The labels are column 'width' of {path}, the only possible label column; if that is wrong, choose another with "
        "--label-column.",
    )
    assert load_data(path, label_column="width").source.notes == ()
    pq.write_table(pq.read_table(path).rename_columns(["image", "split"]), path)
    with pytest.raises(DatasetError, match=r"^No label column found"):
        load_data(path)
