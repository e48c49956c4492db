"""Open whatever a dataset is given as: a Hub id, a folder, parquet files, a saved or an in-memory dataset."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from curv_issues.data.hub import open_hub_dataset
from curv_issues.data.load_errors import explain_errors
from curv_issues.errors import DatasetError, UsageError

_FILE_ENDING = re.compile(r"\.(parquet|arrow|csv|tsv|jsonl?|zip|tar|gz|jpe?g|png)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class OpenedSource:
    """The splits of one dataset.

    Attributes:
        name: Hub id, path or a description, as results and messages call it.
        splits: name -> rows; a dataset without named splits is called "train".
        has_split_names: False: the name "train" is ours.
        folder: the dataset's own folder (for Hub ids: in the cache); None where there is none.
        config_name: configuration that was loaded, else None.
        revision: commit hash of a Hub dataset, else None.
    """

    name: str
    splits: Mapping[str, datasets.Dataset]
    has_split_names: bool = True
    folder: Path | None = None
    config_name: str | None = None
    revision: str | None = None


def open_source(dataset: Any, *, config_name: str | None = None, revision: str | None = None) -> OpenedSource:
    """Open a dataset without reading its pictures.

    Args:
        dataset: Hub id, folder or parquet file (str or Path), a list of parquet files, a Dataset or a DatasetDict.
        config_name: configuration, of Hub ids and folders laid out like a Hub dataset.
        revision: branch, tag or commit, of Hub ids.

    Returns:
        Its splits and where they came from.

    Raises:
        DatasetError: there is no such dataset or it cannot be read.
        UsageError: an option does not go with this kind of source.
        AuditError: the Hugging Face cache cannot be written.
    """
    if isinstance(dataset, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise DatasetError(
            "A streaming dataset can be read only once, but an audit needs several epochs: load it without streaming "
            "and bound the cost with --max-samples (max_samples), or materialise a part of it with "
            "datasets.Dataset.from_list(list(dataset.take(10_000)), features=dataset.features)."
        )
    if isinstance(dataset, datasets.Dataset | datasets.DatasetDict):
        _refuse("an in-memory dataset", config_name=config_name, revision=revision)
        return _wrap(dataset, type(dataset).__name__)
    if isinstance(dataset, str | os.PathLike):
        return _open_one(os.fspath(dataset), config_name, revision)
    if isinstance(dataset, Sequence) and dataset and all(isinstance(item, str | os.PathLike) for item in dataset):
        items = [os.fspath(item) for item in dataset]
        if len(items) == 1:
            return _open_one(items[0], config_name, revision)
        return _open_files(items, config_name, revision)
    raise DatasetError(
        "Expected a Hub id, a path, a list of parquet files, a datasets.Dataset or DatasetDict, or LabeledData, "
        f"but got {'nothing' if isinstance(dataset, Sequence) and not dataset else type(dataset).__name__}."
    )


def _open_one(name: str, config_name: str | None, revision: str | None) -> OpenedSource:
    if not name:  # As a path this would be the current folder.
        raise DatasetError("The name of the dataset is empty; expected a Hub id such as org/name or a local path.")
    path = Path(name).expanduser()
    if path.is_file():
        return _open_files([name], config_name, revision)
    if path.is_dir():
        _refuse("a local folder", revision=revision)
        return _open_folder(name, path.resolve(), config_name)
    if "://" in name:
        raise DatasetError(f"Expected a Hub id such as org/name or a local path, but got the address {name}.")
    if looks_like_path(name):
        raise DatasetError(f"There is no file or folder {name}.")
    found = open_hub_dataset(name, config_name=config_name, revision=revision)
    config = _config_of(found.splits)
    return OpenedSource(name, found.splits, folder=found.folder, config_name=config, revision=found.revision)


def looks_like_path(name: str) -> bool:
    """Whether a name can only be meant as a local path, not as a Hub id ("name" or "org/name")."""
    return (
        name.startswith((".", "~", "/", "\\"))
        or name.endswith(("/", "\\"))
        or name.count("/") > 1
        or "\\" in name
        or _FILE_ENDING.fullmatch(Path(name).suffix) is not None
        or re.match(r"[A-Za-z]:", name) is not None
    )


def _open_files(names: Sequence[str], config_name: str | None, revision: str | None) -> OpenedSource:
    _refuse("parquet files", config_name=config_name, revision=revision)
    paths = [Path(name).expanduser().resolve() for name in names]
    for name, path in zip(names, paths, strict=True):
        if not path.exists():
            raise DatasetError(f"There is no file or folder {name}.")
        if not path.is_file():
            raise DatasetError(f"Expected parquet files, but {name} is a folder; audit several datasets one by one.")
        _check_parquet(name, path)
    source = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    with explain_errors(source):
        loaded = datasets.load_dataset("parquet", data_files=[glob.escape(str(path)) for path in paths])
    return OpenedSource(source, dict(loaded), folder=paths[0].parent)


def _check_parquet(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise DatasetError(f"{name} cannot be read: {error.strerror}.") from error
    if magic != b"PAR1":
        raise DatasetError(f"{name} is no parquet file; expected parquet files, a folder or a Hub id.")


def _open_folder(name: str, folder: Path, config_name: str | None) -> OpenedSource:
    if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
        _refuse("a save_to_disk folder", config_name=config_name)
        with explain_errors(name):
            saved = datasets.load_from_disk(str(folder))
        return _wrap(saved, name, folder)
    if set("[]*?") & set(str(folder)):
        raise DatasetError(f"The datasets library reads no folder with [, ], * or ? in its path: rename {folder}.")
    with explain_errors(name):
        loaded = datasets.load_dataset(str(folder), name=config_name)
    return OpenedSource(name, dict(loaded), folder=folder, config_name=_config_of(dict(loaded)))


def _wrap(loaded: datasets.Dataset | datasets.DatasetDict, name: str, folder: Path | None = None) -> OpenedSource:
    if isinstance(loaded, datasets.DatasetDict):
        return OpenedSource(name, {str(split): rows for split, rows in loaded.items()}, folder=folder)
    split = "train" if loaded.split is None else str(loaded.split)
    return OpenedSource(name, {split: loaded}, has_split_names=loaded.split is not None, folder=folder)


def _config_of(by_name: Mapping[str, datasets.Dataset]) -> str | None:
    return next((rows.info.config_name for rows in by_name.values()), None)


def _refuse(kind: str, *, config_name: str | None = None, revision: str | None = None) -> None:
    if revision is not None:
        raise UsageError(f"--revision (revision) is for datasets of the Hugging Face Hub; this is {kind}.")
    if config_name is not None:
        raise UsageError(f"--config-name (config_name) is for Hub ids and folders laid out like one; this is {kind}.")
