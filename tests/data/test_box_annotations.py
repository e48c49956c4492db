from __future__ import annotations

import pytest

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from tests.data.folders import PETS, write

KITTI = b"Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n"
YOLO = b"0 .5 0.5 .2 2e-1\n\n17 0.1 0.1 0.2 0.1 0.2 0.2\n"  # a box and a segmentation polygon


@pytest.mark.parametrize("file", ["annotations/instances_val2017.json", "Annotations/1.xml"])
def test_object_annotations_are_refused(tmp_path, file):
    write(tmp_path, "train2017/1.png", "val2017/1.png")
    write(tmp_path, file, content=b"{}")
    with pytest.raises(DatasetError, match=r"expected one label per image, as boxes are not supported\. .* pass --labels folders"):
        load_data(tmp_path)
    assert load_data(tmp_path, labels="folders").class_names == ("train2017", "val2017")


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
def test_text_files_with_boxes_are_object_annotations(tmp_path, images, texts, content):
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
        ("labels/other.txt", YOLO),  # no image has this name, as in n01/n01_boxes.txt of Tiny ImageNet
        ("cat/1.txt", b"0 640 480 20 30\n"),
        ("cat/1.txt", "a photo of 1 cät\n0 .5 .5 .2 .2\n".encode()),
        ("cat/1.txt", bytes(range(256))),
    ],
)
def test_other_text_files_are_not_object_annotations(tmp_path, path, content):
    write(tmp_path, *PETS)
    write(tmp_path, path, content=content)
    assert load_data(tmp_path).class_names == ("cat", "dog")
