"""Load datasets from Python objects: a DataFrame, a torch dataset, or paths with labels."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from PIL import Image

from curv_issues.counting import counted
from curv_issues.data.addresses import is_address
from curv_issues.data.data_frames import list_values, records_of_frame
from curv_issues.data.feature_values import as_numpy
from curv_issues.data.image_records import ImageRecords, RecordImages, read_cell
from curv_issues.data.torch_datasets import records_of_torch
from curv_issues.errors import DatasetError, UsageError


def is_python_object(dataset: Any) -> bool:
    """Return whether a dataset is a pandas DataFrame or a torch dataset. Imports neither library."""
    if type(dataset).__module__.partition(".")[0] == "datasets":  # with torch installed, streaming ones are torch datasets too
        return False
    return is_frame(dataset) or _is_a(dataset, "torch.utils.data", "Dataset")


def is_frame(dataset: Any) -> bool:
    """Return whether a dataset is a pandas DataFrame. Does not import pandas."""
    return _is_a(dataset, "pandas", "DataFrame")


def records_of_object(dataset: Any, *, image_column: str | None = None, label_column: str | None = None) -> ImageRecords:
    """Return the images and labels of an object for which `is_python_object` holds.

    Args:
        dataset: see `records_of_frame` and `records_of_torch`.
        image_column: image column of a DataFrame.
        label_column: label column of a DataFrame.

    Raises:
        DatasetError: the object does not hold images with labels.
        UsageError: a column is given for a torch dataset, which has none.
    """
    if is_frame(dataset):
        return records_of_frame(dataset, image_column=image_column, label_column=label_column)
    if image_column is not None or label_column is not None:
        raise UsageError(f"image_column and label_column are for tables; {type(dataset).__name__} has no columns.")
    return records_of_torch(dataset)


def records_of_list(images: Sequence[Any], labels: Any) -> ImageRecords:
    """Return images with one label each as records.

    Args:
        images: n paths of image files, relative to the working directory; or n PIL images, arrays or tensors, see `read_cell`.
        labels: n integers or strings: a sequence, an array, a tensor or a Series (its index is ignored).

    Raises:
        DatasetError: the lengths differ, or an item is neither a path nor an image.
    """
    in_memory = any(not isinstance(item, str | os.PathLike) for item in images)
    name = "list of images" if in_memory else "list of paths"
    for row, item in enumerate(images):
        if not isinstance(item, str | os.PathLike | Image.Image) and as_numpy(item) is None:
            raise DatasetError(
                f"Item {row} of the list is of type {type(item).__name__}; expected paths of image files, PIL images, or arrays."
            )
    if isinstance(labels, str | bytes | Mapping | Set) or not hasattr(labels, "__len__"):
        raise DatasetError(f"Expected one label per image as a list, an array or a Series, but got a {type(labels).__name__}.")
    values = list_values(labels) if _is_a(labels, "pandas", "Series") else _as_list(labels)
    if len(values) != len(images):
        what = "image" if in_memory else "path"
        raise DatasetError(
            f"Expected one label per image, but got {counted(len(images), what)} and {counted(len(values), 'label')}."
        )
    cells = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in images]
    files = [cell if isinstance(cell, str) else None for cell in cells]
    if files and all(map(is_address, files)):
        raise DatasetError(
            f"The {name} holds URLs ({files[0]}); expected paths of files on this machine: download the images first."
        )
    return ImageRecords(
        images=RecordImages(lambda row: read_cell(cells[row]), np.arange(len(cells), dtype=np.int64)),
        labels=values,
        class_names=None,
        paths=files,
        name=name,
        label_origin="the list of labels",
    )


def _as_list(labels: Any) -> list[Any]:
    return labels.tolist() if hasattr(labels, "tolist") else list(labels)


def _is_a(value: Any, module: str, kind: str) -> bool:
    """Return whether a value is an instance of a class in a module; False if the module was never imported."""
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], kind))
