"""Class folders, and user-supplied tables with other labels for the same images."""

from __future__ import annotations

import re

import pytest

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.folders import PETS, given_classes, write, write_csv

BATCHES = ("batch_1/a.png", "batch_1/b.png", "camA/c.png", "camA/d.png")


def table(path, images, labels, *, name="label"):
    write_csv(path, ("file", name), *zip(images, labels, strict=True))


def test_table_unrelated_to_the_folders_is_refused(tmp_path):
    table(write(tmp_path, *BATCHES) / "labels.csv", BATCHES, "xyxy")
    message = r"has two sets of labels: folders \(batch_1, camA\) and column 'label' of labels.csv \(x, y\)\. Choose "
    message += re.escape(f"the table with --labels {tmp_path}/labels.csv, or the folders with --labels folders")
    with pytest.raises(DatasetError, match=message):
        load_data(tmp_path)
    assert given_classes(load_data(tmp_path, labels=tmp_path / "labels.csv")) == dict(zip(BATCHES, "xyxy", strict=True))
    assert load_data(tmp_path, labels="folders").class_names == ("batch_1", "camA")


def test_classes_that_join_folders_are_noted(tmp_path):
    paths = [f"patient_{number}/{number}.png" for number in range(4)] + [f"patient_{number}/x{number}.png" for number in range(4)]
    table(write(tmp_path, *paths) / "labels.csv", paths, "aabbaabb")
    (note,) = load_data(tmp_path).source.notes
    assert "column 'label' of labels.csv has fewer classes for the same images (a, b): to use those, pass --labels" in note


def test_a_table_that_cannot_be_read_is_noted(tmp_path):
    (write(tmp_path, *PETS) / "labels.csv").write_bytes("file;label\n1.png;K\u00fche\n".encode("cp1252"))
    (tmp_path / "other.json").write_text("{")
    (note,) = load_data(tmp_path).source.notes
    assert note.startswith("labels.csv was not read as a table of labels: ")
    assert "is not UTF-8" in note


def test_top_level_table_is_compared_despite_many_tables_below(tmp_path):
    root = write(tmp_path, *BATCHES)
    for number in range(25):
        write_csv(root / "batch_1" / f"log{number}.csv", ("t", "x"), ("1", "2"))
    table(root / "labels.csv", BATCHES, "xyxy")
    with pytest.raises(DatasetError, match="has two sets of labels"):
        load_data(root)


def test_list_of_classes_is_ignored(tmp_path):
    root = write(tmp_path, *(f"daisy/{number}.png" for number in range(4)), *(f"rose/{number}.png" for number in range(4, 8)))
    (root / "class_indices.json").write_text('{"0": "daisy", "1": "rose"}')
    assert load_data(root).source.notes == ()


@pytest.mark.parametrize("labels", [["cat", "cat", "dog", "dog"], "0011", "xxxx"])
def test_table_that_agrees_with_the_folders_is_ignored(tmp_path, labels):
    table(write(tmp_path, *PETS) / "labels.csv", PETS, labels)
    assert load_data(tmp_path).source.notes == ()


def test_a_table_that_differs_for_some_images_is_noted(tmp_path):
    table(write(tmp_path, *PETS) / "seen/predicted.csv", PETS, ["cat", "dog", "dog", "dog"])
    data = load_data(tmp_path)
    assert given_classes(data) == {path: path[:3] for path in PETS}
    assert [note for note in data.source.notes if "predicted" in note and "differs for 1 of 4 images (cat/2.png: 'dog')" in note]


def test_a_table_of_few_images_is_noted(tmp_path):
    table(write(tmp_path, *PETS, *(f"dog/{number}.png" for number in range(3, 9))) / "corrected.csv", PETS[:2], ["fox", "fox"])
    (note,) = load_data(tmp_path).source.notes
    assert "column 'label' of corrected.csv differs for 2 of 2 images (cat/1.png: 'fox')" in note


@pytest.mark.parametrize("names", [["1.tif", "2.tif"], ["https://example.org/1.png", "https://example.org/2.png"]])
def test_a_table_of_other_images_is_noted(tmp_path, names):
    table(write(tmp_path, *BATCHES) / "labels.csv", names, "xy")
    (note,) = load_data(tmp_path).source.notes
    assert note.startswith("labels.csv has labels, but was not read, because its file names do not identify images of the folder")
    assert f"('file' holds {', '.join(names)})" in note


def test_spreadsheets_are_noted(tmp_path):
    (write(tmp_path, *PETS) / "labels.xlsx").write_bytes(b"PK")
    (note,) = load_data(tmp_path).source.notes
    assert note.startswith("Spreadsheets are not read (labels.xlsx); if one holds the labels, save it as CSV")


def test_table_of_ids_is_noted(tmp_path):
    table(write(tmp_path, *BATCHES) / "labels.csv", "abcd", "xyxy", name="dx")
    assert load_data(tmp_path).source.notes[0].startswith("labels.csv also names the images")


@pytest.mark.parametrize("name", ["species", "split"])
def test_table_without_a_column_named_label_is_noted(tmp_path, name):
    table(write(tmp_path, *BATCHES) / "labels.csv", BATCHES, "xyxy", name=name)
    data = load_data(tmp_path)
    assert data.class_names == ("batch_1", "camA")
    (note,) = data.source.notes
    assert note.startswith(
        f"labels.csv also names the images, but was not read: if one of its columns holds the labels ({name}), use "
    )
    assert load_data(tmp_path, labels="folders").source.notes == ()


def test_a_table_with_two_labels_for_an_image_is_noted(tmp_path):
    table(write(tmp_path, *PETS) / "labels.csv", [*PETS, PETS[0]], ["cat", "cat", "dog", "dog", "dog"])
    (note,) = load_data(tmp_path).source.notes
    assert note.startswith("labels.csv also names the images, but was not read: labels.csv has two labels for cat/1.png")


def test_table_that_matches_the_images_is_proposed(tmp_path):
    root = write(tmp_path, *(f"images/{name}.png" for name in "abcd"))
    (root / "classes.json").write_text('{"0": "cat", "1": "dog"}')
    (root / "splits.json").write_text('{"train": ["a.png"], "val": ["b.png"]}')
    with pytest.raises(DatasetError, match=r"The labels may be in classes\.json: --labels "):
        load_data(root)
    table(root / "train.csv", "abcd", "xyxy", name="dx")
    table(root / "sample_submission.csv", "abcd", "xyxy")
    with pytest.raises(DatasetError, match=r"The labels may be in train\.csv: --labels "):
        load_data(root)


def test_unrelated_files_are_ignored(tmp_path):
    root = write(tmp_path, *PETS)
    (root / "list.txt").write_text("file\n" + "\n".join(PETS))  # only names
    table(root / "few.csv", [PETS[0], "x", "y", "z"], "xyxy")  # only one row matches an image
    table(root / "ids.csv", PETS, "abcd", name="key")
    (root / "damaged.parquet").write_bytes(b"PAR1")
    for path in PETS:
        (root / path).with_suffix(".txt").write_text("a caption")
    assert load_data(root).source.notes == ()
