from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset
from torchvision import datasets as vision
from torchvision import transforms

from curv_issues.data.base import hash_pixels
from curv_issues.data.decoding import DecodedImages, EncodedImage, decode_all
from curv_issues.data.image_records import ImageRecords, encode_image, read_cell
from curv_issues.data.labels import encode_labels
from curv_issues.data.loading import load_data
from curv_issues.data.objects import is_python_object, records_of_object, records_of_paths
from curv_issues.errors import DatasetError, UsageError
from tests.data.images import colour_image, encode, write_image_folder


def decode(records: ImageRecords) -> DecodedImages:
    return decode_all(records.images, resolution=6, workers=2)


def pixels_of(values: list[int]) -> list[str]:
    return [hash_pixels(np.asarray(colour_image(value))) for value in values]


def names_of(records: ImageRecords) -> list[str]:
    encoded = encode_labels(records.labels, names=records.class_names)
    return [encoded.class_names[code] for code in encoded.codes]


def refused(dataset: Any, **options: Any) -> str:
    with pytest.raises(DatasetError) as caught:
        records_of_object(dataset, **options)
    return str(caught.value)


class Own(Dataset[Any]):
    """A dataset of the user's own."""

    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self.items = items
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_an_image_folder_is_read_from_its_files(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {"cat": 2, "dog": 3})
    augment = transforms.Compose([transforms.RandomCrop(2), transforms.ToTensor()])
    dataset = vision.ImageFolder(str(tmp_path), transform=augment, target_transform=lambda target: 1 - target)
    assert is_python_object(dataset)
    records = records_of_object(dataset)
    decoded = decode(records)
    assert names_of(records) == ["cat", "cat", "dog", "dog", "dog"]
    assert records.paths == ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png", "dog/2.png"]
    assert decoded.paths.tolist() == records.paths
    assert decoded.image_sha256.tolist() == pixels_of([0, 1, 2, 3, 4])
    assert all(decoded.file_sha256)
    assert (records.name, records.label_origin) == ("ImageFolder", "the targets of ImageFolder before its target_transform")
    assert isinstance(dataset[0][0], torch.Tensor)  # the user's object is left as it was


def test_subsets_of_subsets(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {"cat": 2, "dog": 3})
    records = records_of_object(Subset(Subset(vision.ImageFolder(str(tmp_path)), [4, 1, 2]), [2, 0]))
    assert records.paths == ["dog/0.png", "dog/2.png"]
    assert records.class_names == ("cat", "dog")
    assert records.name == "Subset of ImageFolder"
    assert decode(records).image_sha256.tolist() == pixels_of([2, 4])
    assert len(records_of_object(Subset(vision.ImageFolder(str(tmp_path)), [])).labels) == 0


def test_a_loader_of_the_users_own_is_used(tmp_path: Path) -> None:
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    dataset = vision.ImageFolder(str(tmp_path), loader=lambda path: colour_image(7 if "cat" in path else 9))
    assert decode(records_of_object(dataset)).image_sha256.tolist() == pixels_of([7, 9])


def test_an_image_folder_that_changes_its_images_in_getitem(tmp_path: Path) -> None:
    class Turned(vision.ImageFolder):
        def __getitem__(self, index: int) -> Any:
            path, target = self.samples[index]
            return self.loader(path).rotate(180), target

    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    turned = [hash_pixels(np.asarray(colour_image(value).rotate(180))) for value in (0, 1)]
    assert decode(records_of_object(Turned(str(tmp_path)))).image_sha256.tolist() == turned


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
def test_datasets_in_memory(dataset: Any, names: list[str]) -> None:
    dataset.transform = transforms.ToTensor()
    records = records_of_object(dataset)
    decoded = decode(records)
    assert names_of(records) == names
    assert decoded.image_sha256.tolist() == pixels_of([0, 1, 2, 3])
    assert decoded.file_sha256.tolist() == [""] * 4
    assert records.paths == [None] * 4


