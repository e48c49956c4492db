"""A result folder on disk: may it be written, is there room, and how its files come to be there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curv_issues.errors import AuditError, CurvIssuesError, UsageError

SUMMARY = "summary.json"
FILES = (
    "scores.parquet",
    "findings.parquet",
    "conflicts.parquet",
    "duplicates.parquet",
    "pairs.parquet",
    "overlap.parquet",
    "trajectories.parquet",
    "images.parquet",
    "pred_probs.npy",
    "embeddings.npy",
    "findings.png",
    SUMMARY,
)
"""The files of a result, in the order they appear: a folder with a summary has all the rest."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


def check_output(directory: str | Path, *, overwrite: bool, sources: Sequence[str | Path] = ()) -> None:
    """Raise unless a result can be written to a folder; ask before the training, not after it.

    Other files in the folder are no obstacle: they are never touched. Nothing is left behind by the check.

    Args:
        directory: the folder, which need not exist, nor its parents.
        overwrite: an older result in it may be replaced.
        sources: local folders of the dataset, which a result must not be written into: its pictures and parquet
            files would be part of the dataset the next time it is read.

    Raises:
        UsageError: the folder holds a result already (and `overwrite` is False), or files that have the names of a
            result's files but are none, or it is a file, or not writable, or within a source.
    """
    directory = Path(directory)
    _check_contents(directory, overwrite=overwrite)
    for source in sources:
        if Path(source).is_dir() and directory.resolve().is_relative_to(Path(source).resolve()):
            raise UsageError(
                f"The output folder {directory} lies within the dataset {source}, and its files would become a part "
                "of it; choose a folder elsewhere with --output."
            )
    check_writable(directory)


def check_writable(directory: Path) -> None:
    """Raise UsageError unless files can be written to a folder, which need not exist; nothing is left behind."""
    created: list[Path] = []
    try:
        _make_folder(directory, created)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise UsageError(f"The output folder {directory} is not writable ({_reason(error)}); choose another.") from None
    finally:
        _remove_folders(created)


def check_space(directory: str | Path, needed_bytes: int) -> None:
    """Raise AuditError if there are fewer than `needed_bytes` bytes free where the folder is or will be."""
    directory = Path(directory)
    existing = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise AuditError(
            f"Not enough disk space for the result in {directory}: about {needed_bytes / 1e6:,.0f} MB needed, "
            f"{free / 1e6:,.0f} MB free; make room or choose another folder."
        )


def is_result(directory: str | Path) -> bool:
    """Whether the folder holds a result: a scores table and a summary of the form this package writes."""
    summary = read_summary(directory)
    ours = summary is not None and {"schema_version", "complete", "dataset"} <= summary.keys()
    return ours and (Path(directory) / FILES[0]).is_file()


def read_summary(directory: str | Path) -> dict[str, Any] | None:
    """What summary.json of a folder says, whoever wrote it; None if there is none, or it holds no JSON object."""
    try:
        summary = json.loads((Path(directory) / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return summary if isinstance(summary, dict) else None


@contextmanager
def staged_result(directory: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """Write the files of a result so that they appear together, or not at all.

    Gives a hidden folder to write into. When the block ends well, its files take the place of those of an older
    result; after any error or Ctrl-C everything is as it was.

    Args:
        directory: the result's folder; made if it is missing.
        overwrite: an older result in it may be replaced. Files that are not a result's are never touched.

    Raises:
        UsageError: as `check_output`.
        AuditError: no disk space, or another failure to write.
    """
    directory = Path(directory)
    created: list[Path] = []
    staging: Path | None = None
    try:
        _check_contents(directory, overwrite=overwrite)
        _make_folder(directory, created)
        staging = Path(tempfile.mkdtemp(prefix=".curv-issues-", dir=directory))
        yield staging
        _put_in_place(staging, directory)
    except BaseException as error:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        _remove_folders(created)
        if isinstance(error, OSError):
            raise _explain(error, directory) from error
        raise
    shutil.rmtree(staging, ignore_errors=True)


def _check_contents(directory: Path, *, overwrite: bool) -> None:
    try:
        if not directory.exists():
            return
        if not directory.is_dir():
            raise UsageError(f"The output {directory} is a file; expected a folder, existing or to be made.")
        present = [name for name in FILES if os.path.lexists(directory / name)]
    except OSError as error:
        raise UsageError(f"The output folder {directory} cannot be used ({_reason(error)}); choose another.") from None
    if present and not is_result(directory):
        raise UsageError(
            f"The output folder {directory} holds {', '.join(present)} but no result of curv-issues; "
            "nothing was overwritten: move the files away or choose another folder."
        )
    if present and not overwrite:
        raise UsageError(
            f"The output folder {directory} already holds a result; choose another one or replace it with --overwrite "
            "(overwrite=True)."
        )


def _make_folder(directory: Path, created: list[Path]) -> None:
    """Make the folder and its parents; those that were missing are added to `created`, outermost first."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        created.append(folder)


def _remove_folders(created: list[Path]) -> None:
    for folder in reversed(created):
        try:
            folder.rmdir()
        except OSError:  # somebody else has put something there meanwhile
            return


def _put_in_place(staging: Path, directory: Path) -> None:
    """Move the staged files into the folder and those of the older result out of it, or undo it all."""
    for path in staging.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # a late "no space" comes now, not after the old result is gone
    new = [name for name in FILES if (staging / name).exists()]
    replaced = staging / "replaced"
    replaced.mkdir()
    try:
        for name in reversed(FILES):
            if os.path.lexists(directory / name):
                os.replace(directory / name, replaced / name)
        for name in new:
            os.replace(staging / name, directory / name)
    except BaseException:
        for name in FILES:
            if os.path.lexists(replaced / name):
                os.replace(replaced / name, directory / name)
            elif name in new and not (staging / name).exists():
                (directory / name).unlink()
        raise


def _explain(error: OSError, directory: Path) -> CurvIssuesError:
    reason = _reason(error)
    if error.errno in _NOT_WRITABLE:
        return UsageError(f"The output folder {directory} is not writable ({reason}); nothing was written.")
    if error.errno in _NO_SPACE:
        return AuditError(f"There is no room for the result in {directory} ({reason}); nothing was written.")
    return AuditError(f"The result could not be written to {directory} ({reason}); nothing was written.")


def _reason(error: OSError) -> str:
    text = os.strerror(error.errno) if error.errno else str(error)
    return " ".join(text.split())
