from __future__ import annotations

import pytest

from curv_issues.data.folder_layout import BESIDE_SPLITS, NO_CLASS_FOLDER, Layout, find_classes, find_layout
from curv_issues.errors import DatasetError, UsageError


def layout(*paths: str, **options) -> Layout:
    return find_layout([tuple(path.split("/")) for path in sorted(paths)], root_name="pets", **options)


def splits(found: Layout) -> dict[str, list[str]]:
    return {name: ["/".join(parts) for parts in images] for name, images in found.splits.items()}


def left_out(found: Layout) -> dict[str, str]:
    return {"/".join(parts): reason for parts, reason in found.left_out.items()}


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (("train", "test"), ("train", "test")),
        (("Training", "TEST"), ("train", "test")),
        (("train", "val", "testing"), ("train", "validation", "test")),
        (("train", "valid"), ("train", "validation")),
        (("dev", "train"), ("train", "validation")),
        (("val", "dev", "train"), ("train", "dev", "val")),
        (("test",), ("test",)),
    ],
)
def test_whole_names_of_top_level_folders_are_splits(folders, names):
    found = layout(*(f"{folder}/{kind}/1.png" for folder in folders for kind in ("cat", "dog")))
    assert tuple(found.splits) == names
    assert found.has_split_names
    assert found.depth == 1
    assert set(found.aliases) == {folder.lower() for folder in folders}
    assert {len(images) for images in found.splits.values()} == {2}


@pytest.mark.parametrize("word", ["freight-train", "passenger_train", "train2", "trainer", "my-test", "devices", "test set"])
def test_split_words_in_longer_names_are_ignored(word):
    found = layout(f"{word}/1.png", "bus/toy-train-1.png", "bus/test.png")
    assert not found.has_split_names
    assert splits(found) == {"train": ["bus/test.png", "bus/toy-train-1.png", f"{word}/1.png"]}


def test_folder_named_train_beside_class_folders_is_a_class():
    found = layout("bus/1.png", "train/1.png")
    assert not found.has_split_names
    assert len(found.splits["train"]) == 2
    assert found.notes == (
        "These folders are read as classes, not as splits, because of other folders beside them (bus): train; "
        "if they are splits, use --splits.",
    )
    both_deep = layout("bus/red/1.png", "train/red/1.png")
    assert not both_deep.has_split_names


def test_other_folders_beside_splits_are_left_out_with_a_note():
    found = layout("train/cat/1.png", "test/cat/1.png", "extra/cat/2.png", "stray.png")
    assert splits(found) == {"train": ["train/cat/1.png"], "test": ["test/cat/1.png"]}
    assert left_out(found) == {"extra/cat/2.png": BESIDE_SPLITS, "stray.png": NO_CLASS_FOLDER}
    assert "1 image left out: extra, beside the splits test, train;" in found.notes[0]


def test_two_folders_for_one_split_get_a_note():
    found = layout("train/a/1.png", "Train/a/2.png", "test/a/1.png")
    assert set(found.splits) == {"train", "Train", "test"}
    assert found.notes == ("Several folders have names for the same split; each is read as its own split: Train, train.",)


def test_splits_option_overrides_detection():
    paths = ("bus/1.png", "train/1.png")
    assert splits(layout(*paths, splits=True)) == {"train": ["train/1.png"]}
    both = ("train/cat/1.png", "test/cat/1.png")
    assert splits(layout(*both, splits=False)) == {"train": ["test/cat/1.png", "train/cat/1.png"]}
    with pytest.raises(UsageError, match=r"^--splits \(splits=True\) needs folders named train, training, .*; there are bus\.$"):
        layout("bus/1.png", splits=True)


@pytest.mark.parametrize("wrapper", ["images", "Data", "pets"])
def test_single_outer_folder_is_not_a_class(wrapper):
    found = layout(f"{wrapper}/cat/1.png", f"{wrapper}/dog/1.png", "preview.png")
    assert (found.base, found.depth) == ((wrapper,), 1)
    assert left_out(found) == {"preview.png": NO_CLASS_FOLDER}
    assert found.notes == (f"{wrapper} is the only folder with images; its subfolders are read as classes or splits.",)
    assert tuple(layout(f"{wrapper}/train/cat/1.png", f"{wrapper}/test/cat/1.png").splits) == ("train", "test")


def test_single_folder_with_another_name_is_a_class():
    assert layout("cat/indoor/1.png", "cat/outdoor/1.png").base == ()
    assert layout("images/1.png", "images/2.png").base == ()


def classes(*paths: str, depth: int = 0, level: int = 1):
    return find_classes([tuple(path.split("/")) for path in paths], depth=depth, class_level=level)


def test_class_is_the_top_level_folder():
    found = classes("cat/in/1.png", "cat/2.png", "dog/out/1.png", "1.png")
    assert found.names == ("cat", "dog")
    assert found.labels == [0, 0, 1]
    assert found.outside == [("1.png",)]
    assert found.deeper == ("in", "out")
    below = classes("train/cat/1.png", depth=1)
    assert below.names == ("cat",)


def test_class_level_option():
    found = classes("a/cat/1.png", "b/dog/1.png", "b/2.png", level=2)
    assert found.names == ("cat", "dog")
    assert found.outside == [("b", "2.png")]
    assert found.deeper == ()


def test_class_folder_name_that_is_not_utf8_is_reported():
    with pytest.raises(DatasetError, match=r"^The name of the class folder caf\\xe9 is not UTF-8 text; rename the folder\.$"):
        classes("caf\udce9/1.png")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        # two hold class folders: other folders do not matter
        (("train/cat/1.png", "val/cat/1.png", "test/1.png", "sample_images/1.png"), ("train", "validation", "test")),
        (("train/cat/1.png", "train/dog/1.png", "train/stray.png", "test/cat/1.png", "docs/1.png"), ("train", "test")),
        # one does, and the other names are not class names
        (("train/cat/1.png", "train/dog/1.png", "unlabeled/1.png"), ("train",)),
        (("Train/0/1.png", "Train/1/1.png", "Test/1.png", "Meta/1.png"), ("train", "test")),
        # one does, and the other folders are classes
        (("train/steam/1.png", "train/diesel/1.png", "bus/1.png", "car/1.png"), None),
        (("train/steam/1.png", "bus/1.png"), None),
        (("train/1.png", "test/1.png", "bus/1.png"), None),
    ],
)
def test_splits_beside_other_folders(paths, expected):
    found = layout(*paths)
    assert (tuple(found.splits) if found.has_split_names else None) == expected
