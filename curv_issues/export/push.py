"""Upload the findings of a result to a dataset of the Hugging Face Hub that is made for them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import huggingface_hub
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import errors as hub

from curv_issues.data.base import LabeledData
from curv_issues.data.reopening import opened_names
from curv_issues.errors import AuditError, UsageError, first_line
from curv_issues.export.base import Export
from curv_issues.export.description import public_path
from curv_issues.export.hub_card import MARKER, marker_json, write_readme
from curv_issues.export.run import places, prepare
from curv_issues.results.arrow import as_objects, schema_of, scores_schema, text_column, to_arrow
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import FINDINGS

TABLES = ("findings", "scores")
_ROWS_OF_IMAGES = 100  # written at a time, as they are held in memory
_README, _KIND, _TIMEOUT = "README.md", "dataset", 10.0


class Pushed(NamedTuple):
    """What was uploaded.

    Attributes:
        url: address of the dataset.
        num_findings: number of findings in it.
        is_private: whether only its owners can read it.
    """

    url: str
    num_findings: int
    is_private: bool


def push_findings(
    result: AuditResult,
    repo_id: str,
    *,
    kind: str | None = None,
    public: bool = False,
    images: bool = False,
    dataset: str | Path | Sequence[str | Path] | LabeledData = (),
    on_step: Callable[[int, int], None] | None = None,
) -> Pushed:
    """Upload findings and scores to a dataset of the Hugging Face Hub, with a card that says how they were made.

    The dataset is created for them, or was created by this function before. No path of this machine is uploaded.

    Args:
        result: from an audit, or loaded.
        repo_id: "org/name" of the dataset; never that of the audited one.
        kind: only findings of this kind; None: all.
        public: create a public dataset. An existing private one stays private.
        images: upload the images of the findings too.
        dataset: where the audited dataset is now; (): where the audit has found it. See `export_findings`.
        on_step: called as `on_step(done, total)` after each image.

    Raises:
        UsageError: the id is wrong or that of the audited dataset, or the repository was not created by this function or is public.
        DatasetError: the images cannot be read again.
        AuditError: the Hub cannot be reached, or refuses the upload.
    """
    if repo_id.count("/") != 1:
        raise UsageError(f"--push-to (repo_id) must be ORG/NAME, got {repo_id!r}.")
    sources = _source_ids(result.summary)
    _refuse_source(repo_id, sources)
    export = prepare(result, kind=kind, images=images, place=places(dataset), on_step=on_step)
    api = huggingface_hub.HfApi()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with _explained(repo_id):
            info = _existing(api, repo_id)
            if info is not None:
                _refuse_source(info.id, sources)
                _check_existing(info, repo_id, public=public)
            old = None if info is None else _read_readme(api, info)
        _write_findings(export, folder)
        _write_scores(export.result, folder / "scores.parquet")
        (folder / _README).write_text(write_readme(export.result, repo_id, TABLES, old), encoding="utf-8")
        (folder / MARKER).write_bytes(marker_json(export.result))
        names = (*(f"{name}.parquet" for name in TABLES), _README, MARKER)
        with _explained(repo_id), _created(api, repo_id, private=not public) if info is None else contextlib.nullcontext():
            done = api.create_commit(
                repo_id,
                [huggingface_hub.CommitOperationAdd(name, str(folder / name)) for name in names],
                commit_message="Upload the findings of curv-issues",
                repo_type=_KIND,
                parent_commit=None if info is None else info.sha,
            )
    is_private = not public if info is None else bool(info.private)
    return Pushed(done.repo_url.url, len(export.result.findings), is_private)


def _source_ids(summary: Mapping[str, Any]) -> set[str]:
    """Return the ids that an audited dataset may have, in lower case."""
    names = [summary["dataset"].get("source"), *opened_names(summary["dataset"])]
    return {name.strip().strip("/").lower() for name in names if isinstance(name, str)}


def _refuse_source(repo_id: str, sources: set[str]) -> None:
    if repo_id.lower() in sources:
        raise UsageError(f"{repo_id} is the audited dataset, which is never changed; choose another name for the findings.")


def _existing(api: huggingface_hub.HfApi, repo_id: str) -> huggingface_hub.DatasetInfo | None:
    """Return the present state of a repository; None if it does not exist."""
    try:
        return api.dataset_info(repo_id, timeout=_TIMEOUT)
    except hub.GatedRepoError:
        raise _not_ours(repo_id) from None
    except hub.RepositoryNotFoundError:
        return None


def _check_existing(info: huggingface_hub.DatasetInfo, repo_id: str, *, public: bool) -> None:
    if MARKER not in {sibling.rfilename for sibling in info.siblings or ()}:
        raise _not_ours(repo_id)
    if not info.private and not public:
        raise UsageError(f"{repo_id} is a public dataset; pass --public (public=True) to upload the findings for everybody to see.")


def _not_ours(repo_id: str) -> UsageError:
    return UsageError(
        f"{repo_id} exists on the Hugging Face Hub and was not created by this command; nothing was uploaded. Choose another name."
    )


def _read_readme(api: huggingface_hub.HfApi, info: huggingface_hub.DatasetInfo) -> str | None:
    if _README not in {sibling.rfilename for sibling in info.siblings or ()}:
        return None
    path = api.hf_hub_download(info.id, _README, repo_type=_KIND, revision=info.sha)
    return Path(path).read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def _created(api: huggingface_hub.HfApi, repo_id: str, *, private: bool) -> Iterator[None]:
    """Create a repository, and remove it again if its first commit fails."""
    api.create_repo(repo_id, repo_type=_KIND, private=private)
    try:
        yield
    except BaseException:
        try:
            api.delete_repo(repo_id, repo_type=_KIND)
        except Exception as error:
            raise AuditError(
                f"The upload to {repo_id} failed after the dataset was created, and the empty dataset could not be removed "
                f"({first_line(error)}); delete it on the Hub before you try again."
            ) from error
        raise


def _write_findings(export: Export, folder: Path) -> None:
    """Write findings.parquet: the findings, with their images if they are exported."""
    findings = export.result.findings
    table = to_arrow(_with_public_paths(findings), schema_of(FINDINGS))
    path = folder / "findings.parquet"
    if not export.images:
        pq.write_table(table, path)
        return
    images = folder / "images"
    names = {sample.row: images / str(sample.image) for sample in export.with_images(images)}
    features = {**datasets.Features.from_arrow_schema(table.schema), "image": datasets.Image()}
    schema = datasets.Features(features).arrow_schema
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, max(len(table), 1), _ROWS_OF_IMAGES):
            part = table.slice(start, _ROWS_OF_IMAGES)
            files = [names[row] for row in part.column("row").to_pylist()]
            column = pa.array([{"bytes": file.read_bytes(), "path": file.name} for file in files], type=schema.field("image").type)
            writer.write_table(pa.Table.from_arrays([*part.columns, column], names=schema.names).cast(schema))


def _write_scores(result: AuditResult, path: Path) -> None:
    scores = _with_public_paths(result.scores)
    pq.write_table(to_arrow(scores, scores_schema(result.score_names, result.score_metadata)), path)


def _with_public_paths(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(path=text_column([public_path(path) for path in as_objects(frame["path"])]).to_numpy())


@contextlib.contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Convert every error of the Hub into one line."""
    try:
        yield
    except hub.OfflineModeIsEnabled:
        raise UsageError("HF_HUB_OFFLINE is set, so nothing can be uploaded; unset it.") from None
    except hub.HFValidationError as error:
        raise UsageError(f"--push-to (repo_id) must be ORG/NAME, got {repo_id!r} ({first_line(error)}).") from None
    except hub.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise UsageError(
                f"The Hugging Face Hub does not let you write to {repo_id}; log in with `hf auth login` or HF_TOKEN, and a "
                "token that may write."
            ) from error
        reason = " ".join((error.server_message or "").split()) or first_line(error)
        raise AuditError(f"The Hugging Face Hub refused the upload to {repo_id} ({reason.rstrip('.')}).") from error
    except (hub.HTTPError, OSError, ValueError) as error:
        raise AuditError(f"The upload to {repo_id} failed ({first_line(error)}).") from error
