"""Read images and labels from map-style torch datasets, such as those of torchvision."""

from __future__ import annotations

import copy
import os
import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from curv_issues.data.array_pixels import as_image
from curv_issues.data.decoding import EncodedImage
from curv_issues.data.encoded import read_image_file
from curv_issues.data.feature_values import as_numpy
from curv_issues.data.image_records import ImageRecords, RecordImages, describe_error, encode_image
from curv_issues.errors import DatasetError

if TYPE_CHECKING:
    import torch.utils.data

_NUM_COMPARED = 5
_EXPECTED = (
    "expected pairs of an image (PIL; array or tensor of uint8, or of numbers in [0, 1]) and an integer, as ImageFolder and "
    "CIFAR10 yield"
)


def records_of_torch(dataset: torch.utils.data.Dataset[Any]) -> ImageRecords:
    """Return the images and labels of a map-style dataset of (image, integer or string) pairs.

    Images are PIL images, or arrays and tensors of uint8 or of numbers in [0, 1], see `as_image`.

    Transforms are disabled: `transform`, `target_transform` and `transforms` are replaced in a copy. Files that torchvision's
    own loaders would open are read directly. `Subset` is supported; row i is item i of `dataset`.

    Args:
        dataset: ImageFolder, CIFAR10, MNIST, SVHN, Flowers102, ..., or a user-supplied dataset.

    Returns:
        The images and labels; class names from its attribute `classes` if the labels index it.

    Raises:
        DatasetError: the dataset has no length, or yields something else.
    """
    name = type(dataset).__name__
    base, rows = _unwrap(dataset)
    if type(base) is not type(dataset):
        name += f" of {type(base).__name__}"
    items = _Items(base, name)
    paths: dict[int, str] = {}
    if items.use_paths(rows):
        targets = {}
        for row in rows.tolist():
            path, targets[row] = items.get(row)
            paths[row] = os.fspath(path)
    else:
        targets = _list_targets(base, items, rows)
    root = getattr(base, "root", None)
    shown = {row: _relative_to(path, root) for row, path in paths.items()}

    def read_one(row: int) -> EncodedImage:
        if row in paths:
            return read_image_file(paths[row], shown[row])
        try:
            image, target = items.get(row)
        except DatasetError:
            raise
        except Exception as error:
            return EncodedImage(b"", None, describe_error(error))
        if target != targets[row]:
            raise DatasetError(
                f"Item {row} of {name} had the target {targets[row]} and now has {target}; expected the same target every time."
            )
        return encode_image(image)

    labels = [targets[row] for row in rows.tolist()]
    return ImageRecords(
        images=RecordImages(read_one, rows),
        labels=labels,
        class_names=_class_names(base, labels),
        paths=[shown.get(row) for row in rows.tolist()],
        name=name,
        label_origin=f"the targets of {name}{' before its target_transform' if getattr(base, 'target_transform', None) else ''}",
    )


def _unwrap(dataset: Any) -> tuple[Any, np.ndarray]:
    """Return the dataset below all subsets, and the selected rows of it: int64, (n,)."""
    import torch.utils.data

    subset = torch.utils.data.Subset
    if not hasattr(dataset, "__len__") or isinstance(dataset, torch.utils.data.IterableDataset):
        raise DatasetError(f"{type(dataset).__name__} has no length; {_EXPECTED}.")
    rows = np.arange(len(dataset), dtype=np.int64)
    while isinstance(dataset, subset) and type(dataset).__getitem__ is subset.__getitem__:
        rows = np.asarray(dataset.indices, dtype=np.int64)[rows]
        dataset = dataset.dataset
    if isinstance(dataset, torch.utils.data.ConcatDataset):
        raise DatasetError(
            f"{type(dataset).__name__} joins datasets that may use the same code for different classes; audit them one by one, or "
            "pass a list of image files with class names as labels."
        )
    return dataset, rows


