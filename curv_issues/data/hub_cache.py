"""Read Hub datasets from the cache of the datasets library, without the Hub.

The library itself uses the latest copy, whatever revision is requested; here the commit decides. Copies are stored as
CACHE/org___name/configuration/version/commit/*.arrow.
"""

from __future__ import annotations

import re
from pathlib import Path

import datasets
from datasets.naming import camelcase_to_snakecase

from curv_issues.errors import DatasetError

_COMMIT = re.compile(r"[0-9a-f]{40}")


def find_cached(name: str, *, config_name: str | None = None, commit: str | None = None) -> Path:
    """Return the folder of a cached copy.

    Args:
        name: Hub id; without an owner ("mnist"), the only cached dataset of that name.
        config_name: configuration; None: the only one.
        commit: commit hash; None: that of the latest copy.

    Returns:
        The folder of its Arrow files, named by the commit hash.

    Raises:
        DatasetError: there is no copy, none of that commit or configuration, or several configurations.
    """
    copies = _list_copies(name)
    if not copies:
        raise DatasetError(
            f"{name} is not in the Hugging Face cache, HF_HUB_OFFLINE is set, and no local file or folder has that name."
        )
    newest = max(copies, key=lambda copy: copy.stat().st_mtime).name
    of_commit = [copy for copy in copies if copy.name == (commit or newest)]
    if not of_commit:
        raise DatasetError(
            f"The Hugging Face cache holds {name} at commit {', '.join(sorted({copy.name for copy in copies}))}, "
            f"not at revision {commit!r}; unset HF_HUB_OFFLINE to download it."
        )
    by_config = {datasets.DatasetInfo.from_directory(str(copy)).config_name: copy for copy in of_commit}
    listed = ", ".join(sorted(map(str, by_config)))
    if config_name is None and len(by_config) > 1:
        raise DatasetError(
            f"{name} has the configurations {listed} in the Hugging Face cache; choose one with --config-name (config_name=...)."
        )
    if config_name is not None and config_name not in by_config:
        raise DatasetError(f"{name} has no configuration {config_name!r} in the Hugging Face cache; it has {listed} there.")
    return by_config[config_name] if config_name is not None else of_commit[0]


def read_cached(folder: Path) -> dict[str, datasets.Dataset]:
    """Return the splits of a cached copy, memory-mapped."""
    info = datasets.DatasetInfo.from_directory(str(folder))
    splits = {}
    for split in info.splits or {}:
        files = sorted({*folder.glob(f"*-{split}.arrow"), *folder.glob(f"*-{split}-?????-of-?????.arrow")})
        parts = [datasets.Dataset.from_file(str(file), info=info, split=split) for file in files]
        splits[str(split)] = datasets.concatenate_datasets(parts)
    return splits


def cached_id(folder: Path) -> str:
    """Return the Hub id of a cached copy."""
    return folder.parents[2].name.replace("___", "/")


def _list_copies(name: str) -> list[Path]:
    owner, _, short_name = name.rpartition("/")
    repositories = Path(datasets.config.HF_DATASETS_CACHE).glob(f"{owner or '*'}___{camelcase_to_snakecase(short_name)}")
    return [
        copy
        for repository in repositories
        for copy in repository.glob("*/*/*")
        if _COMMIT.fullmatch(copy.name) and (copy / "dataset_info.json").is_file()
    ]
