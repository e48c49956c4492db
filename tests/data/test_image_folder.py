"""Folders of images as people have them: classes, number of rows, what is left out and why."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curv_issues.data.base import LabeledData
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.data.images import colour_image, encode

_SMALL = {}


def image(value: int, file_format: str = "PNG") -> bytes:
    if (value, file_format) not in _SMALL:
        _SMALL[value, file_format] = encode(colour_image(value), file_format)
    return _SMALL[value, file_format]


def write(root: Path, *paths: str, content: bytes | None = None) -> Path:
    """Files with an image each, all different, or with one content."""
    for value, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(image(value) if content is None else content)
    return root


def write_csv(path: Path, *rows: tuple[str, ...], separator: str = ",", encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def given_classes(data: LabeledData) -> dict[str, str]:
    return {path: data.class_names[label] for path, label in zip(data.paths, data.labels, strict=True)}


def left_out(data: LabeledData) -> dict[str, list[str]]:
    assert data.source.files is not None
    return data.source.files.by_reason()


TWO = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")


def test_class_folders(tmp_path):
    data = load_data(write(tmp_path, *TWO))
    assert given_classes(data) == {path: path[:3] for path in TWO}
    assert data.source.label_origin == "folder names, level 1"
    assert (data.source.split, data.source.image_column, data.source.label_column) == (None, "image", "label")
    assert data.source.files.describe() == {"found": 4, "read": 4, "left_out": {}}
    assert data.source.notes == ()


def test_words_in_file_names_mean_nothing(tmp_path):
    paths = ("cat/toy-train-1.png", "cat/2.png", "dog/test.png", "dog/eval_1.png")
    assert load_data(write(tmp_path, *paths)).paths.tolist() == sorted(paths)


def test_splits_and_the_files_of_the_others(tmp_path):
    write(tmp_path, *(f"{split}/{path}" for split in ("Train", "val") for path in TWO))
    data = load_data(tmp_path)
    assert data.paths.tolist() == [f"Train/{path}" for path in TWO]
    assert (data.source.split, set(data.splits)) == ("train", {"train"})
    assert left_out(data) == {"in another split (validation)": [f"val/{path}" for path in TWO]}
    assert load_data(tmp_path, split="val").source.split == load_data(tmp_path, split="validation").source.split == "validation"
    assert load_data(tmp_path, split="DEV[:1]").source.split == "validation[:1]"
    both = load_data(tmp_path, split="val+train[:1]")
    assert both.paths.tolist() == [*(f"val/{path}" for path in TWO), "Train/cat/1.png"]
    assert left_out(both) == {"not in validation+train[:1]": [f"Train/{path}" for path in TWO[1:]]}
    assert load_data(tmp_path, splits=False).class_names == ("Train", "val")


def test_folders_beside_the_splits_get_one_note(tmp_path):
    write(tmp_path, *(f"{split}/{path}" for split in ("train", "test") for path in TWO), "extra/cat/1.png", "logo.png")
    data = load_data(tmp_path)
    assert left_out(data)["in a folder beside the splits"] == ["extra/cat/1.png"]
    note, stray = data.source.notes
    assert stray == "1 file that looks like an image was left out: not in a class folder (logo.png)."
    assert note.startswith("1 image left out: extra, beside the splits test, train; use --no-splits")


def test_splits_without_a_common_class_are_not_joined(tmp_path):
    write(tmp_path, *(f"train/{path}" for path in TWO), "val/images/1.png")  # Tiny-ImageNet
    data = load_data(tmp_path)
    assert data.class_names == ("cat", "dog")
    assert "The splits train (cat, dog) and validation (images) have no class in common." in data.source.notes
    with pytest.raises(DatasetError, match=r"^The splits 'train' and 'validation' have no class in common \(cat, dog; images\)"):
        load_data(tmp_path, split="train+val")


def test_levels(tmp_path):
    write(tmp_path, "cat/in/1.png", "cat/out/1.png", "dog/in/1.png", "dog/2.png")
    data = load_data(tmp_path)
    assert data.class_names == ("cat", "dog")
    assert any("use --class-level 2 if those are the classes" in note for note in data.source.notes)
    below = load_data(tmp_path, class_level=2)
    assert below.class_names == ("in", "out")
    assert below.source.label_origin == "folder names, level 2"
    assert left_out(below) == {"not in a class folder": ["dog/2.png"]}
    with pytest.raises(DatasetError, match=r"but no labels: no image is 3 folders deep; choose another --class-level"):
        load_data(tmp_path, class_level=3)
    with pytest.raises(UsageError, match=r"^--class-level \(class_level\) must be an integer >= 1, got 0\.$"):
        load_data(tmp_path, class_level=0)


def test_layouts_as_unpacked(tmp_path):
    food = write(tmp_path / "food", *(f"images/{path}" for path in TWO))
    write(food, "meta/train.txt", "meta/classes.txt", content=b"cat/1\n")
    data = load_data(food)
    assert data.class_names == ("cat", "dog")
    assert left_out(data) == {"not an image (.txt)": ["meta/classes.txt", "meta/train.txt"]}
    assert "These folders contain no readable image: meta (.txt)." in data.source.notes

    tiny = write(tmp_path / "tiny", *(f"train/{name}/images/{number}.JPEG" for name in ("n01", "n02") for number in range(2)))
    assert load_data(tiny).class_names == ("n01", "n02")

    stray = load_data(write(tmp_path / "stray", *TWO, "preview.png"))
    assert len(stray) == 4
    assert stray.source.notes == ("1 file that looks like an image was left out: not in a class folder (preview.png).",)


@pytest.mark.parametrize(
    ("paths", "others", "expected"),
    [
        (("1.png", "2.png"), {}, r"has 2 images, but no labels: expected class folders \(FOLDER/cat/1\.jpg\), metadata\.csv, or a"),
        (("1.png", "2.png"), {"labels.csv": b"a,b\n"}, r"The labels may be in labels\.csv: --labels .*labels\.csv\.$"),
        (("1.png",), {"labels.parquet": b""}, r"has 1 image, but .* The labels may be in labels\.parquet: --labels "),
        (("images/1.png", "images/2.png"), {"annotations/instances_train.json": b"{}"}, r"boxes are not supported"),
        (("train/1.png", "test/2.png"), {}, r"The folders test, train were read as splits; use --no-splits if they are classes\.$"),
        (("cat/in/1.png", "cat/out/2.png"), {}, r"only one class; its subfolders are in, out: use --class-level 2 \(class_"),
        ((), {"photos.zip": b"PK"}, r"holds an archive \(photos\.zip\), which is not read; unpack it"),
        ((), {"a.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"}, r"holds no readable images and no parquet files"),
    ],
)
def test_folders_that_say_what_is_missing(tmp_path, paths, others, expected):
    write(tmp_path, *paths)
    for path, content in others.items():
        write(tmp_path, path, content=content)
    with pytest.raises(DatasetError, match=expected):
        load_data(tmp_path)


@pytest.mark.parametrize("file", ["annotations/instances_val2017.json", "Annotations/1.xml"])
def test_annotations_of_objects_are_not_class_folders(tmp_path, file):
    write(tmp_path, "train2017/1.png", "val2017/1.png")
    write(tmp_path, file, content=b"{}")
    with pytest.raises(DatasetError, match=r"expected one label per image, as boxes are not supported\. .* pass --labels folders"):
        load_data(tmp_path)
    assert load_data(tmp_path, labels="folders").class_names == ("train2017", "val2017")


KITTI = b"Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n"
YOLO = b"0 .5 0.5 .2 2e-1\n\n17 0.1 0.1 0.2 0.1 0.2 0.2\n"  # a box, and the polygon of a segmentation


@pytest.mark.parametrize(
    ("images", "texts", "content"),
    [
        (("images/train2017/1.png", "images/val2017/2.png"), ("labels/train2017/1.txt", "labels/val2017/2.txt"), YOLO),
        (("images/train/1.png", "images/val/2.png"), ("labels/train/1.txt", "labels/val/2.txt"), YOLO),
        (("cat/1.png", "dog/2.png"), ("labels/1.txt",), YOLO),
        (("cat/1.png", "dog/2.png"), ("cat/1.txt", "dog/2.TXT"), YOLO),
        (("train/images/1.png", "valid/images/2.png"), ("train/labels/1.txt",), YOLO),
        (("training/image_2/0.png", "training/image_3/0.png"), ("training/label_2/0.txt",), KITTI),
        (("image_2/0.png", "image_3/0.png"), ("label_2/0.txt",), KITTI),
    ],
)
def test_text_files_with_boxes_are_annotations_of_objects(tmp_path, images, texts, content):
    write(tmp_path, *images)
    write(tmp_path, *texts, content=content)
    write(tmp_path, "empty/1.txt", content=b"")  # an image without objects
    with pytest.raises(DatasetError, match=rf"has object annotations \({texts[0]}\), as in COCO, .* pass --labels folders"):
        load_data(tmp_path)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("labels/1.txt", b"0\n"),
        ("labels/1.txt", b"cat"),
        ("labels/other.txt", YOLO),  # no image is called so, as in n01/n01_boxes.txt of Tiny ImageNet
        ("cat/1.txt", b"0 640 480 20 30\n"),
        ("cat/1.txt", "a photo of 1 cät\n0 .5 .5 .2 .2\n".encode()),
        ("cat/1.txt", bytes(range(256))),
    ],
)
def test_other_text_files_are_no_annotations_of_objects(tmp_path, path, content):
    write(tmp_path, *TWO)
    write(tmp_path, path, content=content)
    assert load_data(tmp_path).class_names == ("cat", "dog")


def test_a_folder_for_each_image_is_not_a_class(tmp_path):
    write(tmp_path, *(f"patient {number}/scan.png" for number in range(20)))
    with pytest.raises(DatasetError, match=r"^The 20 images of .* are in 20 folders \(patient 0, .* --labels folders"):
        load_data(tmp_path)
    assert load_data(tmp_path, labels="folders").num_classes == 20
    assert load_data(write(tmp_path / "few", *(f"{number}/1.png" for number in range(19)))).num_classes == 19


def test_images_are_what_the_decoder_reads(tmp_path):
    formats = {"JPEG": ["a.jpg", "b.JPEG", "c.jfif", "d", "e.jpg.bak", "f.heic"], "PNG": ["g.Png", "h.jpg"], "TIFF": ["i.TIF"]}
    formats |= {"AVIF": ["j.avif"], "WEBP": ["k.WebP"], "BMP": ["l.bmp", "m.dat"], "JPEG2000": ["n.jp2"], "GIF": ["o.gif"]}
    for name in ("cat", "dog"):
        for file_format, files in formats.items():
            for file in files:
                write(tmp_path, f"{name}/{file}", content=image(0, file_format))
        write(tmp_path, f"{name}/x.txt", f"{name}/a.jpg.json", f"{name}/BMW", content=b"BM is no image")
        write(tmp_path, f"{name}/x.svg", content=b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    data = load_data(tmp_path)
    assert len(data) == 2 * sum(map(len, formats.values()))
    assert left_out(data) == {
        "not an image (.txt)": ["cat/x.txt", "dog/x.txt"],
        "not an image (no extension)": ["cat/BMW", "dog/BMW"],
        "side file of an image (.jpg.json)": ["cat/a.jpg.json", "dog/a.jpg.json"],
        "SVG is a vector format; convert to PNG": ["cat/x.svg", "dog/x.svg"],
    }
    (note,) = (note for note in data.source.notes if "SVG" in note)
    assert note.startswith("2 files that look like images were left out: ")


def test_hidden_files_odd_class_names_links_and_archives(tmp_path):
    write(tmp_path, "__unknown__/1.png", "cat/1.png", "cat/._1.png", "cat/Thumbs.db", ".hidden/1.png")
    write(tmp_path, "backup.zip", content=b"PK")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "gone.png").symlink_to("nowhere.png")
    data = load_data(tmp_path)
    assert given_classes(data) == {"__unknown__/1.png": "__unknown__", "cat/1.png": "cat"}
    assert left_out(data) == {
        "hidden or system file": [".hidden/1.png", "cat/._1.png", "cat/Thumbs.db"],
        "archive that is not unpacked": ["backup.zip"],
        "broken link": ["cat/gone.png"],
    }
    assert data.source.notes == (
        "These folders contain no readable image: empty (no files).",
        "Folders whose names start with a dot are skipped: .hidden (1 image); rename them if they are classes.",
        "1 file that looks like an image was left out: broken link (cat/gone.png).",
        "1 archive was left out (backup.zip); if it holds images of the dataset, unpack it.",
    )


def test_class_names_that_look_alike(tmp_path):
    data = load_data(write(tmp_path, "Cat/1.png", "cat/1.png", "dog /1.png"))
    assert data.source.notes == (
        "The classes 'Cat' and 'cat' have nearly equal names; if they are one class, give them the same name.",
    )


def test_the_account_is_told_before_training(tmp_path, caplog):
    write(tmp_path, *TWO, "notes.txt")
    (tmp_path / "notes.txt").write_text("hello")
    with caplog.at_level("INFO", logger="curv_issues"):
        load_data(tmp_path)
    assert caplog.messages == [
        "files: 5 found, 4 read, 1 left out: 1 not an image (.txt) (notes.txt).",
        "labels: folder names, level 1.",
    ]


class TestTables:
    def test_metadata_at_the_root_serves_all_splits(self, tmp_path):
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

    def test_metadata_in_each_split(self, tmp_path):
        write(tmp_path, "train/1.png", "train/2.png", "test/1.png")
        write_csv(tmp_path / "train" / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", "b"))
        write_csv(tmp_path / "test" / "metadata.csv", ("file_name", "label"), ("1.png", "c"))
        assert given_classes(load_data(tmp_path)) == {"train/1.png": "a", "train/2.png": "b"}
        assert given_classes(load_data(tmp_path, split="test")) == {"test/1.png": "c"}

    @pytest.mark.parametrize("names", [("None", "NA"), ("null", "NaN"), ("007", "012"), ("1e3", "2e3"), ("True", "False")])
    def test_text_stays_text(self, tmp_path, names):
        write(tmp_path, "1.png", "2.png", "3.png", "4.png")
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *((f"{row}.png", names[row % 2]) for row in (1, 2, 3, 4)))
        data = load_data(tmp_path)
        assert Counter(given_classes(data).values()) == dict.fromkeys(names, 2)

    def test_numbers_are_sorted_as_numbers(self, tmp_path):
        write(tmp_path, "1.png", "2.png", "3.png")
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "10"), ("2.png", "2"), ("3.png", "1"))
        assert load_data(tmp_path).class_names == ("1", "2", "10")

    def test_class_folders_win_over_a_table_without_labels(self, tmp_path):
        write(tmp_path, *TWO)
        write_csv(tmp_path / "metadata.csv", ("file_name", "camera"), *((path, "canon") for path in TWO))
        assert load_data(tmp_path).class_names == ("cat", "dog")
        assert load_data(tmp_path, label_column="camera").class_names == ("canon",)

    def test_a_table_that_contradicts_the_folders_is_noted(self, tmp_path):
        write(tmp_path, *TWO)
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *((path, "cat" if "1" in path else "dog") for path in TWO))
        data = load_data(tmp_path)
        assert given_classes(data)["dog/1.png"] == "cat"
        assert any("for 2 of 4 images they differ from the folder name" in note for note in data.source.notes)
        assert given_classes(load_data(tmp_path, labels="folders"))["dog/1.png"] == "dog"

    def test_images_and_rows_that_do_not_meet_are_counted(self, tmp_path):
        write(tmp_path, "1.png", "2.png", "3.png")
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", "b"), ("9.png", "a"))
        data = load_data(tmp_path)
        assert given_classes(data) == {"1.png": "a", "2.png": "b"}
        assert left_out(data)["not in the table of labels"] == ["3.png"]
        assert "1 file that looks like an image was left out: not in the table of labels (3.png)." in data.source.notes
        assert "1 row of metadata.csv without an image in the folder: 9.png." in data.source.notes

    def test_an_empty_cell_is_a_missing_label(self, tmp_path):
        write(tmp_path, "1.png", "2.png", "3.png")
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", ""), ("3.png", "b"))
        with pytest.raises(DatasetError, match=r"^1 of 3 samples have no label in column 'label' of metadata\.csv \(row 1\)"):
            load_data(tmp_path)
        data = load_data(tmp_path, skip_unlabelled=True)
        assert (data.source.num_unlabelled, data.rows.tolist()) == (1, [0, 2])
        assert left_out(data)["no label"] == ["2.png"]
        sampled = load_data(tmp_path, skip_unlabelled=True, max_samples=1)
        assert left_out(sampled)["no label"] == ["2.png"]
        assert left_out(sampled)["not in the sample"] == [path for path in ("1.png", "3.png") if path not in sampled.paths]

    @pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "utf-8")])
    def test_a_table_of_the_user(self, tmp_path, separator, encoding):
        photos = write(tmp_path / "photos", *TWO)
        table = tmp_path / "mine.csv"
        write_csv(
            table,
            ("id", "Datei", "Tier"),
            *((str(i), path, "xy"[i % 2]) for i, path in enumerate(TWO)),
            separator=separator,
            encoding=encoding,
        )
        data = load_data(photos, labels=table, file_column="Datei", label_column="Tier")
        assert given_classes(data) == {"cat/1.png": "x", "cat/2.png": "y", "dog/1.png": "x", "dog/2.png": "y"}
        assert data.source.label_origin == f"column 'Tier' of {table}"

    def test_text_of_one_table_makes_all_labels_text(self, tmp_path):
        write(tmp_path, "a/1.png", "a/2.png", "b/1.png", "b/2.png")
        rows = [("a/1.png", "1"), ("a/2.png", "2"), ("b/2.png", "2")]
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), *rows)
        write_csv(tmp_path / "b" / "metadata.csv", ("file_name", "label"), ("1.png", "x"), ("2.png", "2"))
        assert given_classes(load_data(tmp_path)) == {"a/1.png": "1", "a/2.png": "2", "b/1.png": "x", "b/2.png": "2"}

    def test_tables_that_contradict_each_other_are_refused(self, tmp_path):
        write(tmp_path, "1.png", "2.png")
        write_csv(tmp_path / "metadata.csv", ("file_name", "label"), ("1.png", "a"), ("2.png", "b"))
        (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "b"}\n')
        with pytest.raises(DatasetError, match=r"^metadata\.jsonl contradicts metadata\.csv: it labels 1\.png as 'b', not as 'a'"):
            load_data(tmp_path)

    def test_tables_without_labels_say_nothing_beside_one_with(self, tmp_path):
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

    def test_a_split_without_class_folders(self, tmp_path):
        write(tmp_path, "Train/cat/1.png", "Train/dog/2.png", "Test/3.png")
        with pytest.raises(DatasetError, match=r"^The images of split 'test' of .* have no labels: they are not in class folders;"):
            load_data(tmp_path, split="test")

    def test_a_split_without_labels(self, tmp_path):
        write(tmp_path, "train/1.png", "train/2.png", "test/3.png", "test/4.png")
        write_csv(tmp_path / "test" / "metadata.csv", ("file_name", "label"), ("3.png", "a"), ("4.png", "b"))
        with pytest.raises(DatasetError, match=r"is empty; .* The tables of labels list no image of the split 'train'\.$"):
            load_data(tmp_path)
        assert given_classes(load_data(tmp_path, split="test")) == {"test/3.png": "a", "test/4.png": "b"}

    def test_empty_text_is_no_label_in_any_format(self, tmp_path):
        write(tmp_path, "1.png", "2.png", "3.png")
        lines = [f'{{"file_name": "{number}.png", "label": "{label}"}}' for number, label in ((1, "a"), (2, ""), (3, "b"))]
        (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
        data = load_data(tmp_path, skip_unlabelled=True)
        assert (data.class_names, data.source.num_unlabelled) == (("a", "b"), 1)

    def test_a_label_column_that_no_table_has(self, tmp_path):
        write(tmp_path, *TWO)
        with pytest.raises(
            DatasetError, match=r"need a table of labels with column 'nope' \(--label-column, label_column\), but there is none;"
        ):
            load_data(tmp_path, label_column="nope")

    def test_a_table_of_a_folder_without_images_is_passed_over(self, tmp_path):
        write(tmp_path, *TWO)
        write_csv(tmp_path / "meta" / "metadata.csv", ("file_name", "label"), ("x.png", "a"))
        data = load_data(tmp_path)
        assert data.class_names == ("cat", "dog")
        assert left_out(data) == {"table of labels": ["meta/metadata.csv"]}

    @pytest.mark.parametrize("option", ["file_column", "label_column"])
    def test_columns_of_tables_that_are_not_read(self, tmp_path, option):
        write(tmp_path, *TWO)
        for labels in ({"labels": "folders"}, {"class_level": 1}):
            with pytest.raises(UsageError, match=r"_column\) is for tables of labels; the labels are folder names\.$"):
                load_data(tmp_path, **labels, **{option: "x"})
        with pytest.raises((DatasetError, UsageError), match=f"--{option[:-7]}-column"):
            load_data(tmp_path, **{option: "x"})


def test_options_of_folders_go_with_nothing_else(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for options, flag in (
        ({"splits": True}, "--splits/--no-splits"),
        ({"class_level": 1}, "--class-level"),
        ({"labels": "folders"}, "--labels"),
        ({"file_column": "x"}, "--file-column"),
    ):
        with pytest.raises(UsageError, match=rf"^{flag} .* is for folders of image files; this is parquet files\.$"):
            load_data(tmp_path / "a.parquet", **options)


FOLDERS = st.lists(st.sampled_from(["train", "test", "cat", "dog", "images", ".git", "meta", "val"]), max_size=3)
FILES = st.sampled_from(["1.png", "2.JPG", "a", "x.txt", "1.png.json", "b.zip", ".DS_Store", "c.parquet", "gone", "train.png"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(FOLDERS, FILES), min_size=1, max_size=14), st.sampled_from([None, True, False]), st.sampled_from([None, 2])
)
def test_every_file_of_a_random_tree_is_read_or_left_out_once(tmp_path_factory, places, splits, class_level):
    root = tmp_path_factory.mktemp("tree")
    for folders, name in places:
        path = root.joinpath(*folders, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "gone":
            path.is_symlink() or path.symlink_to("nowhere")
        else:
            path.write_bytes(image(0) if name[-3:] in ("png", "JPG") or name == "a" else b"text")
    there = sorted(os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names)
    try:
        data = load_data(root, splits=splits, class_level=class_level, split="all", resolution=8)
    except (DatasetError, UsageError):
        return
    account = data.source.files
    assert account.found == len(there)
    assert account.read == len(data)
    assert sorted([*data.paths, *(file.path for file in account.left_out)]) == there


def test_the_table_to_look_into_is_not_the_submission_of_a_contest(tmp_path):
    write(tmp_path, "train/1.png", "train/2.png")
    (tmp_path / "sample_submission.csv").write_text("id,label\n3,x\n")
    (tmp_path / "train.csv").write_text("id,label\n1,x\n2,y\n")
    with pytest.raises(DatasetError, match=r"--labels \S*train\.csv\.$"):
        load_data(tmp_path)


def test_files_found_by_their_name_alone_get_a_note(tmp_path):
    write(tmp_path / "flat", "0.png", "1.png", "2.png")
    (tmp_path / "labels.csv").write_text("file,label\ntrain/cat/0.png,a\ntrain/cat/1.png,b\ntrain/dog/2.png,b\n")
    data = load_data(tmp_path / "flat", labels=str(tmp_path / "labels.csv"))
    assert any(note.endswith("by file names (column 'file').") for note in data.source.notes)


def test_a_column_of_file_names_that_is_not_used_gets_a_note(tmp_path):
    write(tmp_path, "0.png", "1.png", "2.png")
    (tmp_path / "l.csv").write_text("id,image,label\n0,upload/x2,a\n1,upload/x1,b\n2,upload/x0,b\n")
    notes = load_data(tmp_path, labels=str(tmp_path / "l.csv")).source.notes
    assert any("by column 'id', because column 'image' matches fewer of them" in note for note in notes)
