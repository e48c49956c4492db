"""Labels of image folders from tables beside the images."""

from __future__ import annotations

import pytest

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.data.folders import PETS, given_classes, left_out, write, write_csv


def test_metadata_file_at_the_root_applies_to_all_splits(tmp_path):
    write(tmp_path, "train/1.png", "train/2.png", "test/1.png", "test/2.png")
    rows = [(f"{split}/{number}.png", "ab"[number - 1]) for split in ("train", "test") for number in (1, 2)]
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *rows)
    data = load_data(tmp_path)
    assert given_classes(data) == {"train/1.png": "a", "train/2.png": "b"}
    assert data.source.label_origin == "column 'label' of metadata.csv"
    assert left_out(data) == {
        "in another split (test)": ["test/1.png", "test/2.png"],
        "table of labels": ["metadata.csv"],
    }


def test_metadata_file_in_each_split(tmp_path):
    write(tmp_path, "train/1.png", "train/2.png", "test/1.png")
    write_csv(tmp_path / "train" / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", "b"))
    write_csv(tmp_path / "test" / "metadata.csv", ("file_name", "label"), ("1.png", "c"))
    assert given_classes(load_data(tmp_path)) == {"train/1.png": "a", "train/2.png": "b"}
    assert given_classes(load_data(tmp_path, split="test")) == {"test/1.png": "c"}


@pytest.mark.parametrize("names", [("None", "NA"), ("null", "NaN"), ("007", "012"), ("1e3", "2e3"), ("True", "False")])
def test_text_labels_are_not_converted(tmp_path, names):
    write(tmp_path, "1.png", "2.png", "3.png", "4.png")
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *((f"{row}.png", names[row % 2]) for row in (1, 2, 3, 4)))
    assert given_classes(load_data(tmp_path)) == {f"{row}.png": names[row % 2] for row in (1, 2, 3, 4)}


def test_number_labels_are_sorted_as_numbers(tmp_path):
    write(tmp_path, "1.png", "2.png", "3.png")
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "10"), ("2.png", "2"), ("3.png", "1"))
    assert load_data(tmp_path).class_names == ("1", "2", "10")


def test_class_folders_win_over_a_table_without_labels(tmp_path):
    write(tmp_path, *PETS)
    write_csv(tmp_path / "metadata.csv", ("file_name", "camera"), *((path, "canon") for path in PETS))
    assert load_data(tmp_path).class_names == ("cat", "dog")
    assert load_data(tmp_path, label_column="camera").class_names == ("canon",)


def test_a_table_that_contradicts_the_folders_is_noted(tmp_path):
    write(tmp_path, *PETS)
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *((path, "cat" if "1" in path else "dog") for path in PETS))
    data = load_data(tmp_path)
    assert given_classes(data)["dog/1.png"] == "cat"
    assert any("for 2 of 4 images they differ from the folder name" in note for note in data.source.notes)
    assert given_classes(load_data(tmp_path, labels="folders"))["dog/1.png"] == "dog"


def test_unmatched_images_and_rows_are_noted(tmp_path):
    write(tmp_path, "1.png", "2.png", "3.png")
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", "b"), ("9.png", "a"))
    data = load_data(tmp_path)
    assert given_classes(data) == {"1.png": "a", "2.png": "b"}
    assert left_out(data)["not in the table of labels"] == ["3.png"]
    assert "1 file that looks like an image was left out: not in the table of labels (3.png)." in data.source.notes
    assert "1 row of metadata.csv without an image in the folder: 9.png." in data.source.notes


def test_an_empty_cell_is_a_missing_label(tmp_path):
    write(tmp_path, "1.png", "2.png", "3.png", "4.png")
    rows = [("1.png", "a"), ("2.png", ""), ("3.png", "b"), ("4.png", "b")]
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *rows)
    with pytest.raises(DatasetError, match=r"^1 of 4 samples have no label in column 'label' of metadata\.csv \(row 1\)"):
        load_data(tmp_path)
    data = load_data(tmp_path, skip_unlabelled=True)
    assert (data.source.num_unlabelled, data.rows.tolist()) == (1, [0, 2, 3])
    assert left_out(data)["no label"] == ["2.png"]
    sampled = load_data(tmp_path, skip_unlabelled=True, max_samples=2)
    assert left_out(sampled)["no label"] == ["2.png"]
    assert left_out(sampled)["not in the sample"] == [path for path in ("1.png", "3.png", "4.png") if path not in sampled.paths]


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "utf-8")])
def test_user_supplied_table(tmp_path, separator, encoding):
    photos = write(tmp_path / "photos", *PETS)
    table = tmp_path / "mine.csv"
    write_csv(
        table,
        ("id", "Datei", "Tier"),
        *((str(i), path, "xy"[i % 2]) for i, path in enumerate(PETS)),
        separator=separator,
        encoding=encoding,
    )
    data = load_data(photos, labels=table, file_column="Datei", label_column="Tier")
    assert given_classes(data) == {"cat/1.png": "x", "cat/2.png": "y", "dog/1.png": "x", "dog/2.png": "y"}
    assert data.source.label_origin == f"column 'Tier' of {table}"


