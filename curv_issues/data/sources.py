"""Open any dataset as tables by split: Hub id, folder, parquet files, in-memory dataset."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curv_issues.data.accounts import LeftOut, shorten
from curv_issues.data.addresses import is_address
from curv_issues.data.archives import is_archive_name, read_start
from curv_issues.data.array_pixels import as_pixels
from curv_issues.data.column_table import table_of_columns, table_of_rows
from curv_issues.data.folder import open_folder
from curv_issues.data.folder_names import SPLIT_NAMES
from curv_issues.data.image_folder import FolderOptions
from curv_issues.data.image_types import IMAGE_ENDINGS
from curv_issues.data.label_table import TABLE_ENDINGS, LabelTable, read_table
from curv_issues.data.objects import is_frame, is_python_object, records_of_list, records_of_object
from curv_issues.data.parquet import ParquetTable
from curv_issues.data.shards import check_shards
from curv_issues.data.table import RecordTable, Table
from curv_issues.data.unsuitable_files import describe_unsuitable
from curv_issues.errors import DatasetError, UsageError

if TYPE_CHECKING:
    import datasets

_SITE = re.compile(r"www\.|(huggingface\.co|hf\.co|kaggle\.com|github\.com)/", re.IGNORECASE)  # without https://
_FILE_ENDING = re.compile(r"\.(parquet|arrow|csv|tsv|jsonl?|zip|tar|gz|jpe?g|png)", re.IGNORECASE)

_ROW_ENDINGS = tuple(ending for ending in TABLE_ENDINGS if ending != ".parquet")


@dataclass(frozen=True, eq=False)
class OpenedSource:
    """The splits of one dataset.

    Attributes:
        name: Hub id, path or a description, for results and messages.
        splits: name -> its tables; a dataset without named splits is called "train".
        has_split_names: False: the source names no splits; "train" is a default.
        config_name: configuration that was loaded, else None.
        revision: commit hash of a Hub dataset, else None.
        aliases: alternative split name -> split name.
        left_out: files of a folder that no split reads, and why; None: not a folder, or its files were not listed.
        notes: what a user should know about how the source was read, one line each.
    """

    name: str
    splits: Mapping[str, Sequence[Table]]
    has_split_names: bool = True
    config_name: str | None = None
    revision: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] | None = None
    notes: tuple[str, ...] = ()


def open_object(
    dataset: Any, labels: Any, *, image_column: str | None, label_column: str | None, with_images: bool = True
) -> OpenedSource | None:
    """Open a dataset that is a Python object: a DataFrame, a torch dataset, or images with a list of labels.

    Args:
        dataset: the object.
        labels: one label per image, for a list of image files, a list of images, or an array of images.
        image_column: image column of a DataFrame.
        label_column: label column of a DataFrame.
        with_images: whether a DataFrame needs images; otherwise all of its columns are available.

    Returns:
        Its only split; None for any other kind of dataset.

    Raises:
        DatasetError: the object does not hold images with labels.
        UsageError: an option does not apply to the object.
    """
    if not with_images and is_frame(dataset):
        return OpenedSource("DataFrame", {"train": [table_of_columns(dataset, image_column=image_column)]}, has_split_names=False)
    notes: list[str] = []
    if is_python_object(dataset):
        records = records_of_object(dataset, image_column=image_column, label_column=label_column)
    elif getattr(dataset, "ndim", 1) > 1 and is_list_of_labels(labels):
        pixels, notes = as_pixels(dataset)
        records = records_of_list(list(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), labels)
    elif getattr(dataset, "ndim", 1) > 1:
        raise DatasetError(
            f"An array of images ({type(dataset).__name__} of shape {tuple(dataset.shape)}) needs labels=[...], one label per "
            "image; for feature vectors, use curv_issues.audit_features(features, labels)."
        )
    elif isinstance(dataset, Iterable) and not isinstance(dataset, str) and is_list_of_labels(labels):
        records = records_of_list(dataset.tolist() if hasattr(dataset, "tolist") else list(dataset), labels)
    else:
        return None
    return OpenedSource(records.name, {"train": [RecordTable(records)]}, has_split_names=False, notes=tuple(notes))


def is_list_of_labels(labels: Any) -> bool:
    """Return whether `labels` is a sequence of labels, not a table or its file."""
    return labels is not None and not isinstance(labels, str | os.PathLike | LabelTable) and not hasattr(labels, "columns")


def open_source(
    dataset: Any,
    *,
    config_name: str | None = None,
    revision: str | None = None,
    folder: FolderOptions | None = None,
    with_images: bool = True,
    bars: bool = False,
) -> OpenedSource:
    """Open a dataset without reading its images.

    Args:
        dataset: Hub id, folder or parquet file (str or Path), a list of parquet files, a Dataset or a DatasetDict.
        config_name: configuration, for Hub ids and folders laid out like a Hub dataset.
        revision: branch, tag or commit, for Hub ids.
        folder: options for an image folder; they apply to no other source.
        with_images: whether the dataset needs images; otherwise tables without any are opened too, also CSV and JSON lines.
        bars: show the progress bars of the Hugging Face libraries.

    Returns:
        Its splits and origin.

    Raises:
        DatasetError: the dataset does not exist or cannot be read.
        UsageError: an option does not apply to this kind of source.
        AuditError: the Hugging Face cache cannot be written.
    """
    kinds = _kinds_of(dataset)
    if kinds & {"datasets.IterableDataset", "datasets.IterableDatasetDict"}:
        raise DatasetError(
            "A streaming dataset can be read only once, but an audit needs several epochs: load it without streaming "
            "and limit the cost with --max-samples (max_samples), or materialise a part of it with "
            "datasets.Dataset.from_list(list(dataset.take(10_000)), features=dataset.features)."
        )
    options = folder or FolderOptions()
    if kinds & {"datasets.Dataset", "datasets.DatasetDict"}:
        _refuse("an in-memory dataset", options, config_name=config_name, revision=revision)
        return _wrap(dataset, type(dataset).__name__)
    if isinstance(dataset, str | os.PathLike):
        return _open_one(os.fspath(dataset), config_name, revision, options, with_images=with_images, bars=bars)
    if isinstance(dataset, Sequence) and dataset and all(isinstance(item, str | os.PathLike) for item in dataset):
        items = [os.fspath(item) for item in dataset]
        _refuse_images(items)
        if len(items) == 1:
            return _open_one(items[0], config_name, revision, options, with_images=with_images, bars=bars)
        return _open_files(items, config_name, revision, options, with_images=with_images)
    if "torch.DataLoader" in kinds:
        raise DatasetError("Expected a torch dataset, but got a DataLoader, which may shuffle its samples; pass its `dataset`.")
    raise DatasetError(
        "Expected a Hub id, a path, a list of parquet files, a list of image files or images with labels=[...], a datasets.Dataset "
        "or DatasetDict, a DataFrame, a torch dataset, or LabeledData, "
        f"but got {'nothing' if isinstance(dataset, Sequence) and not dataset else type(dataset).__name__}."
    )


def _refuse_images(items: Sequence[str]) -> None:
    """Raise DatasetError for a list of image files without labels, and for URLs."""
    address = next((item for item in items if is_address(item)), None)
    if address is not None:
        raise DatasetError(f"Expected local paths, but got the URL {address}; download the files first.")
    image = next((item for item in items if Path(item).suffix.lower() in IMAGE_ENDINGS and not os.path.isdir(item)), None)
    if image is not None:
        raise DatasetError(
            f"A list of image files ({shorten(items, 2)}) needs labels=[...], one label per image; or audit the dataset folder."
        )


def _open_one(
    name: str, config_name: str | None, revision: str | None, options: FolderOptions, *, with_images: bool, bars: bool
) -> OpenedSource:
    if not name:  # as a path this would be the current folder
        raise DatasetError("The name of the dataset is empty; expected a Hub id such as org/name or a local path.")
    path = Path(name).expanduser()
    if os.path.isfile(path):  # unlike Path.is_file, accepts a name that is too long
        return _open_files([name], config_name, revision, options, with_images=with_images)
    if os.path.isdir(path):
        _refuse("a local folder", revision=revision)
        opened = open_folder(
            path.resolve(), name=name, config_name=config_name, options=options, with_images=with_images, bars=bars
        )
        return OpenedSource(
            name,
            opened.splits,
            opened.has_split_names,
            config_name=opened.config_name,
            aliases={**{alias: split for alias, split in SPLIT_NAMES.items() if split in opened.splits}, **opened.aliases},
            left_out=opened.left_out,
            notes=opened.notes,
        )
    if is_address(name) or _SITE.match(name):
        raise DatasetError(f"Expected a Hub id such as org/name or a local path, but got the URL {name}.")
    if looks_like_path(name):
        raise DatasetError(f"File or folder {name} does not exist.")
    _refuse("a Hub dataset", options)
    from curv_issues.data.dataset_table import DatasetTable  # imports datasets, which local files do not need
    from curv_issues.data.hub import open_hub_dataset
    from curv_issues.data.quiet_libraries import quiet_libraries

    with quiet_libraries(bars=bars):
        found = open_hub_dataset(name, config_name=config_name, revision=revision)
    config = next((rows.info.config_name for rows in found.splits.values()), None)
    splits = {split: [DatasetTable(rows, name=name, folder=found.folder)] for split, rows in found.splits.items()}
    return OpenedSource(name, splits, config_name=config, revision=found.revision)


def _kinds_of(dataset: Any) -> set[str]:
    """Return the classes of an object as "library.Class", without importing the library."""
    return {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(dataset).__mro__}


def looks_like_path(name: str) -> bool:
    """Return whether a name can only be a local path, not a Hub id ("name" or "org/name")."""
    return (
        name.startswith((".", "~", "/", "\\"))
        or name.endswith(("/", "\\"))
        or name.count("/") > 1
        or "\\" in name
        or _FILE_ENDING.fullmatch(Path(name).suffix) is not None
        or is_archive_name(name)
        or re.match(r"[A-Za-z]:", name) is not None
    )


def _open_files(
    names: Sequence[str], config_name: str | None, revision: str | None, options: FolderOptions, *, with_images: bool
) -> OpenedSource:
    _refuse("parquet files", options, config_name=config_name, revision=revision)
    paths = [Path(name).expanduser().resolve() for name in names]
    if repeated := [name for name, path in zip(names, paths, strict=True) if paths.count(path) > 1]:
        raise DatasetError(f"The file {repeated[0]} is listed more than once; list each file once.")
    for name, path in zip(names, paths, strict=True):
        if not os.path.exists(path):
            raise DatasetError(f"File or folder {name} does not exist.")
        if not os.path.isfile(path):
            above = {item.parent for item in paths}
            advice = (
                f"audit the folder that contains them all ({above.pop()})" if len(above) == 1 else "audit the datasets one by one"
            )
            raise DatasetError(f"Expected parquet files, but {name} is a folder; {advice}.")
        if with_images or path.suffix.lower() not in _ROW_ENDINGS:
            _check_parquet(name, path)
    source = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    tables: list[Table] = [
        ParquetTable(path, name=name, folder=path.parent)
        if with_images or path.suffix.lower() not in _ROW_ENDINGS
        else table_of_rows(read_table(name))
        for name, path in zip(names, paths, strict=True)
    ]
    notes = check_shards([path.as_posix() for path in paths], source) if len(paths) > 1 else []
    return OpenedSource(source, {"train": tables}, notes=tuple(notes))


def _check_parquet(name: str, path: Path) -> None:
    try:
        head = read_start(path)
    except OSError as error:
        raise DatasetError(f"{name} cannot be read: {error.strerror}.") from error
    if not head.startswith(b"PAR1"):
        raise DatasetError(f"Expected parquet files, a folder or a Hub id; {describe_unsuitable(name, path, head)}.")


def _wrap(loaded: datasets.Dataset | datasets.DatasetDict, name: str) -> OpenedSource:
    from curv_issues.data.dataset_table import DatasetTable

    if isinstance(loaded, Mapping):  # a DatasetDict
        return OpenedSource(name, {str(split): [DatasetTable(rows, name=f"split {split!r}")] for split, rows in loaded.items()})
    split = "train" if loaded.split is None else str(loaded.split)
    return OpenedSource(name, {split: [DatasetTable(loaded, name=name)]}, has_split_names=loaded.split is not None)


def _refuse(
    kind: str, options: FolderOptions | None = None, *, config_name: str | None = None, revision: str | None = None
) -> None:
    if revision is not None:
        raise UsageError(f"--revision (revision) is for datasets of the Hugging Face Hub; this is {kind}.")
    if options is not None:
        options.refuse(kind)
    if config_name is not None:
        raise UsageError(f"--config-name (config_name) is for Hub ids and folders laid out like one; this is {kind}.")
