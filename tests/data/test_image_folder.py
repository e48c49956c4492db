"""Common layouts of image folders: classes, images read, files left out and why."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.data.folders import PETS, given_classes, image, left_out, write


def test_class_folders(tmp_path):
    data = load_data(write(tmp_path, *PETS))
    assert given_classes(data) == {path: path[:3] for path in PETS}
    assert data.source.label_origin == "folder names, level 1"
    assert (data.source.split, data.source.image_column, data.source.label_column) == (None, "image", "label")
    assert data.source.files.describe() == {"found": 4, "read": 4, "left_out": {}}
    assert data.source.notes == ()


def test_split_words_in_file_names_are_ignored(tmp_path):
    paths = ("cat/toy-train-1.png", "cat/2.png", "dog/test.png", "dog/eval_1.png")
    assert load_data(write(tmp_path, *paths)).paths.tolist() == sorted(paths)


def test_splits_and_files_of_other_splits(tmp_path):
    write(tmp_path, *(f"{split}/{path}" for split in ("Train", "val") for path in PETS))
    data = load_data(tmp_path)
    assert data.paths.tolist() == [f"Train/{path}" for path in PETS]
    assert (data.source.split, set(data.splits)) == ("train", {"train"})
    assert left_out(data) == {"in another split (validation)": [f"val/{path}" for path in PETS]}
    assert load_data(tmp_path, split="val").source.split == load_data(tmp_path, split="validation").source.split == "validation"
    assert load_data(tmp_path, split="DEV[:1]").source.split == "validation[:1]"
    both = load_data(tmp_path, split="val+train[:1]")
    assert both.paths.tolist() == [*(f"val/{path}" for path in PETS), "Train/cat/1.png"]
    assert left_out(both) == {"not in validation+train[:1]": [f"Train/{path}" for path in PETS[1:]]}
    assert load_data(tmp_path, splits=False).class_names == ("Train", "val")


def test_folders_beside_the_splits_get_one_note(tmp_path):
    write(tmp_path, *(f"{split}/{path}" for split in ("train", "test") for path in PETS), "extra/cat/1.png", "logo.png")
    data = load_data(tmp_path)
    assert left_out(data)["in a folder beside the splits"] == ["extra/cat/1.png"]
    note, stray = data.source.notes
    assert stray == "1 file that looks like an image was left out: not in a class folder (logo.png)."
    assert note.startswith("1 image left out: extra, beside the splits test, train; use --no-splits")


def test_splits_without_a_common_class_are_not_joined(tmp_path):
    write(tmp_path, *(f"train/{path}" for path in PETS), "val/images/1.png")  # Tiny-ImageNet
    data = load_data(tmp_path)
    assert data.class_names == ("cat", "dog")
    assert "The splits train (cat, dog) and validation (images) have no class in common." in data.source.notes
    with pytest.raises(DatasetError, match=r"^The splits 'train' and 'validation' have no class in common \(cat, dog; images\)"):
        load_data(tmp_path, split="train+val")


def test_class_levels(tmp_path):
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


def test_layouts_of_downloaded_datasets(tmp_path):
    food = write(tmp_path / "food", *(f"images/{path}" for path in PETS))
    write(food, "meta/train.txt", "meta/classes.txt", content=b"cat/1\n")
    data = load_data(food)
    assert data.class_names == ("cat", "dog")
    assert left_out(data) == {"not an image (.txt)": ["meta/classes.txt", "meta/train.txt"]}
    assert "These folders contain no readable image: meta (.txt)." in data.source.notes

    tiny = write(tmp_path / "tiny", *(f"train/{name}/images/{number}.JPEG" for name in ("n01", "n02") for number in range(2)))
    assert load_data(tiny).class_names == ("n01", "n02")

    stray = load_data(write(tmp_path / "stray", *PETS, "preview.png"))
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
def test_folders_without_labels_or_images_give_advice(tmp_path, paths, others, expected):
    write(tmp_path, *paths)
    for path, content in others.items():
        write(tmp_path, path, content=content)
    with pytest.raises(DatasetError, match=expected):
        load_data(tmp_path)


def test_folders_with_one_image_each_are_not_classes(tmp_path):
    write(tmp_path, *(f"patient {number}/scan.png" for number in range(20)))
    with pytest.raises(DatasetError, match=r"^The 20 images of .* are in 20 folders \(patient 0, .* --labels folders"):
        load_data(tmp_path)
    assert load_data(tmp_path, labels="folders").num_classes == 20
    assert load_data(write(tmp_path / "few", *(f"{number}/1.png" for number in range(19)))).num_classes == 19


def test_images_are_recognised_by_content(tmp_path):
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


def test_hidden_files_unusual_class_names_links_and_archives(tmp_path):
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


def test_nearly_equal_class_names_are_noted(tmp_path):
    data = load_data(write(tmp_path, "Cat/1.png", "cat/1.png", "dog /1.png"))
    assert data.source.notes == (
        "The classes 'Cat' and 'cat' have nearly equal names; if they are one class, give them the same name.",
    )


def test_file_account_is_logged(tmp_path, caplog):
    write(tmp_path, *PETS, "notes.txt")
    (tmp_path / "notes.txt").write_text("hello")
    with caplog.at_level("INFO", logger="curv_issues"):
        load_data(tmp_path)
    assert caplog.messages == [
        "files: 5 found, 4 read, 1 left out: 1 not an image (.txt) (notes.txt).",
        "labels: folder names, level 1.",
    ]


def test_folder_options_are_refused_for_other_sources(tmp_path):
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