def test_grey_images_in_memory() -> None:
    grey = torch.from_numpy(PIXELS[..., 0].copy())
    names = ["0 - zero", "1 - one"]
    records = records_of_object(make_arrays(vision.MNIST, data=grey, targets=torch.tensor([1, 0, 1, 1])))
    assert records.labels == [1, 0, 1, 1]
    assert records.class_names is not None
    assert list(records.class_names[:2]) == names
    assert (decode(records).images[..., 0] == grey.numpy()).all()


def test_any_other_dataset_of_images() -> None:
    dataset = vision.FakeData(size=6, image_size=(3, 6, 6), num_classes=3, transform=transforms.ToTensor())
    records = records_of_object(dataset)
    dataset.transform = None
    assert records.labels == [dataset[index][1] for index in range(6)]
    assert decode(records).image_sha256.tolist() == [hash_pixels(np.asarray(dataset[index][0])) for index in range(6)]


def test_the_targets_that_items_have_count() -> None:
    """An attribute `targets` that says something else is not taken."""
    items = [(colour_image(value), np.int64(value % 2)) for value in range(8)]
    assert records_of_object(Own(items, targets=[0] * 8)).labels == [0, 1] * 4
    labels = [("cat", "dog")[value % 2] for value in range(8)]
    assert records_of_object(Own([(colour_image(0), label) for label in labels])).labels == labels


def test_items_must_stay_as_they_are() -> None:
    items = [(colour_image(value), value % 2) for value in range(40)]
    items[1] = (colour_image(1), 0)
    records = records_of_object(Own(items, targets=[value % 2 for value in range(40)]))
    with pytest.raises(
        DatasetError, match=r"^Item 1 of Own had the target 1 and now has 0; expected the same target every time\.$"
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
def test_names_of_classes(classes: Any, expected: Any) -> None:
    items = [(colour_image(value), value % 2) for value in range(4)]
    assert records_of_object(Own(items, classes=classes)).class_names == expected


def test_the_names_of_the_targets_that_were_asked_for() -> None:
    items = [(colour_image(value), value % 2) for value in range(4)]
    pets = Own(items, classes=["Abyssinian", "Bengal", "Boxer"], bin_classes=["Cat", "Dog"], _target_types=["binary-category"])
    assert records_of_object(pets).class_names == ("Cat", "Dog")


def test_images_that_cannot_be_read_have_a_reason(tmp_path: Path) -> None:
    class Broken(Own):
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
        (lambda: Own([(colour_image(0), 1, 2)]), "Item 0 of Own is a tuple of Image, int, int; expected pairs"),
        (lambda: Own([{"image": 1}]), "Item 0 of Own is a dict; expected pairs"),
        (lambda: Own([(colour_image(0), {"boxes": []})]), "Item 0 of Own, without its transforms, is a tuple of Image, dict; "),
        (lambda: ConcatDataset([TensorDataset(torch.zeros(4), torch.zeros(4))]), "ConcatDataset joins datasets"),
        (Stream, "Stream has no length; expected pairs"),
    ],
)
def test_datasets_without_images_or_labels(make: Callable[[], Any], start: str) -> None:
    assert is_python_object(make())
    assert refused(make()).startswith(start)


def test_columns_do_not_go_with_datasets_of_torch() -> None:
    with pytest.raises(UsageError, match=r"^image_column and label_column are for tables; Own has no columns\.$"):
        records_of_object(Own([]), label_column="label")


IMAGES: dict[str, Callable[[Path, int], Any]] = {
    "bytes": lambda folder, value: encode(colour_image(value)),
    "struct": lambda folder, value: {"bytes": encode(colour_image(value)), "path": None},
    "struct of a path": lambda folder, value: {"bytes": None, "path": save(folder, value)},
    "image": lambda folder, value: colour_image(value),
    "text": lambda folder, value: save(folder, value),
    "path": lambda folder, value: Path(save(folder, value)),
}


def save(folder: Path, value: int) -> str:
    path = folder / f"{value}.png"
    colour_image(value).save(path)
    return str(path)


