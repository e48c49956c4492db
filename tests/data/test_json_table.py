"""Tables in JSON: every label is what the file says, or the table is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from curv_issues.data.arrays import from_arrays
from curv_issues.data.label_table import read_table
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from curv_issues.noise.label_file import labels_from_file
from tests.data.images import write_image_folder


def write(folder: Path, *labels: str, name: str = "metadata.jsonl", others: str = "") -> Path:
    """A folder of images with a table of JSON labels, one per image."""
    write_image_folder(folder, {".": len(labels)})
    objects = [f'{{"file": "{number}.png", {others}"label": {label}}}' for number, label in enumerate(labels)]
    is_list = name.endswith(".json")
    (folder / name).write_text(f"[{', '.join(objects)}]" if is_list else "\n".join(objects))
    return folder


@pytest.mark.parametrize(
    "content",
    [
        '{"0.png": "cat", "1.png": "dog", "2.png": "cat"}',
        '{"cat": ["0.png", "2.png"], "dog": ["1.png"]}',
        '{"cat": ["0", "2"], "dog": ["1"]}',
        '{"0.png": ["cat"], "1.png": ["dog"], "2.png": ["cat"]}',
        '{"0.png": {"label": "cat"}, "1.png": {"label": "dog"}, "2.png": {"label": "cat"}}',
        '{"0": {"path": "0.png", "label": "cat"}, "1": {"path": "1.png", "label": "dog"}, "2": {"path": "2.png", "label": "cat"}}',
        '{"path": {"0": "0.png", "1": "1.png", "7": "2.png"}, "label": {"0": "cat", "1": "dog", "7": "cat"}}',
        '{"path": ["0.png", "1.png", "2.png"], "label": ["cat", "dog", "cat"]}',
        '{"columns": ["x", "label"], "index": [0, 1, 2], "data": [["0.png", "cat"], ["1.png", "dog"], ["2.png", "cat"]]}',
        '{"classes": ["cat", "dog"], "labels": {"0": 0, "1": 1, "2": 0}}',
        '{"labels": [["0.png", "cat"], ["1.png", "dog"], ["2.png", "cat"]]}',
        '{"version": 1, "images": [{"id": "0", "y": "cat"}, {"id": "1", "y": "dog"}, {"id": "2", "y": "cat"}]}',
    ],
)
def test_one_object_for_all_images(tmp_path: Path, content: str) -> None:
    folder = write_image_folder(tmp_path, {".": 3})
    (folder / "table.json").write_text(content)
    data = load_data(folder, labels=folder / "table.json")
    assert [data.class_names[label] for label in data.labels] == ["cat", "dog", "cat"]


def test_classes_named_like_label_columns(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text('{"target": ["0.png", "2.png"], "file": ["1.png", "3.png"]}')
    assert read_table(tmp_path / "table.json").columns["label"] == ["target", "target", "file", "file"]
    (tmp_path / "table.json").write_text('{"y": ["0", "2"], "n": ["1", "3"]}')
    assert read_table(tmp_path / "table.json").columns["label"] == ["y", "y", "n", "n"]


@pytest.mark.parametrize(
    "content",
    [
        '{"train": ["0.png"], "val": ["1.png"]}',
        '{"train": {"0.png": "cat"}, "test": {"1.png": "dog"}}',
        '{"train": {"0.png": "cat", "1.png": "dog"}}',
        '{"0.png": ["cat"], "1.png": ["cat", "dog"]}',
        '{"columns": ["x", "label"], "data": [["0.png"]]}',
        '{"cat": [1, "0.png"]}',
        '{"classes": ["cat"], "labels": {"0": 1}}',
        '{"a": {"x": 1}, "b": {"y": 1}}',
        '{"a": [{"x": 1}], "b": [{"x": 1}], "c": 1}',
    ],
)
def test_other_objects_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.json").write_text(content)
    with pytest.raises(DatasetError, match=r"is not a list of objects; expected one object per line"):
        read_table(tmp_path / "table.json")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["1e3", "1", "1000", "1"], "spells one number in two ways: 1e3 in line 1, 1000 in line 3"),
        (["1", "2", "1.0", "2"], "spells one number in two ways: 1 in line 1, 1.0 in line 3"),
        (['"1"', '"2"', "1", "2"], 'holds the number 1 in line 3 and the text "1" in line 1'),
        (['"2.50"', '"2"', "2.50", '"2"'], 'holds the number 2.50 in line 3 and the text "2.50" in line 1'),
    ],
)
def test_ambiguous_labels_are_refused(tmp_path: Path, labels: list[str], reason: str) -> None:
    folder = write(tmp_path, *labels)
    for options in ({}, {"labels": str(folder / "metadata.jsonl")}, {"label_column": "label"}):
        with pytest.raises(DatasetError) as caught:
            load_data(folder, **options)
        assert reason in str(caught.value)
        assert str(caught.value).endswith("; expected one spelling per class, preferably as text.")
    data = from_arrays(load_data(write_image_folder(tmp_path / "other", {"a": 2, "b": 2})).images, [0, 1, 0, 1])
    with pytest.raises(DatasetError, match=r"^Column 'label' of"):
        labels_from_file(data, folder / "metadata.jsonl", "label")


def test_ambiguous_values_in_other_columns_are_allowed(tmp_path: Path) -> None:
    folder = write(tmp_path, '"a"', '"b"', '"a"', '"b"')
    text = (folder / "metadata.jsonl").read_text()
    (folder / "metadata.jsonl").write_text(
        text.replace('"label"', '"note": 1e3, "label"', 1).replace("1.png", '1.png", "note": "1000')
    )
    assert load_data(folder).class_names == ("a", "b")


def test_numbers_with_one_spelling(tmp_path: Path) -> None:
    assert load_data(write(tmp_path / "1", "10", "9", "10", "9")).class_names == ("9", "10")
    assert load_data(write(tmp_path / "2", "1.0", "2.0", "1.0", "2.0")).class_names == ("1", "2")
    assert load_data(write(tmp_path / "3", '"1e3"', '"1000"', '"1e3"', '"1000"')).class_names == ("1000", "1e3")


def test_text_and_number_labels_in_one_table_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, '"cat"', "3", '"cat"', "3")
    for options in ({}, {"labels": str(folder / "metadata.jsonl")}):
        with pytest.raises(DatasetError, match="mixes numbers and strings; expected labels of one type"):
            load_data(folder, **options)


def test_text_labels_in_one_split_and_numbers_in_another_are_refused(tmp_path: Path) -> None:
    for split, labels in (("train", ['"1"', '"2"']), ("test", ["1", "2"])):
        write(tmp_path / split, *labels)
    with pytest.raises(DatasetError, match=r"the labels of split 'train' of .* are strings, those of split 'test'"):
        load_data(tmp_path, split="train+test")


@pytest.mark.parametrize(("name", "place"), [("metadata.jsonl", ", line 1, has"), ("labels.json", " has")])
def test_duplicate_keys_are_refused(tmp_path: Path, name: str, place: str) -> None:
    folder = write(tmp_path, '"a"', '"b"', name=name, others='"label": "b", ')
    with pytest.raises(DatasetError) as caught:
        load_data(folder, labels=str(folder / name))
    assert str(caught.value) == (
        f"{folder / name}{place} an object with the key 'label' twice ('b' and 'a') in {{'file': '0.png', ...}}; keep one of them."
    )
