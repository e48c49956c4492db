from __future__ import annotations

import posixpath
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.data.label_table import LabelTable, read_table
from curv_issues.data.loading import load_data
from curv_issues.data.table_matching import Matched, column_of_files, labels_of_images, match_rows
from curv_issues.errors import DatasetError
from curv_issues.noise.label_file import labels_from_file
from tests.data.images import write_image_folder

ROOT = Path("/data/photos")
PATHS = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"]


def table_of(
    files: Sequence[Any], labels: Sequence[Any] | None = None, *, folder: Path | None = ROOT, **more: list[Any]
) -> LabelTable:
    columns = {"file": list(files), "label": list(labels or ["x"] * len(files)), **more}
    return LabelTable("labels.csv", columns, is_text=True, folder=folder, lines=range(2, len(files) + 2))


def match(files: Sequence[Any], paths: Sequence[str] = PATHS, *, root: Path = ROOT, folder: Path | None = ROOT) -> Matched:
    return match_rows(table_of(files, folder=folder), paths, root=root)


def refused(table: LabelTable, paths: Sequence[str] = PATHS, *, root: Path = ROOT, file_column: str | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        match_rows(table, paths, root=root, file_column=file_column)
    return str(caught.value)


@pytest.mark.parametrize(
    ("files", "folder", "mode"),
    [
        (["1.jpg", "2.jpg"], ROOT / "cat", "paths relative to the folder of the table"),
        (["photos/cat/1.jpg", "photos/cat/2.jpg"], ROOT.parent, "paths relative to the folder of the table"),
        (["../photos/cat/1.jpg", "../photos/cat/2.jpg"], Path("/data/tables"), "paths relative to the folder of the table"),
        (["cat/1.jpg", "./cat//2.jpg"], Path("/elsewhere"), "paths relative to the folder of the dataset"),
        (["cat\\1.jpg", ".\\cat\\2.jpg"], None, "paths relative to the folder of the dataset"),
        (["/data/photos/cat/1.jpg", "/data/photos/cat/2.jpg"], None, "absolute paths"),
        (["C:\\images\\cat\\1.jpg", "C:\\images\\cat\\2.jpg"], None, "paths below C:/images"),
        (["/home/ann/a/cat/1.jpg", "/home/ann/a/cat/2.jpg"], None, "paths below /home/ann/a"),
        (["1.jpg", "2.jpg"], None, "ends of image paths"),
        (["cat/1", "cat/2"], None, "paths relative to the folder of the dataset without file extension"),
        (["1", "2"], None, "ends of image paths without file extension"),
        ([1, 2], None, "ends of image paths without file extension"),
        (["images/cat/1", "images/cat/2"], None, "paths below images without file extension"),
    ],
)
def test_matching_modes(files: list[Any], folder: Path | None, mode: str) -> None:
    found = match([*files, "other/9.jpg"], folder=folder)
    assert found.row_of_image.tolist() == [0, 1, -1, -1]
    assert found.rows_without_image == ["other/9.jpg"]
    assert (found.file_column, found.mode, found.repeated_rows) == ("file", mode, [])


def test_images_moved_into_one_folder_match_by_name() -> None:
    found = match(["train/1.jpg", "val/2.jpg"], ["1.jpg", "2.jpg"])
    assert (found.row_of_image.tolist(), found.mode) == ([0, 1], "file names")


def test_a_path_in_another_folder_is_another_image() -> None:
    files = ["cat/1.jpg", "dog/5.jpg", "eel/6.jpg"]
    assert match(files, ["cat/1.jpg", "5.jpg", "6.jpg"]).row_of_image.tolist() == [0, -1, -1]
    assert match(
        ["train/cat/1.jpg", "test/cat/1.jpg"], ["cat/1.jpg"], root=Path("/data/test"), folder=None
    ).row_of_image.tolist() == [1]


def test_paths_to_another_existing_folder_do_not_match(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "train").mkdir()
    for files in (["test/cat/1.jpg"], [f"{tmp_path}/test/cat/1.jpg"]):
        message = refused(table_of(files, folder=tmp_path), ["cat/1.jpg"], root=tmp_path / "train")
        assert message.startswith("No column of labels.csv names the images")
        assert match(files, ["cat/1.jpg"], root=tmp_path / "test", folder=tmp_path).row_of_image.tolist() == [0]


def test_images_in_one_folder_match_by_name() -> None:
    files = ["/content/drive/x/1.jpg", "/content/drive/x/2.jpg"]
    found = match(files, ["images/2.jpg", "images/1.jpg"])
    assert (found.row_of_image.tolist(), found.mode) == ([1, 0], "file names")
    assert refused(table_of(files), ["images/2.jpg", "photos/1.jpg"]).startswith("No column of labels.csv names the images")
    assert refused(table_of(["train/1.jpg"]), ["test/1.jpg"]).startswith("No column of labels.csv names the images")


def test_table_separated_by_spaces_is_refused() -> None:
    table = LabelTable("x.csv", {"#Image label": ["1.jpg 0"]}, is_text=True)
    assert refused(table) == (
        "x.csv has only one column, '#Image label'; if spaces separate its columns, use commas instead, and add a first line "
        "such as file,label."
    )


def test_paths_through_links_to_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for folder in (tmp_path / "real", tmp_path / "link"):
        for root in (tmp_path / "real", tmp_path / "link"):
            assert match([f"{folder}/1.jpg"], ["1.jpg"], root=root, folder=None).mode == "absolute paths"
            assert match(["1.jpg"], ["1.jpg"], root=root, folder=folder).mode == "paths relative to the folder of the table"


def test_exact_spelling_wins() -> None:
    found = match(["A.jpg", "a.jpg", "B.JPG", "caf\u00e9.jpg ", "a%20b.jpg"], ["a.jpg", "b.jpg", "cafe\u0301.jpg", "a b.jpg"])
    assert found.row_of_image.tolist() == [1, 2, 3, -1]
    assert found.rows_without_image == ["A.jpg", "a%20b.jpg"]
    assert found.mode == "paths relative to the folder of the table (1 of them only when ignoring case)"
    assert match(["A.JPG", "b.jpg"], ["a.jpg", "a.Jpg", "b.jpg"]).row_of_image.tolist() == [-1, -1, 1]


def test_rows_that_repeat_an_image() -> None:
    table = table_of(["cat/1.jpg", "cat/2.jpg", "./cat/1.jpg", ""], ["a", "b", "a", "c"])
    found = match_rows(table, PATHS, root=ROOT)
    assert found.repeated_rows == [(0, 2)]
    assert found.rows_without_image == ["(empty)"]
    assert labels_of_images(table, found) == ["a", "b", None, None]
    other = table_of(["cat/1.jpg", "cat/2.jpg", "./cat/1.jpg"], ["a", "b", "c"])
    with pytest.raises(DatasetError) as caught:
        match_rows(other, PATHS, root=ROOT)
    assert str(caught.value) == "labels.csv has two labels for cat/1.jpg: 'a' in line 2 and 'c' in line 4; remove one."
    message = refused(table_of(["siteA/1.jpg", "siteB/1.jpg"], ["a", "b"]), ["1.jpg"])
    assert message.startswith(
        "labels.csv has two labels for one image, which both siteA/1.jpg (line 2) and siteB/1.jpg (line 3) match:"
    )


def test_integer_text_becomes_integers_in_text_tables_only() -> None:
    table = table_of(["cat/1.jpg", "cat/2.jpg"], ["10", "2"])
    assert labels_of_images(table, match_rows(table, PATHS, root=ROOT)) == [10, 2, None, None]
    typed = LabelTable("labels.json", table.columns, is_text=False)
    assert labels_of_images(typed, match_rows(typed, PATHS, root=ROOT)) == ["10", "2", None, None]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"id": ["1", "2", "3", "4"], "image_name": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]}, "image_name"),
        ({"file": ["new1", "new2", "new3", "4.jpg"], "id": ["1", "2", "3", "4"]}, "id"),  # it matches more
        ({"Filename": ["9.jpg", "8.jpg", "7.jpg", "1.jpg"], "where": ["x"] * 4}, "Filename"),  # a few suffice
        ({"where": ["9.jpg", "8.jpg", "2.jpg", "1.jpg"]}, "where"),
        ({"label": ["1", "2", "3", "4"], "Image Path": PATHS}, "Image Path"),
    ],
)
def test_file_column(columns: dict[str, list[Any]], expected: str) -> None:
    table = LabelTable("labels.csv", {"label": ["x"] * 4, **columns}, is_text=True)
    assert match_rows(table, PATHS, root=ROOT).file_column == expected