@pytest.mark.parametrize("kind", list(IMAGES))
def test_frames(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame(
        {
            "photo": [IMAGES[kind](tmp_path, value) for value in range(4)],
            "camera": ["canon", "nikon"] * 2,
            "label": pd.Categorical(["007", None, "NA", "007"]),
        },
        index=[3, 1, 0, 2],
    )
    assert is_python_object(frame)
    records = records_of_object(frame)
    assert records.labels == ["007", None, "NA", "007"]
    assert decode(records).image_sha256.tolist() == pixels_of([0, 1, 2, 3])
    assert [path is None for path in records.paths] == ["path" not in kind and kind != "text"] * 4
    assert (records.name, records.label_origin) == ("DataFrame", "column 'label' of the DataFrame")
    assert decode_all(records.images.select(np.array([2, 3])), resolution=6).image_sha256.tolist() == pixels_of([2, 3])


def test_paths_in_a_frame_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 0)
    frame = pd.DataFrame({"x": ["0.png", "0.png"], "species": ["cat", "cat"]})
    assert refused(frame).startswith("The DataFrame has no image column; ")
    monkeypatch.chdir(tmp_path)
    assert decode(records_of_object(frame)).image_sha256.tolist() == pixels_of([0, 0])
    frame = pd.DataFrame({"file_name": ["9.png", "8.png"], "label": ["cat", "cat"]})
    assert decode(records_of_object(frame)).unreadable == {0: "the file does not exist", 1: "the file does not exist"}


def test_columns_of_frames_that_are_not_clear(tmp_path: Path) -> None:
    content = [encode(colour_image(0))] * 2
    assert refused(pd.DataFrame({"a": content, "b": content, "label": [0, 1]})) == (
        "The DataFrame has several image columns: a, b; choose one with image_column."
    )
    assert refused(pd.DataFrame({"a": content, "x": [2, 2], "y2": [3, 3]})).startswith("No column of DataFrame is named label, ")
    assert refused(pd.DataFrame({"a": content}), image_column="b") == (
        "The DataFrame has no column 'b' (image_column); its columns are: a."
    )
    assert refused(pd.DataFrame([[1, 2]], columns=["a", "a"])) == (
        "The DataFrame has several columns named 'a'; rename them so that names are unique."
    )
    frame = pd.DataFrame({"a": content, "b": content, "x": [0, 0], "y": [0, 1]})
    records = records_of_object(frame, image_column="b", label_column="x")
    assert records.labels == [0, 0]


LABELS: list[Any] = [[1, 0, 1], (1, 0, 1), np.array([1, 0, 1]), torch.tensor([1, 0, 1]), pd.Series([1, 0, 1], index=[2, 0, 1])]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: type(labels).__name__)
def test_paths_with_labels(tmp_path: Path, labels: Any) -> None:
    records = records_of_paths([save(tmp_path, 0), tmp_path / "1.png", save(tmp_path, 2)], labels)
    assert records.labels == [1, 0, 1]
    assert records.paths == [str(tmp_path / f"{value}.png") for value in range(3)]
    decoded = decode(records)
    assert decoded.unreadable == {1: "the file does not exist"}
    assert decoded.image_sha256[2] == pixels_of([2])[0]


@pytest.mark.parametrize(
    ("paths", "labels", "message"),
    [
        (["a.png", "b.png"], [1], "Expected one label per image, but got 2 paths and 1 label."),
        (
            ["a.png", 3],
            [1, 2],
            "Item 1 of the list of paths is of type int; expected paths of image files. For images in memory, pass a "
            "DataFrame with a column of them, or use curv_issues.from_arrays.",
        ),
        (["a.png"], "x", "Expected one label per image as a list, an array or a Series, but got a str."),
        (["a.png"], None, "Expected one label per image as a list, an array or a Series, but got a NoneType."),
    ],
)
def test_paths_and_labels_that_do_not_fit(paths: list[Any], labels: Any, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        records_of_paths(paths, labels)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "it is missing (null)"),
        (float("nan"), "it is missing (null)"),
        ({"bytes": None, "path": None}, "it is missing (null)"),
        ("https://example.org/1.png", "it is a URL, not a file on this machine"),
        ("missing.png", "the file does not exist"),
        (3, "it is a int, not an image"),
        (np.zeros((2, 2)), "it is a ndarray, not an image"),
    ],
)
def test_cells_without_an_image(value: Any, problem: str) -> None:
    assert read_cell(value).problem == problem


