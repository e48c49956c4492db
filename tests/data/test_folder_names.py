from __future__ import annotations

import pytest

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.folders import write


@pytest.mark.parametrize(
    "folders",
    [
        ("annotations/trimaps", "images"),
        ("images", "Masks"),
        ("test_images", "train_images"),
        ("test1", "train"),
        ("sample_images", "Test", "Train"),
        ("cars_test", "cars_train"),
        ("seg_pred", "seg_test/seg_test/sea", "seg_train/seg_train/sea"),
        ("Training Set/cat", "Test Set/cat", "Test Set/dog"),
        ("HR", "LR"),
        ("testset", "trainset"),
        ("fold1", "fold2"),
        ("HAM_images_part_1", "HAM_images_part_2"),
        ("JPEGImages", "SegmentationClass", "SegmentationObject"),
        ("testA", "testB", "trainA", "trainB"),
        ("cat_test", "cat_train", "dog_test", "dog_train"),
        ("depth", "rgb"),
        ("inputs", "targets"),
    ],
)
def test_folders_not_named_after_classes_are_refused(tmp_path, folders):
    write(tmp_path, *(f"{folder}/{number}.png" for folder in folders for number in range(2)))
    names = sorted({folder.split("/")[0] for folder in folders})
    with pytest.raises(DatasetError, match=rf"in folders that are not named after classes: {', '.join(names)}[.;]"):
        load_data(tmp_path)
    assert load_data(tmp_path, labels="folders").class_names == tuple(names)
    assert load_data(tmp_path, splits=False).class_names == tuple(names)


def test_advice_for_folders_not_named_after_classes(tmp_path):
    write(tmp_path, "train_images/1.png", "test_images/2.png", "train_images/deep/3.png")
    (tmp_path / "train.csv").write_text("id,label\n1,x\n")
    with pytest.raises(
        DatasetError, match=r"their subfolders are deep \(--class-level 2 selects those\)\. .*--labels \S*train\.csv\.$"
    ):
        load_data(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("mask", "no_mask"),
        ("freight-train", "bus"),
        ("train", "bus"),
        ("0", "1"),
        ("dev_a", "dev_b"),
        ("cat_train", "dog_train"),
        ("label_0", "label_1"),
        ("class1", "class2"),
        ("part_3001_brick", "part_3020_brick"),
        ("input_12V", "input_5V"),
        ("mask_N95", "mask_N99"),
        ("set_lunch_1", "set_lunch_2"),
        ("input jack", "output jack"),
        ("Object A", "Object B"),
        ("object_1", "object_2"),
        ("trainA", "trainB"),
        ("rgb", "rgb_cat"),
    ],
)
def test_class_names_may_contain_such_words(tmp_path, names):
    assert load_data(write(tmp_path, *(f"{name}/{number}.png" for name in names for number in "12"))).num_classes == 2