def test_file_column_may_be_chosen() -> None:
    table = table_of(PATHS, old=list(reversed(PATHS)))
    found = match_rows(table, PATHS, root=ROOT, file_column="old", label_column="file")
    assert found.row_of_image.tolist() == [3, 2, 1, 0]
    assert (found.file_column, found.label_column) == ("old", "file")
    assert match_rows(table, PATHS, root=ROOT, label_column="file").file_column == "old"


def test_numbers_that_match_file_names_by_chance() -> None:
    table = LabelTable("labels.csv", {"score": ["1", "9", "8", "7"], "label": ["1", "2", "3", "4"]}, is_text=True)
    assert refused(table) == (
        "No column of labels.csv names the images: 'score' holds 1, 9, 8, but the images are cat/1.jpg, cat/2.jpg, dog/3.jpg; "
        "choose the column with --file-column (file_column), one of: score, label."
    )


def test_tables_that_do_not_match_are_refused() -> None:
    assert refused(table_of(["a.jpg", "", "b.jpg"]), file_column="file") == (
        "Column 'file' of labels.csv does not name the images: 'file' holds a.jpg, b.jpg, but the images are cat/1.jpg, cat/2.jpg, "
        "dog/3.jpg; choose another column with --file-column (file_column), one of: file, label."
    )
    assert refused(table_of(["a.jpg"]), file_column="x") == (
        "labels.csv has no column 'x' (--file-column, file_column); its columns are: file, label."
    )
    assert refused(LabelTable("x.jsonl", {"label": ["a"], "size": [[1]]}, is_text=False)) == (
        "x.jsonl has no column that names images; its columns are: label, size."
    )
    assert refused(table_of(["a.jpg"]), []).startswith(
        "No column of labels.csv names the images: 'file' holds a.jpg, but the images are none;"
    )


