"""A result folder on disk: may it be written, is there room, and how its files come to be there whole or not at all.

The files of a result are written into a hidden work folder first (`output_lock`), then they replace an older result
(`replacing`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from curv_issues.errors import AuditError, CurvIssuesError, UsageError
from curv_issues.regular_files import open_regular, read_bounded
from curv_issues.results.lock import HIDDEN, dead_work_folders, locked_output
from curv_issues.results.older import OLDER_FILES
from curv_issues.results.replacing import READY, current_file, discard, finish_move, put_in_place
from curv_issues.results.tables import FILES, SUMMARY

KNOWN_FILES = (*FILES[:-1], *OLDER_FILES, FILES[-1])
"""The files of a result of any version; the summary is the last to appear."""

LARGEST_SUMMARY = 256_000_000  # bytes
DEEPEST_SUMMARY = 50  # lists and objects within one another

_OPEN_TRIES, _OPEN_PAUSE = 10, 0.02  # seconds, longer each time
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


def output_folder(directory: str | Path) -> Path:
    """Return the path of an output folder with `~` expanded, as every command and `AuditResult` take it.

    Raises:
        UsageError: no folder can have that name.
    """
    if not isinstance(directory, str | os.PathLike):
        raise UsageError(f"Expected the path of a folder, but got {type(directory).__name__}.")
    text = os.fsdecode(directory)
    if not text:
        raise UsageError("The name of the output folder is empty; give a folder, or . for the current one.")
    if "\0" in text:
        raise UsageError(f"The output folder {text!r} has a null character in its name; choose another.")
    return Path(os.path.expanduser(text))


def check_output(directory: str | Path, *, overwrite: bool, sources: Sequence[str | Path] = ()) -> None:
    """Raise unless a result can be written to a folder; ask before the training, not after it.

    Other files in the folder are no obstacle: they are never touched. Nothing is left behind by the check.

    Args:
        directory: the folder, which need not exist, nor its parents.
        overwrite: an older result in it may be replaced.
        sources: local folders of the dataset, which a result must not be written into: its images and parquet
            files would be part of the dataset the next time it is read.

    Raises:
        UsageError: the folder holds a result already (and `overwrite` is False), or files that have the names of a
            result's files but are none, or it is a file, or not writable, or within a source.
        AuditError: there is no disk space.
    """
    check_current_directory()
    directory = output_folder(directory)
    _check_contents(directory, overwrite=overwrite)
    check_outside(directory, sources)
    check_writable(directory)


def check_current_directory() -> None:
    """Raise UsageError if the current directory no longer exists: some numerical libraries end the process then."""
    try:
        os.getcwd()
    except OSError:
        raise UsageError("The current directory no longer exists; change to another one.") from None


def check_outside(directory: Path, sources: Sequence[str | Path]) -> None:
    """Raise UsageError if an output folder is or lies within one of the local folders of a dataset."""
    resolved = resolve(directory)
    for source in sources:
        if os.path.isdir(source) and resolved.is_relative_to(os.path.realpath(source)):
            raise UsageError(
                f"The output folder {directory} lies within the dataset {source}, and its files would become a part "
                "of it; choose a folder elsewhere with --output."
            )


def check_writable(directory: Path) -> None:
    """Raise unless files can be written to a folder, which need not exist; nothing is left behind.

    Raises:
        UsageError: it is not writable, or cannot be made.
        AuditError: there is no disk space.
    """
    check_current_directory()
    created: list[Path] = []
    try:
        _make_folder(resolve(directory), created)
        with tempfile.TemporaryFile(dir=resolve(directory)) as file:
            file.write(b"test")
            file.flush()
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise _explain(error, directory) from None
        raise UsageError(f"The output folder {directory} is not writable ({_reason(error)}); choose another.") from None
    finally:
        _remove_folders(created)


def check_space(directory: str | Path, needed_bytes: int) -> None:
    """Raise AuditError if there are fewer than `needed_bytes` bytes free where the folder is or will be."""
    resolved = resolve(output_folder(directory))
    existing = next(folder for folder in (resolved, *resolved.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise AuditError(
            f"Not enough disk space for the result in {directory}: about {needed_bytes / 1e6:,.0f} MB needed, "
            f"{free / 1e6:,.0f} MB free; make room or choose another folder."
        )


def resolve(directory: Path) -> Path:
    """Return a folder's absolute path without links.

    Raises:
        UsageError: the current directory no longer exists, or the path leads through a loop of links.
    """
    try:
        resolved = Path(os.path.realpath(directory))
        if any(folder.is_symlink() for folder in (resolved, *resolved.parents)):  # what is left of a loop
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except OSError as error:
        raise UsageError(f"The output folder {directory} cannot be used ({_reason(error)}); choose another.") from None
    return resolved


def is_result(directory: str | Path) -> bool:
    """Whether the folder holds a result: a scores table and a summary of the form this package writes."""
    summary = read_summary(directory)
    ours = summary is not None and {"schema_version", "complete", "dataset"} <= summary.keys()
    scores = current_file(Path(directory), "scores.parquet")
    return ours and scores is not None and scores.is_file()


def read_summary(directory: str | Path) -> dict[str, Any] | None:
    """What summary.json of a folder says, whoever wrote it; None if there is none, or it holds no JSON object.

    A file of more than `LARGEST_SUMMARY` bytes or with more than `DEEPEST_SUMMARY` levels is not read.
    """
    try:
        path = current_file(Path(directory), SUMMARY)
        if path is None:
            return None
        with open_regular(path) as file:
            return parse_summary(file)
    except OSError:
        return None


def parse_summary(file: BinaryIO) -> dict[str, Any] | None:
    """As `read_summary`, from an open file."""
    try:
        summary = json.loads(read_bounded(file, limit=LARGEST_SUMMARY).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return summary if isinstance(summary, dict) and not _is_deep(summary) else None


@contextmanager
def opened_result(directory: Path) -> Iterator[dict[str, BinaryIO]]:
    """Open the files of the result in a folder, all of the old or all of the new one while another process replaces it.

    Yields:
        The files that there are, by name.

    Raises:
        UsageError: the result is replaced again and again.
        OSError: a file cannot be read, or is not a regular file.
    """
    for attempt in range(_OPEN_TRIES):
        time.sleep(attempt * _OPEN_PAUSE)
        with contextlib.ExitStack() as stack:
            before, files, failure = _result_state(directory), {}, None
            try:
                for name in KNOWN_FILES:
                    if (path := current_file(directory, name)) is not None:
                        files[name] = stack.enter_context(open_regular(path))
            except OSError as error:
                failure = error
            if _result_state(directory) == before:  # what is open now cannot change any more
                if failure is not None:
                    raise failure
                yield files
                return
    raise UsageError(f"The result in {directory} is being replaced; try again.")


@contextmanager
def claimed_output(directory: str | Path, *, overwrite: bool, sources: Sequence[str | Path] = ()) -> Iterator[None]:
    """Check an output folder as `check_output` does, and keep other processes from writing to it in the block.

    Raises:
        UsageError: as `check_output`, or another run is writing to the folder.
        AuditError: there is no disk space.
    """
    directory = output_folder(directory)
    check_output(directory, overwrite=overwrite, sources=sources)
    with contextlib.ExitStack() as stack:
        try:
            resolved = resolve(directory)
            work = stack.enter_context(locked_output(resolved))
            _clean_up(resolved, work)
        except OSError as error:
            raise _explain(error, directory) from None
        _check_contents(directory, overwrite=overwrite)  # another run may have ended just now
        yield


@contextmanager
def staged_result(directory: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """Write the files of a result so that they appear together, or not at all.

    Gives a hidden folder to write into. When the block ends well, its files take the place of those of an older
    result; after any error or Ctrl-C everything is as it was.

    Args:
        directory: the result's folder; made if it is missing.
        overwrite: an older result in it may be replaced. Files that are not a result's are never touched.

    Raises:
        UsageError: as `check_output`, or another run is writing to the folder.
        AuditError: no disk space, or another failure to write.
    """
    directory = output_folder(directory)
    try:
        resolved = resolve(directory)
        with locked_output(resolved) as work:
            _clean_up(resolved, work)
            _check_contents(directory, overwrite=overwrite)
            staged = work / secrets.token_hex(4)
            try:
                staged.mkdir()
                yield staged
                _flush(staged)
                put_in_place(staged, resolved, KNOWN_FILES)
            finally:
                discard(staged, resolved, KNOWN_FILES)
    except OSError as error:
        raise _explain(error, directory) from error


def replace_files(directory: str | Path, contents: Mapping[str, bytes]) -> None:
    """Add files to the result in a folder or replace some of it, each of them whole or not at all.

    Raises:
        UsageError: another run is writing to the folder.
        AuditError: the files cannot be written.
    """
    directory = output_folder(directory)
    resolved = resolve(directory)
    try:
        with locked_output(resolved):
            staged = resolved / f"{HIDDEN}-{secrets.token_hex(4)}"
            try:
                staged.mkdir()
                for name, content in contents.items():
                    (staged / name).write_bytes(content)
                _flush(staged)
                for name in contents:
                    os.replace(staged / name, resolved / name)
            finally:
                discard(staged, resolved, KNOWN_FILES)
    except OSError as error:
        raise AuditError(f"Cannot write {' and '.join(contents)} to {directory} ({_reason(error)}).") from error


def _check_contents(directory: Path, *, overwrite: bool) -> None:
    try:
        if not directory.exists():
            return
        if not directory.is_dir():
            raise UsageError(f"The output {directory} is a file; expected a folder, existing or to be made.")
        present = [name for name in KNOWN_FILES if current_file(directory, name) is not None]
        folders = [name for name in present if (directory / name).is_dir()]
    except OSError as error:
        raise UsageError(f"The output folder {directory} cannot be used ({_reason(error)}); choose another.") from None
    if present and (folders or not is_result(directory)):
        raise UsageError(
            f"The output folder {directory} holds {', '.join(folders or present)} but no result of curv-issues; "
            "nothing was overwritten: move the files away or choose another folder."
        )
    if present and not overwrite:
        raise UsageError(
            f"The output folder {directory} already holds a result; choose another one or replace it with --overwrite "
            "(overwrite=True)."
        )


def _clean_up(directory: Path, work: Path) -> None:
    """Finish or remove what killed runs have left."""
    if directory.is_dir():
        finish_move(directory, KNOWN_FILES)
        for folder in directory.glob(f"{HIDDEN}-*"):
            if folder.name != READY:
                discard(folder, directory, KNOWN_FILES)
    _remove_staged(work, directory)
    with dead_work_folders(directory) as dead:
        for folder in dead:
            _remove_staged(folder, folder.with_name(folder.name.removeprefix(f"{HIDDEN}-")))


def _remove_staged(work: Path, directory: Path) -> None:
    for folder in work.iterdir():
        if folder.is_dir():
            discard(folder, directory, KNOWN_FILES)


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


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # a late "no space" comes now, not after the old result is gone


def _result_state(directory: Path) -> list[tuple[int, ...] | None]:
    """What changes whenever a file of the result is replaced: device, inode, size and time of each."""
    return [_file_state(current_file(directory, name)) for name in KNOWN_FILES]


def _file_state(path: Path | None) -> tuple[int, ...] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST_SUMMARY):
        containers = [entry for entry in level if isinstance(entry, dict | list)]
        level = [child for entry in containers for child in (entry.values() if isinstance(entry, dict) else entry)]
    return bool(level)


def _explain(error: OSError, directory: Path) -> CurvIssuesError:
    reason = _reason(error)
    if (directory / READY).is_dir():
        return AuditError(
            f"The new result in {directory} is whole, but its files could not all be moved into place ({reason}); the next "
            "audit with this folder tries it again."
        )
    if error.errno in _NOT_WRITABLE:
        return UsageError(f"The output folder {directory} is not writable ({reason}); nothing was written.")
    if error.errno in _NO_SPACE:
        return AuditError(f"There is no room for the result in {directory} ({reason}); nothing was written.")
    return AuditError(f"The result could not be written to {directory} ({reason}); nothing was written.")


def _reason(error: OSError) -> str:
    text = os.strerror(error.errno) if error.errno else str(error)
    return " ".join(text.split())