def test_folders_are_no_image_files(tmp_path: Path) -> None:
    assert read_cell(tmp_path).problem == "it is not a regular file"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_images_in_memory_keep_their_values(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(36, dtype=np.uint16).reshape(6, 6)) if mode == "I;16" else colour_image(0).convert(mode)
    encoded = encode_image(image)
    assert encoded.problem is None
    (tmp_path / "x").write_bytes(encoded.content)
    stored = Image.open(tmp_path / "x")
    assert (
        np.asarray(stored.convert("RGBA") if mode == "LA" else stored)
        == np.asarray(image.convert("RGBA") if mode == "LA" else image)
    ).all()


def test_images_in_memory_are_turned_upright_and_keep_transparency() -> None:
    image = colour_image(0)
    image.getexif()[0x0112] = 6
    turned = decode_all(Listed([encode_image(image)]), resolution=6).image_sha256[0]
    assert turned == hash_pixels(np.asarray(colour_image(0).transpose(Image.Transpose.ROTATE_270)))
    clear = Image.new("P", (6, 6))
    clear.info["transparency"] = 0
    assert decode_all(Listed([encode_image(clear)]), resolution=6).images.min() == 255


class Listed:
    def __init__(self, images: list[EncodedImage]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def read(self, indices: range) -> Any:
        return iter(self._images[indices.start : indices.stop])


def test_an_image_that_was_opened_is_read_from_its_file(tmp_path: Path) -> None:
    path = save(tmp_path, 0)
    opened = Image.open(path)
    encoded = encode_image(opened)
    assert (encoded.content, encoded.path, encoded.is_stored) == (Path(path).read_bytes(), path, True)
    assert opened.tile  # it holds no pixels yet
    opened.putpixel((0, 0), (1, 2, 3))
    assert not encode_image(opened).is_stored
    (tmp_path / "broken.png").write_bytes(Path(path).read_bytes()[:60])
    with (tmp_path / "broken.png").open("rb") as file:
        broken = Image.open(file)
        broken.filename = ""
        assert encode_image(broken).problem is not None


def test_importing_costs_no_torchvision_and_no_pandas() -> None:
    code = "import sys, curv_issues.data.objects; print({'torchvision', 'torch.utils.data'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_joined_datasets_are_refused():
    import torch.utils.data

    joined = torch.utils.data.ConcatDataset(
        [torch.utils.data.TensorDataset(torch.zeros(2)), torch.utils.data.TensorDataset(torch.zeros(2))]
    )
    with pytest.raises(DatasetError, match=r"^ConcatDataset joins datasets that may use the same code for different classes"):
        records_of_object(joined)


@pytest.mark.parametrize("make", [list, tuple, np.array, iter, pd.Series])
def test_paths_may_be_any_list(tmp_path, make):
    paths = [str(path) for path in sorted(write_image_folder(tmp_path, {"cat": 2, "dog": 2}).rglob("*.png"))]
    assert load_data(make(paths), labels=["a", "a", "b", "b"]).labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("labels", [{"a.png": 0, "b.png": 1}, {0, 1}])
def test_labels_without_an_order_are_refused(labels):
    with pytest.raises(DatasetError, match=r"^Expected one label per image as a list, an array or a Series, but got a (dict|set)"):
        load_data(["a.png", "b.png"], labels=labels)


@pytest.mark.parametrize("labels", [None, [0, 1]])
def test_pixels_in_memory_have_a_way_of_their_own(labels):
    with pytest.raises(
        DatasetError, match=r"got a ndarray of shape \(2, 8, 8, 3\); for pixels in memory use curv_issues\.from_arrays"
    ):
        load_data(np.zeros((2, 8, 8, 3), np.uint8), labels=labels)
