"""Load datasets of the Hugging Face Hub at one exact commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import datasets
import huggingface_hub
from huggingface_hub import errors as hub

from curv_issues.data.hub_cache import cached_id, find_cached, read_cached
from curv_issues.data.load_errors import explain_errors

_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, eq=False)
class HubDataset:
    """The splits of one commit of a dataset repository.

    Attributes:
        splits: name -> rows.
        revision: the commit hash.
        folder: the repository's files in the cache.
    """

    splits: dict[str, datasets.Dataset]
    revision: str
    folder: Path


def open_hub_dataset(name: str, *, config_name: str | None = None, revision: str | None = None) -> HubDataset:
    """Return a dataset from the Hub or its cache.

    HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are respected; offline, the cached commit is used.

    Args:
        name: Hub id, "name" or "org/name".
        config_name: configuration; None: the default one.
        revision: branch, tag or commit; None: the latest commit.

    Returns:
        The splits at the commit of the revision.

    Raises:
        DatasetError: the dataset, revision or configuration does not exist, access is denied, or the Hub cannot be reached.
        AuditError: the cache cannot be written.
    """
    with explain_errors(name):
        try:
            info = huggingface_hub.HfApi().dataset_info(name, revision=revision, timeout=_TIMEOUT)
        except hub.OfflineModeIsEnabled:
            return _open_cached(name, config_name, revision)
        # The prefix prevents a match with local folders of this name or with built-in loaders such as "csv".
        commit = str(info.sha)
        loaded = datasets.load_dataset(f"hf://datasets/{info.id}", name=config_name, revision=commit)
    return HubDataset(dict(loaded), commit, _repository_folder(info.id) / "snapshots" / commit)


def _open_cached(name: str, config_name: str | None, revision: str | None) -> HubDataset:
    commit = _cached_commit(name, revision) if revision is not None else None
    cached = find_cached(name, config_name=config_name, commit=commit)
    return HubDataset(read_cached(cached), cached.name, _repository_folder(cached_id(cached)) / "snapshots" / cached.name)


def _cached_commit(name: str, revision: str) -> str:
    """Return the commit that a branch or tag had when it was last downloaded; a commit is returned unchanged."""
    reference = _repository_folder(name) / "refs" / revision
    return reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision


def _repository_folder(name: str) -> Path:
    return Path(huggingface_hub.constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}"
