from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset
from torchvision import datasets as vision
from torchvision import transforms

from curv_issues.data.base import hash_pixels
from curv_issues.data.loading import load_data
from curv_issues.data.objects import is_python_object, records_of_object
from curv_issues.errors import DatasetError, UsageError
from tests.data.images import colour_image, write_image_folder
from tests.data.records import decode, hashes_of, names_of, refused


class UserDataset(Dataset[Any]):
    """A user-supplied dataset."""

    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self.items = items
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_image_folder_is_read_from_its_files(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {"cat": 2, "dog": 3})
    augment = transforms.Compose([transforms.RandomCrop(2), transforms.ToTensor()])
    dataset = vision.ImageFolder(str(tmp_path), transform=augment, target_transform=lambda target: 1 - target)
    assert is_python_object(dataset)
    records = records_of_object(dataset)
    decoded = decode(records)
    assert names_of(records) == ["cat", "cat", "dog", "dog", "dog"]
    assert records.paths == ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png", "dog/2.png"]
    assert decoded.paths.tolist() == records.paths
    assert decoded.image_sha256.tolist() == hashes_of([0, 1, 2, 3, 4])
    assert all(decoded.file_sha256)
    assert (records.name, records.label_origin) == ("ImageFolder", "the targets of ImageFolder before its target_transform")
    assert isinstance(dataset[0][0], torch.Tensor)  # the user's object is unchanged


def test_subsets_of_subsets(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {"cat": 2, "dog": 3})
    records = records_of_object(Subset(Subset(vision.ImageFolder(str(tmp_path)), [4, 1, 2]), [2, 0]))
    assert records.paths == ["dog/0.png", "dog/2.png"]
    assert records.class_names == ("cat", "dog")
    assert records.name == "Subset of ImageFolder"
    assert decode(records).image_sha256.tolist() == hashes_of([2, 4])
    assert len(records_of_object(Subset(vision.ImageFolder(str(tmp_path)), [])).labels) == 0


def test_user_supplied_loader_is_used(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    dataset = vision.ImageFolder(str(tmp_path), loader=lambda path: colour_image(7 if "cat" in path else 9))
    assert decode(records_of_object(dataset)).image_sha256.tolist() == hashes_of([7, 9])


def test_image_folder_with_its_own_getitem(tmp_path: Path) -> None:
    class Rotated(vision.ImageFolder):
        def __getitem__(self, index: int) -> Any:
            path, target = self.samples[index]
            return self.loader(path).rotate(180), target

    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    rotated = [hash_pixels(np.asarray(colour_image(value).rotate(180))) for value in (0, 1)]
    assert decode(records_of_object(Rotated(str(tmp_path)))).image_sha256.tolist() == rotated


def make_arrays(kind: Any, **attributes: Any) -> Any:
    """A dataset of torchvision with these arrays, without its files."""
    dataset = kind.__new__(kind)
    dataset.__dict__.update({"transform": None, "target_transform": None, "transforms": None, "root": ".", **attributes})
    return dataset


PIXELS = np.stack([np.asarray(colour_image(value)) for value in range(4)])


@pytest.mark.parametrize(
    ("dataset", "names"),
    [
        (make_arrays(vision.CIFAR10, data=PIXELS, targets=[1, 0, 1, 1], classes=["plane", "car"]), ["car", "plane", "car", "car"]),
        (make_arrays(vision.SVHN, data=PIXELS.transpose(0, 3, 1, 2), labels=np.array([5, 7, 5, 5])), ["5", "7", "5", "5"]),
        (make_arrays(vision.STL10, data=PIXELS.transpose(0, 3, 1, 2), labels=np.array([0, 1, 1, 0])), ["0", "1", "1", "0"]),
    ],
)
def test_in_memory_datasets(dataset: Any, names: list[str]) -> None:
    dataset.transform = transforms.ToTensor()
    records = records_of_object(dataset)
    decoded = decode(records)
    assert names_of(records) == names
    assert decoded.image_sha256.tolist() == hashes_of([0, 1, 2, 3])
    assert decoded.file_sha256.tolist() == [""] * 4
    assert records.paths == [None] * 4


def test_in_memory_grey_images() -> None:
    grey = torch.from_numpy(PIXELS[..., 0].copy())
    names = ["0 - zero", "1 - one"]
    records = records_of_object(make_arrays(vision.MNIST, data=grey, targets=torch.tensor([1, 0, 1, 1])))
    assert records.labels == [1, 0, 1, 1]
    assert records.class_names is not None
    assert list(records.class_names[:2]) == names
    assert (decode(records).images[..., 0] == grey.numpy()).all()


def test_other_image_datasets() -> None:
    dataset = vision.FakeData(size=6, image_size=(3, 6, 6), num_classes=3, transform=transforms.ToTensor())
    records = records_of_object(dataset)
    dataset.transform = None
    assert records.labels == [dataset[index][1] for index in range(6)]
    assert decode(records).image_sha256.tolist() == [hash_pixels(np.asarray(dataset[index][0])) for index in range(6)]


def test_targets_are_those_of_the_items() -> None:
    """An attribute `targets` that differs from them is ignored."""
    items = [(colour_image(value), np.int64(value % 2)) for value in range(8)]
    assert records_of_object(UserDataset(items, targets=[0] * 8)).labels == [0, 1] * 4
    labels = [("cat", "dog")[value % 2] for value in range(8)]
    assert records_of_object(UserDataset([(colour_image(0), label) for label in labels])).labels == labels


def test_items_whose_targets_change_are_refused() -> None:
    items = [(colour_image(value), value % 2) for value in range(40)]
    items[1] = (colour_image(1), 0)
    records = records_of_object(UserDataset(items, targets=[value % 2 for value in range(40)]))
    with pytest.raises(
        DatasetError, match=r"^Item 1 of UserDataset had the target 1 and now has 0; expected the same target every time\.$"
    ):
        decode(records)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["a", "b"], ("a", "b")),
        (["a"], None),  # fewer names than targets
        ([("crane", "bird"), ("crane", "bird")], ("crane, bird (0)", "crane, bird (1)")),
        ([0, 1], None),
        (None, None),
    ],
)
def test_class_names(classes: Any, expected: Any) -> None:
    items = [(colour_image(value), value % 2) for value in range(4)]
    assert records_of_object(UserDataset(items, classes=classes)).class_names == expected