def test_value_that_matches_several_images_is_refused() -> None:
    assert refused(table_of(["1.jpg", "2.jpg"], folder=None), ["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"]) == (
        "Column 'file' in line 2 of labels.csv is '1.jpg', which matches several images: cat/1.jpg and dog/1.jpg; "
        "expected their paths relative to /data/photos, or a folder with only the images of this table."
    )
    assert "matches several images: a.jpg and a.png" in refused(table_of(["a"]), ["a.jpg", "a.png"])


@pytest.mark.parametrize("first", ["cat/1.jpg", "1.jpg", "cat/1", "missing.JPG"])
def test_a_table_without_a_header(first: str) -> None:
    table = LabelTable("list.txt", {first: PATHS[1:], "cat": ["cat", "dog", "dog"]}, is_text=True)
    assert refused(table) == f"list.txt has no header: its first line names the image {first}. Add a first line such as file,label."


@pytest.mark.parametrize(("first", "label"), [("1", "1"), ("2.jpg", "0")])
def test_a_table_of_numbers_without_a_header(tmp_path: Path, first: str, label: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{first},{label}\n3,0\n4,1\n5,1\n")
    with pytest.raises(DatasetError, match=rf"has no header: its first line names the image {first}\."):
        match_rows(read_table(path), [f"{number}.jpg" for number in range(6)], root=tmp_path)


@pytest.mark.parametrize("first", ["gs://bucket/9.jpg", "other/9.jpeg"])
def test_a_table_of_other_images_without_a_header(first: str) -> None:
    table = LabelTable("x.csv", {"TRAIN": ["TRAIN", "TEST"], first: ["gs://bucket/7.jpg", "gs://bucket/8.jpg"]}, is_text=True)
    assert refused(table) == f"x.csv has no header: its first line holds {first}. Add a first line such as file,label."


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/data/upload/12/0a1b2c3d-1.jpg", ["1.jpg", "other.jpg"]),
        ("/data/upload/12/0a1b2c3d-1.jpg", ["0a1b2c3d-1.jpg", "1.jpg"]),
        ("/data/upload/12/0a1b2c3d-1.jpg", ["media/upload/12/0a1b2c3d-1.jpg", "media/x/1.jpg"]),
        ("/data/local-files/?d=photos/cat/2.jpg", ["cat/2.jpg", "dog/2.jpg"]),
    ],
)
def test_paths_of_label_studio(text: str, paths: list[str]) -> None:
    assert match_rows(table_of([text], folder=None), paths, root=ROOT).row_of_image.tolist() == [0, -1]


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/\\"), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
TREES = st.lists(st.tuples(st.lists(NAMES, max_size=2), NAMES, st.sampled_from([".jpg", ".PNG", ""])), min_size=1, max_size=12)