class _Items:
    """The items of a dataset without its transforms; locked, because the dataset may not be thread-safe."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset = copy.copy(dataset)
        self.name = name
        self._lock = threading.Lock()
        for attribute in ("transform", "target_transform"):
            if getattr(dataset, attribute, None) is not None:
                setattr(self._dataset, attribute, _keep)
        if getattr(dataset, "transforms", None) is not None:
            self._dataset.transforms = _keep_both

    def use_paths(self, rows: np.ndarray) -> bool:
        """Yield paths instead of images if the dataset uses a torchvision loader; return whether it does."""
        loader = getattr(self._dataset, "loader", None)
        if not getattr(loader, "__module__", "").startswith("torchvision.") or not len(rows):
            return False
        self._dataset.loader = _keep
        try:
            image, _ = self._dataset[int(rows[0])]
        except Exception:  # the dataset processes the image instead of just returning it
            image = None
        if not isinstance(image, str | os.PathLike):
            self._dataset.loader = loader
            return False
        return True

    def get(self, row: int) -> tuple[Any, Any]:
        """Return the image and target of one item."""
        with self._lock:
            item = self._dataset[row]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DatasetError(f"Item {row} of {self.name} is a {_describe(item)}; {_EXPECTED}.")
        image, target = item[0], _as_label(item[1])
        if as_numpy(image) is not None:
            try:
                image = as_image(image)
            except DatasetError as error:
                raise DatasetError(f"Item {row} of {self.name}: {error}") from error
        if not isinstance(image, Image.Image | str | os.PathLike) or not (target is None or isinstance(target, int | str)):
            raise DatasetError(f"Item {row} of {self.name}, without its transforms, is a {_describe(item)}; {_EXPECTED}.")
        return image, target


def _list_targets(dataset: Any, items: _Items, rows: np.ndarray) -> dict[int, Any]:
    """Return row -> target: from an attribute of the dataset if sampled items agree with it, else from all items."""
    compared = rows[np.linspace(0, len(rows) - 1, min(_NUM_COMPARED, len(rows)), dtype=np.int64)].tolist() if len(rows) else []
    found = {row: _get_first(items, row) for row in compared}
    for attribute in ("targets", "labels", "_labels"):
        values: Any = getattr(dataset, attribute, None)
        if not hasattr(values, "__len__") or len(values) != len(dataset):
            continue
        listed = [_as_label(value) for value in values]
        if all(isinstance(value, int) for value in listed) and all(listed[row] == target for row, target in found.items()):
            return {row: listed[row] for row in rows.tolist()}
    return {row: found[row] if row in found else _get_first(items, row) for row in rows.tolist()}


def _get_first(items: _Items, row: int) -> Any:
    try:
        return items.get(row)[1]
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(f"Item {row} of {items.name} cannot be read: {describe_error(error)}.") from error


def _as_label(target: Any) -> Any:
    """Return numpy and torch integers as native ones."""
    if getattr(target, "ndim", None) == 0 and hasattr(target, "item"):
        target = target.item()
    return target


def _class_names(dataset: Any, labels: Sequence[Any]) -> tuple[str, ...] | None:
    classes = getattr(dataset, "classes", None) or getattr(dataset, "categories", None)
    if getattr(dataset, "_target_types", None) == ["binary-category"]:  # OxfordIIITPet has names for both of its targets
        classes = getattr(dataset, "bin_classes", None)
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str | tuple) for name in classes):
        return None
    if not all(label is None or (isinstance(label, int) and -1 <= label < len(classes)) for label in labels):
        return None
    names = [name if isinstance(name, str) else ", ".join(map(str, name)) for name in classes]  # ImageNet has synonyms per class
    count = Counter(names)
    return tuple(name if count[name] == 1 else f"{name} ({index})" for index, name in enumerate(names))


def _relative_to(path: str, root: Any) -> str:
    """Return a path with forward slashes, relative to the root of the dataset if inside it."""
    if isinstance(root, str | os.PathLike):
        inside = os.path.relpath(path, root)
        if not inside.startswith(os.pardir):
            path = inside
    return path.replace(os.sep, "/")


def _describe(item: Any) -> str:
    if isinstance(item, tuple | list):
        return f"{type(item).__name__} of {', '.join(type(part).__name__ for part in item)}"
    return type(item).__name__


def _keep(value: Any) -> Any:
    return value


def _keep_both(image: Any, target: Any) -> tuple[Any, Any]:
    return image, target