def test_class_names_of_the_chosen_target_type() -> None:
    items = [(colour_image(value), value % 2) for value in range(4)]
    pets = UserDataset(
        items, classes=["Abyssinian", "Bengal", "Boxer"], bin_classes=["Cat", "Dog"], _target_types=["binary-category"]
    )
    assert records_of_object(pets).class_names == ("Cat", "Dog")


def test_unreadable_images_have_a_reason(tmp_path: Path) -> None:
    class Broken(UserDataset):
        def __getitem__(self, index: int) -> Any:
            if index == 1:
                raise OSError("truncated\nfile")
            return super().__getitem__(index)

    items = [(colour_image(value), value % 2) for value in range(40)]
    records = records_of_object(Broken(items, targets=[value % 2 for value in range(40)]))
    assert decode(records).unreadable == {1: "OSError: truncated file"}
    assert refused(Broken(items)) == "Item 1 of Broken cannot be read: OSError: truncated file."

    write_image_folder(tmp_path, {"cat": 2})
    folder = vision.ImageFolder(str(tmp_path))
    (tmp_path / "cat" / "1.png").unlink()
    assert decode(records_of_object(folder)).unreadable == {1: "the file does not exist"}


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(())


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (
            lambda: TensorDataset(torch.zeros(4, 3, 8, 8), torch.zeros(4)),
            "Item 0 of TensorDataset, without its transforms, is a tuple of Tensor, ",
        ),
        (lambda: UserDataset([(colour_image(0), 1, 2)]), "Item 0 of UserDataset is a tuple of Image, int, int; expected pairs"),
        (lambda: UserDataset([{"image": 1}]), "Item 0 of UserDataset is a dict; expected pairs"),
        (
            lambda: UserDataset([(colour_image(0), {"boxes": []})]),
            "Item 0 of UserDataset, without its transforms, is a tuple of Image, dict; ",
        ),
        (
            lambda: ConcatDataset([TensorDataset(torch.zeros(4), torch.zeros(4))]),
            "ConcatDataset joins datasets that may use the same code for different classes",
        ),
        (Stream, "Stream has no length; expected pairs"),
    ],
)
def test_datasets_without_images_or_labels(make: Callable[[], Any], start: str) -> None:
    assert is_python_object(make())
    assert refused(make()).startswith(start)


def test_column_options_are_refused_for_torch_datasets() -> None:
    with pytest.raises(UsageError, match=r"^image_column and label_column are for tables; UserDataset has no columns\.$"):
        records_of_object(UserDataset([]), label_column="label")


COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        torch.from_numpy(COLOURS).permute(0, 3, 1, 2) / 255,  # as ToTensor makes them
        torch.from_numpy(COLOURS).permute(0, 3, 1, 2),
        torch.from_numpy(COLOURS),
    ],
)
def test_tensors_of_pixels(images: torch.Tensor) -> None:
    data = load_data(TensorDataset(images, torch.arange(6) % 2), resolution=8)
    assert data.images is not None
    assert np.array_equal(data.images, COLOURS)
    assert data.labels.tolist() == [0, 1] * 3


def test_arrays_of_pixels_in_a_dataset_of_the_user() -> None:
    data = load_data(UserDataset([(pixels, index % 2) for index, pixels in enumerate(COLOURS)]), resolution=8)
    assert data.images is not None
    assert np.array_equal(data.images, COLOURS)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(4, 3, 8, 8) - 1, r"^Item 0 of TensorDataset: Expected pixels of type uint8, or numbers"),
        (torch.full((4, 3, 8, 8), 255.0), r"^Item 0 of TensorDataset: Expected pixels of type uint8"),
        (
            torch.zeros(4, 3, 8, 3),
            r"^Item 0 of TensorDataset: Images of shape \(1, 3, 8, 3\) may have their channels first or last",
        ),
        (torch.zeros(4, 64), r"^Item 0 of TensorDataset: Expected an image of shape"),
    ],
)
def test_tensors_that_are_no_pixels_are_refused(images: torch.Tensor, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_data(TensorDataset(images, torch.arange(4) % 2))
