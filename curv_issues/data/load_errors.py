"""Convert errors of `datasets`, Arrow and the Hub into one clear line."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

import datasets
import pyarrow as pa
import yaml
from huggingface_hub import constants
from huggingface_hub import errors as hub

from curv_issues.errors import AuditError, CurvIssuesError, DatasetError, first_line

_RAISED = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    LookupError,
    AttributeError,
    datasets.exceptions.DatasetsError,
    pa.ArrowException,
    hub.HTTPError,
    yaml.YAMLError,
)
_CACHE_UNUSABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


@contextlib.contextmanager
def explain_errors(source: str) -> Iterator[None]:
    """Convert every error of the underlying libraries into a CurvIssuesError about `source`."""
    try:
        yield
    except CurvIssuesError:
        raise
    except _RAISED as error:
        raise _explain(error, source) from error


def _explain(error: BaseException, source: str) -> CurvIssuesError:
    chain = _causes(error)
    for cause in chain:
        found = _explain_disk(cause) or _explain_hub(cause, source)
        if found is not None:
            return found
    if (configs := _explain_configs(chain, source)) is not None:
        return configs
    if any("scripts are no longer supported" in str(cause) for cause in chain):
        return DatasetError(
            f"{source} is a dataset script, which the datasets library no longer supports; "
            "use a copy of the data as parquet (on the Hub often: --revision refs/convert/parquet) or an image folder."
        )
    if isinstance(error, datasets.exceptions.DataFilesNotFoundError) or "EmptyDataset" in type(error).__name__:
        return DatasetError(f"{source} holds no data files; expected parquet files, or images in one folder per class.")
    if any("BatchSize must be greater than 0" in str(cause) for cause in chain):  # pyarrow's message for an empty file
        return DatasetError(f"{source} holds a parquet file without rows; expected images and their labels.")
    if any(type(cause).__name__ == "CastError" for cause in chain):
        return DatasetError(f"{source} cannot be read as a dataset: its files have different columns.")
    return DatasetError(f"{source} cannot be read as a dataset: {first_line(chain[-1])}.")


def _explain_disk(cause: BaseException) -> AuditError | None:
    if not isinstance(cause, OSError):
        return None
    cache = str(datasets.config.HF_CACHE_HOME)
    if cause.errno == errno.ENOSPC or "Not enough disk space" in str(cause):
        return AuditError(f"No disk space left for the Hugging Face cache in {cache}; free some, or set HF_HOME to another folder.")
    if cause.errno in _CACHE_UNUSABLE and str(cause.filename).startswith(cache):
        return AuditError(f"The Hugging Face cache in {cache} cannot be written ({cause.strerror}); set HF_HOME to another folder.")
    return None


def _explain_hub(cause: BaseException, source: str) -> DatasetError | None:
    if isinstance(cause, hub.GatedRepoError) or (
        isinstance(cause, datasets.exceptions.DatasetNotFoundError) and "gated dataset" in str(cause)
    ):
        return DatasetError(
            f"{source} is a gated dataset: accept its terms on https://huggingface.co/datasets/{source} "
            "and log in with `hf auth login` or HF_TOKEN."
        )
    if isinstance(cause, hub.RevisionNotFoundError):
        return DatasetError(f"This revision of {source} does not exist on the Hub; expected one of its branches, tags or commits.")
    if isinstance(cause, hub.RepositoryNotFoundError):
        return DatasetError(
            f"Dataset {source} does not exist on the Hugging Face Hub, and no local file or folder has that name; "
            "if it is private, log in with `hf auth login` or HF_TOKEN."
        )
    if isinstance(cause, hub.HFValidationError):
        return DatasetError(f"File or folder {source!r} does not exist, and it is not a Hub id such as org/name.")
    if isinstance(cause, hub.HfHubHTTPError) and cause.response is not None:
        return DatasetError(f"The Hugging Face Hub responded with status {cause.response.status_code} to the request for {source}.")
    out_of_reach = isinstance(cause, hub.HTTPError | ConnectionError | TimeoutError)
    if out_of_reach and constants.HF_HUB_OFFLINE:
        return DatasetError(
            f"{source} is not in the Hugging Face cache, HF_HUB_OFFLINE is set, and no local file or folder has that name."
        )
    if out_of_reach:
        return DatasetError(
            f"The Hugging Face Hub cannot be reached for {source} ({first_line(cause)}), and no local file or folder "
            "has that name; to use a cached copy, set HF_HUB_OFFLINE=1."
        )
    return None


def _explain_configs(chain: list[BaseException], source: str) -> DatasetError | None:
    for text in map(str, chain):
        if found := re.search(r"BuilderConfig '(.*)' not found\. Available: \[(.*)\]", text):
            return DatasetError(f"{source} has no configuration {found[1]!r}; it has {found[2].replace(chr(39), '')}.")
        if found := re.search(r"available configs: \[(.*)\]", text):
            return DatasetError(
                f"{source} has the configurations {found[1].replace(chr(39), '')}; choose one with --config-name (config_name=...)."
            )
    return None


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None and below not in chain:
        chain.append(below)
    return chain
