from __future__ import annotations

import pytest

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.folders import write

CLASSES = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")


def below(*folders: str) -> list[str]:
    return [f"{folder}/{path}" for folder in folders for path in CLASSES]


@pytest.mark.parametrize(
    ("paths", "inner"),
    [
        (below("x/train", "x/test"), "x"),
        (below("x/train"), "x"),
        (below("x/y/train", "x/y/test"), "x/y"),
        ([*below("x/train", "x/test"), "logo.png"], "x"),
        (below("data/x/train", "data/x/test"), "data/x"),
    ],
)
def test_inner_folder_with_the_splits_is_reported(tmp_path, paths, inner):
    write(tmp_path, *paths)
    with pytest.raises(DatasetError) as caught:
        load_data(tmp_path)
    assert str(caught.value) == f"The splits of {tmp_path} are in {tmp_path}/{inner}; audit {tmp_path}/{inner} instead."
    assert load_data(tmp_path / inner).class_names == ("cat", "dog")


def test_level_of_the_classes_is_proposed(tmp_path):
    write(tmp_path, *below("x/y"))
    with pytest.raises(DatasetError, match=r"in one folder, 'x/y', .* its subfolders are cat, dog: use --class-level 3 \(class_"):
        load_data(tmp_path)
    assert load_data(tmp_path, class_level=3).class_names == ("cat", "dog")


def test_splits_are_not_proposed_with_splits_false(tmp_path):
    write(tmp_path, *below("x/train", "x/test"))
    with pytest.raises(DatasetError, match=r"its subfolders are test, train: use --class-level 2"):
        load_data(tmp_path, splits=False)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([*below("x/train", "x/test"), "docs/1.png", "docs/2.png"], "are not read as splits: if x is the dataset, audit {root}/x."),
        (
            ["cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/test/1.png"],
            "all their images are audited together.",
        ),
    ],
)
def test_split_folders_inside_class_folders_are_noted(tmp_path, paths, expected):
    (note,) = load_data(write(tmp_path, *paths)).source.notes
    assert "subfolders with split names (test, train)" in note
    assert note.endswith(expected.format(root=tmp_path))


def test_classes_named_like_splits_are_noted(tmp_path):
    write(tmp_path, "x/train/1.png", "x/train/2.png", "x/test/1.png", "x/test/2.png")
    (note,) = load_data(tmp_path, class_level=2).source.notes
    assert note == ("The classes at level 2 have split names (test, train); if they are splits, audit the folder that holds them.")
    assert load_data(tmp_path, class_level=2, splits=False).source.notes == ()


def test_folders_such_as_images_are_skipped_in_the_proposed_level(tmp_path):
    office = write(tmp_path / "office", *below("amazon/images", "webcam/images"))
    (note,) = load_data(office).source.notes
    assert note.endswith("they have subfolders (cat, dog): use --class-level 3 if those are the classes.")
    assert load_data(office, class_level=3).class_names == ("cat", "dog")
    tiny = write(tmp_path / "tiny", *(path.replace("/", "/images/") for path in CLASSES))
    assert load_data(tiny).source.notes == ()
    pairs = write(tmp_path / "pairs", *(f"{name}/{kind}/{name}.png" for name in ("bowl", "cup") for kind in ("rgb", "depth")))
    (note,) = load_data(pairs).source.notes
    assert note.endswith("(bowl, cup); the images of all folders in them (depth, rgb) are audited together.")