def _folded(path: str) -> str:
    """Fold names that may be confused: they differ only in outer spaces, Unicode normalisation or case."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.strip()).casefold())
    return posixpath.normpath(unicodedata.normalize("NFC", folded.strip()))


@given(TREES, st.randoms(use_true_random=False), st.sampled_from(["{}", "./{}", "/data/photos/{}", "/else/where/{}"]))
def test_a_shuffled_table_gives_the_same_labels(tree: list[tuple[list[str], str, str]], chance: random.Random, form: str) -> None:
    paths = list({_folded(path): path for path in ("/".join([*folders, name + ending]) for folders, name, ending in tree)}.values())
    rows = [(form.format(path), f"label {number}") for number, path in enumerate(paths)]
    chance.shuffle(rows)
    table = table_of([file for file, _ in rows], [label for _, label in rows])
    found = match_rows(table, paths, root=ROOT)
    assert labels_of_images(table, found) == [f"label {number}" for number in range(len(paths))]
    assert found.rows_without_image == []


@given(TREES, st.randoms(use_true_random=False), st.sampled_from(["name", "stem", "path"]))
def test_no_label_goes_to_another_image(tree: list[tuple[list[str], str, str]], chance: random.Random, form: str) -> None:
    """For any table, each image has its own label, no label, or the table is refused."""
    paths = list(dict.fromkeys("/".join([*folders, name + ending]) for folders, name, ending in tree))
    texts = {"path": paths, "name": list(map(posixpath.basename, paths)), "stem": [posixpath.splitext(path)[0] for path in paths]}[
        form
    ]
    listed = [number for number in range(len(paths)) if chance.random() < 0.8]
    chance.shuffle(listed)
    table = table_of([texts[number] for number in listed], [texts[number] for number in listed])
    try:
        labels = labels_of_images(table, match_rows(table, paths, root=ROOT))
    except DatasetError:
        return
    for path, label in zip(paths, labels, strict=True):
        if label is not None:
            known = {_folded(text) for text in (path, posixpath.basename(path), posixpath.splitext(path)[0])}
            assert _folded(str(label)) in known | {posixpath.splitext(name)[0] for name in known} | {
                _folded(posixpath.splitext(posixpath.basename(path))[0])
            }


def test_column_of_files() -> None:
    assert column_of_files(table_of(["a.jpg"])) == "file"
    assert column_of_files(table_of(["a.jpg"]), besides="file") is None
    assert column_of_files(LabelTable("x", {"id": ["1"], "label": ["a"], "image": [{}]}, is_text=False)) is None


@pytest.mark.parametrize("header", ["file,label,label", "file,label,label,class", "file, label ,LABEL,class"])
def test_label_columns_with_the_same_name_are_refused(tmp_path: Path, header: str) -> None:
    write_image_folder(tmp_path, {"cat": 2, "dog": 2})
    rows = [f"{label}/{number}.png,a,b{',c' * header.count('class')}" for label in ("cat", "dog") for number in range(2)]
    (tmp_path / "metadata.csv").write_text("\n".join([header, *rows]))
    with pytest.raises(DatasetError, match=r"^metadata\.csv has several label columns: .* choose one with --label-column"):
        load_data(tmp_path)


def test_file_columns_with_the_same_name_are_refused(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {".": 4})
    rows = [f"{number}.png,{3 - number}.png,{label}" for number, label in enumerate("aabb")]
    (tmp_path / "metadata.csv").write_text("\n".join(["file,file,label", *rows]))
    with pytest.raises(DatasetError, match=r"^metadata\.csv has several columns named 'file' \(file \(column 1\); file \(col"):
        load_data(tmp_path)
    data = load_data(tmp_path, file_column="file (column 2)")
    assert [data.class_names[label] for label in data.labels] == ["b", "b", "a", "a"]
    with pytest.raises(DatasetError, match="has several columns named 'file'"):
        labels_from_file(data, tmp_path / "metadata.csv", "label")


@pytest.mark.parametrize("columns", [{}, {"file": [], "label": []}])
def test_a_table_without_rows(columns: dict[str, list[Any]]) -> None:
    assert refused(LabelTable("labels.csv", columns, is_text=True)) == (
        f"labels.csv has no rows (its columns are: {', '.join(columns) or 'none'}); expected one row per image, with its file and "
        "label."
    )


NUMBERED = [f"{number}.jpg" for number in range(6)]


def match_columns(columns: dict[str, list[Any]], paths: Sequence[str], *, root: str = "/data/photos") -> Matched:
    length = len(next(iter(columns.values())))
    return match_rows(LabelTable("labels.csv", columns, is_text=False, folder=None, lines=range(2, length + 2)), paths, root=root)


@pytest.mark.parametrize("column", ["", "id", "row", "image_id"])
def test_row_numbers_do_not_win_over_file_names(column: str) -> None:
    """The numbers are also the stems of the images, in another order."""
    found = match_columns({column: list(range(6)), "photo": NUMBERED[::-1], "label": list("aabaab")}, NUMBERED)
    assert (found.file_column, found.row_of_image.tolist()) == ("photo", [5, 4, 3, 2, 1, 0])


def test_file_name_column_wins_even_if_it_matches_fewer_images() -> None:
    names = ["gone.jpg", *NUMBERED[4::-1]]
    found = match_columns({"index": list(range(6)), "file_name": names, "label": list("aabaab")}, NUMBERED)
    assert (found.file_column, found.rows_without_image) == ("file_name", ["gone.jpg"])
    found = match_columns({"index": list(range(6)), "photo": names, "label": list("aabaab")}, NUMBERED)
    assert (found.file_column, found.rows_without_image) == ("photo", ["gone.jpg"])


def test_columns_that_match_different_images_are_refused() -> None:
    with pytest.raises(
        DatasetError, match=r"^Two columns of labels\.csv name images, but different ones: 'before' and 'after'; choose"
    ):
        match_columns({"before": NUMBERED, "after": NUMBERED[::-1], "label": list("aabaab")}, NUMBERED)
    assert match_columns({"mask": NUMBERED[::-1], "image": NUMBERED, "label": list("aabaab")}, NUMBERED).file_column == "image"
    assert match_columns({"a": NUMBERED, "b": NUMBERED, "label": list("aabaab")}, NUMBERED).file_column == "a"


def test_numbers_that_match_several_images_are_refused() -> None:
    paths = [f"{number}.{ending}" for number in range(3) for ending in ("jpg", "png")]
    with pytest.raises(DatasetError, match=r"matches several images: 0\.jpg and 0\.png;"):
        match_columns({"id": [0, 1, 2], "label": list("aab")}, paths)


def test_paths_of_another_split_do_not_match() -> None:
    rows = {"file": [f"train/{name}" for name in NUMBERED], "label": list("aabaab")}
    with pytest.raises(DatasetError, match=r"^No column of labels\.csv names the images"):
        match_columns(rows, NUMBERED, root="/data/test")
    assert match_columns(rows, NUMBERED, root="/data/photos").row_of_image.tolist() == list(range(6))
    assert match_columns(rows, NUMBERED, root="/data/Train").row_of_image.tolist() == list(range(6))


@pytest.mark.parametrize("column", ["original", "url", "image"])
def test_numbers_are_not_used_beside_a_column_of_file_names(column: str) -> None:
    """The names are of other files, and the row numbers match the images by chance."""
    names = [f"{number}.png" for number in (5, 3, 1, 0, 2, 4)]
    with pytest.raises(DatasetError, match=rf"^Column '{column}' of labels\.csv holds names of image files \(5\.png, 3"):
        match_columns({"": list(range(6)), column: names, "label": list("aabaab")}, NUMBERED)
    table = LabelTable("labels.csv", {"id": list(range(6)), column: names, "label": list("aabaab")}, is_text=False)
    assert match_rows(table, NUMBERED, root="/data/photos", file_column="id").row_of_image.tolist() == list(range(6))