def test_text_in_one_table_makes_all_labels_text(tmp_path):
    write(tmp_path, "a/1.png", "a/2.png", "b/1.png", "b/2.png")
    rows = [("a/1.png", "1"), ("a/2.png", "2"), ("b/2.png", "2")]
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *rows)
    write_csv(tmp_path / "b" / "metadata.csv", ("file_name", "label"), ("1.png", "x"), ("2.png", "2"))
    assert given_classes(load_data(tmp_path)) == {"a/1.png": "1", "a/2.png": "2", "b/1.png": "x", "b/2.png": "2"}


def test_tables_that_contradict_each_other_are_refused(tmp_path):
    write(tmp_path, "1.png", "2.png")
    write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", "b"))
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "b"}\n')
    with pytest.raises(DatasetError, match=r"^metadata\.jsonl contradicts metadata\.csv: it labels 1\.png as 'b', not as 'a'"):
        load_data(tmp_path)


def test_tables_without_labels_are_ignored_beside_one_with_labels(tmp_path):
    labels = {"1.png": "b", "2.png": "a", "3.png": "a", "4.png": "b"}
    write(tmp_path, *labels)
    write_csv(tmp_path / "metadata.csv", ("file_name", "width"), *((path, str(8 + (path > "2"))) for path in labels))
    data = load_data(tmp_path)
    assert data.class_names == ("8", "9")
    (note,) = data.source.notes
    assert note.startswith("The labels are column 'width' of metadata.csv, the only possible label column; if that is wrong,")
    assert load_data(tmp_path, label_column="width").source.notes == ()
    lines = (f'{{"file_name": "{path}", "label": "{label}"}}' for path, label in labels.items())
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    assert given_classes(load_data(tmp_path)) == labels


def test_a_split_without_class_folders(tmp_path):
    write(tmp_path, "Train/cat/1.png", "Train/dog/2.png", "Test/3.png")
    with pytest.raises(DatasetError, match=r"^The images of split 'test' of .* have no labels: they are not in class folders;"):
        load_data(tmp_path, split="test")


def test_a_split_without_labels(tmp_path):
    write(tmp_path, "train/1.png", "train/2.png", "test/3.png", "test/4.png")
    write_csv(tmp_path / "test" / "metadata.csv", ("file_name", "label"), ("3.png", "a"), ("4.png", "b"))
    with pytest.raises(DatasetError, match=r"is empty; .* The tables of labels list no image of the split 'train'\.$"):
        load_data(tmp_path)
    assert given_classes(load_data(tmp_path, split="test")) == {"test/3.png": "a", "test/4.png": "b"}


def test_label_column_missing_from_all_tables(tmp_path):
    write(tmp_path, *PETS)
    with pytest.raises(
        DatasetError, match=r"need a table of labels with column 'nope' \(--label-column, label_column\), but there is none;"
    ):
        load_data(tmp_path, label_column="nope")


def test_table_in_a_folder_without_images_is_ignored(tmp_path):
    write(tmp_path, *PETS)
    write_csv(tmp_path / "meta" / "metadata.csv", ("file_name", "label"), ("x.png", "a"))
    data = load_data(tmp_path)
    assert data.class_names == ("cat", "dog")
    assert left_out(data) == {"table of labels": ["meta/metadata.csv"]}


@pytest.mark.parametrize("option", ["file_column", "label_column"])
def test_column_options_without_a_table_are_refused(tmp_path, option):
    write(tmp_path, *PETS)
    for labels in ({"labels": "folders"}, {"class_level": 1}):
        with pytest.raises(UsageError, match=r"_column\) is for tables of labels; the labels are folder names\.$"):
            load_data(tmp_path, **labels, **{option: "x"})
    with pytest.raises((DatasetError, UsageError), match=f"--{option[:-7]}-column"):
        load_data(tmp_path, **{option: "x"})


def test_matching_by_file_name_only_is_noted(tmp_path):
    write(tmp_path / "flat", "0.png", "1.png", "2.png")
    (tmp_path / "labels.csv").write_text("file,label\ntrain/cat/0.png,a\ntrain/cat/1.png,b\ntrain/dog/2.png,b\n")
    data = load_data(tmp_path / "flat", labels=str(tmp_path / "labels.csv"))
    assert any(note.endswith("by file names (column 'file').") for note in data.source.notes)


def test_unused_file_name_column_is_noted(tmp_path):
    write(tmp_path, "0.png", "1.png", "2.png")
    (tmp_path / "l.csv").write_text("id,image,label\n0,upload/x2,a\n1,upload/x1,b\n2,upload/x0,b\n")
    notes = load_data(tmp_path, labels=str(tmp_path / "l.csv")).source.notes
    assert any("by column 'id', because column 'image' matches fewer of them" in note for note in notes)
