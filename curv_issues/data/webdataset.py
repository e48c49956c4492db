"""Read tar files in WebDataset format through a temporary cache of the datasets library."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import datasets

from curv_issues.data.accounts import shorten
from curv_issues.data.dataset_table import DatasetTable
from curv_issues.data.load_errors import explain_errors
from curv_issues.data.quiet_libraries import quiet_libraries
from curv_issues.errors import DatasetError


def open_tars(root: Path, paths: Sequence[str], *, name: str, bars: bool, with_labels: bool = True) -> DatasetTable:
    """Open tar files as one table.

    Args:
        root: the dataset folder.
        paths: paths of the tar files, relative to it.
        name: name of the dataset in messages.
        bars: show the progress bars of the library.
        with_labels: whether there must be labels beside the images.

    Raises:
        DatasetError: the files cannot be read.
        AuditError: there is no space for the copy.
    """
    places = [os.fspath(root / path) for path in paths]
    if any("::" in place for place in places):  # the library would read it as a chain of URLs
        raise DatasetError(f"{name} cannot be read: the path of a tar file contains '::'; rename it.")
    cache = tempfile.TemporaryDirectory(prefix="curv-issues-")
    with explain_errors(name), quiet_libraries(bars=bars):
        loaded = datasets.load_dataset(
            "webdataset", data_files={"train": [glob.escape(place) for place in places]}, cache_dir=cache.name, split="train"
        )
    assert isinstance(loaded, datasets.Dataset)
    if with_labels and all(isinstance(kind, datasets.Image) or column.startswith("__") for column, kind in loaded.features.items()):
        raise DatasetError(
            f"The tar files of {name} ({shorten(paths)}) hold images without labels; the WebDataset convention has a label beside "
            "each image, such as 1.jpg and 1.cls. If they hold class folders, unpack them and audit the folder."
        )
    return DatasetTable(loaded, name=name, folder=root, files=paths, keep=cache)
