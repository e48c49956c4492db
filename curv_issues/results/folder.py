"""Check result folders, and write and read their files all or none.

The files of a result are first written into a hidden work folder (`lock`), then they replace an older result (`replacing`).
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
from curv_issues.results.atomic_files import remove_partial_files, write_files
from curv_issues.results.lock import HIDDEN, dead_work_folders, locked_output
from curv_issues.results.older import OLDER_FILES
from curv_issues.results.replacing import READY, current_file, discard, finish_move, put_in_place
from curv_issues.results.tables import FILES, SUMMARY

KNOWN_FILES = (*FILES[:-1], *OLDER_FILES, FILES[-1])
"""The files of a result of any version; the summary is written last."""

LARGEST_SUMMARY = 256_000_000  # bytes
DEEPEST_SUMMARY = 50  # levels of nested lists and objects

_OPEN_TRIES, _OPEN_PAUSE = 10, 0.02  # seconds, longer each time
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


def output_folder(directory: str | Path) -> Path:
    """Return the path of an output folder with `~` expanded.

    Raises:
        UsageError: it is not a valid path.
    """
    if not isinstance(directory, str | os.PathLike):
        raise UsageError(f"Expected the path of a folder, got {type(directory).__name__}.")
    text = os.fsdecode(directory)
    if not text:
        raise UsageError("The name of the output folder is empty; pass a folder, or . for the current one.")
    if "\0" in text:
        raise UsageError(f"The output folder {text!r} has a null character in its name; choose another name.")
    return Path(os.path.expanduser(text))


def check_output(directory: str | Path, *, overwrite: bool, sources: Sequence[str | Path] = ()) -> None:
    """Raise unless a result can be written to a folder; meant to be called before the training.

    Other files may be in the folder and are never touched. The check leaves nothing behind.

    Args:
        directory: the folder; it and its parents need not exist.
        overwrite: whether an older result in it may be replaced.
        sources: local folders of the dataset. A result must not be written into them, because its images and parquet
            files would become part of the dataset.

    Raises:
        UsageError: the folder already contains a result (and `overwrite` is False), or other files with the names of a
            result's files, or it is a file, is not writable, or is inside a source.
        AuditError: the disk is full.
    """
    check_current_directory()
    directory = output_folder(directory)
    _check_contents(directory, overwrite=overwrite)
    check_outside(directory, sources)
    check_writable(directory)


def check_current_directory() -> None:
    """Raise UsageError if the current directory no longer exists, as some numerical libraries would then kill the process."""
    try:
        os.getcwd()
    except OSError:
        raise UsageError("The current directory no longer exists; change to another one.") from None


def check_outside(directory: Path, sources: Sequence[str | Path]) -> None:
    """Raise UsageError if an output folder is one of the local folders of a dataset, or is inside one."""
    resolved = resolve(directory)
    for source in sources:
        if os.path.isdir(source) and resolved.is_relative_to(os.path.realpath(source)):
            raise UsageError(
                f"The output folder {directory} is inside the dataset {source}, so its files would become part of the dataset; "
                "choose a folder elsewhere with --output."
            )


def check_writable(directory: Path) -> None:
    """Raise unless files can be written to a folder, which need not exist; leave nothing behind.

    Raises:
        UsageError: it is not writable, or cannot be created.
        AuditError: the disk is full.
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
    """Raise AuditError if the disk of the folder, which need not exist, has less than `needed_bytes` free."""
    resolved = resolve(output_folder(directory))
    existing = next(folder for folder in (resolved, *resolved.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise AuditError(
            f"Not enough disk space for the result in {directory}: about {needed_bytes / 1e6:,.0f} MB needed, "
            f"{free / 1e6:,.0f} MB free; free some space or choose another folder."
        )


def resolve(directory: Path) -> Path:
    """Return a folder's absolute path without symbolic links.

    Raises:
        UsageError: the current directory no longer exists, or the path contains a loop of links.
    """
    try:
        resolved = Path(os.path.realpath(directory))
        if any(folder.is_symlink() for folder in (resolved, *resolved.parents)):  # realpath leaves loops unresolved
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except OSError as error:
        raise UsageError(f"The output folder {directory} cannot be used ({_reason(error)}); choose another.") from None
    return resolved


def is_result(directory: str | Path) -> bool:
    """Return whether the folder contains a result: a scores table and a summary written by this package."""
    summary = read_summary(directory)
    ours = summary is not None and {"schema_version", "complete", "dataset"} <= summary.keys()
    scores = current_file(Path(directory), "scores.parquet")
    return ours and scores is not None and scores.is_file()


def read_summary(directory: str | Path) -> dict[str, Any] | None:
    """Return the content of an untrusted summary.json in a folder; None if it does not exist or is not a JSON object.

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
    """Return what `read_summary` returns, from an open file."""
    try:
        summary = json.loads(read_bounded(file, limit=LARGEST_SUMMARY).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return summary if isinstance(summary, dict) and not _is_deep(summary) else None


@contextmanager
def opened_result(directory: Path) -> Iterator[dict[str, BinaryIO]]:
    """Open the files of the result in a folder; all belong to one result, even while another process replaces it.

    Yields:
        The existing files, by name.

    Raises:
        UsageError: the result kept being replaced.
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
            if _result_state(directory) == before:  # open files do not change afterwards
                if failure is not None:
                    raise failure
                yield files
                return
    raise UsageError(f"The result in {directory} is being replaced; try again.")


@contextmanager
def claimed_output(directory: str | Path, *, overwrite: bool, sources: Sequence[str | Path] = ()) -> Iterator[None]:
    """Check an output folder as `check_output` does, and lock it against other processes inside the context.

    Raises:
        UsageError: see `check_output`, or another run is writing to the folder.
        AuditError: the disk is full.
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
        _check_contents(directory, overwrite=overwrite)  # again, as another run may have just finished
        yield


@contextmanager
def staged_result(directory: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """Write the files of a result so that all appear together, or none.

    Yields a hidden folder to write into. If the block succeeds, its files replace those of an older result; after any
    error or Ctrl-C, nothing has changed.

    Args:
        directory: the result's folder; created if missing.
        overwrite: whether an older result in it may be replaced. Other files are never touched.

    Raises:
        UsageError: see `check_output`, or another run is writing to the folder.
        AuditError: the disk is full, or the files cannot be written.
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
    """Add or replace files of the result in a folder; see `write_files`.

    Raises:
        UsageError: another run is writing to the folder.
        AuditError: the files cannot be written.
    """
    directory = output_folder(directory)
    resolved = resolve(directory)
    try:
        with locked_output(resolved):
            write_files(resolved, contents)
    except OSError as error:
        raise AuditError(f"Cannot write {', '.join(contents)} to {directory} ({_reason(error)}).") from error


def _check_contents(directory: Path, *, overwrite: bool) -> None:
    try:
        if not directory.exists():
            return
        if not directory.is_dir():
            raise UsageError(f"The output {directory} is a file; expected a folder, which need not exist.")
        present = [name for name in KNOWN_FILES if current_file(directory, name) is not None]
        folders = [name for name in present if (directory / name).is_dir()]
    except OSError as error:
        raise UsageError(f"The output folder {directory} cannot be used ({_reason(error)}); choose another.") from None
    if present and (folders or not is_result(directory)):
        raise UsageError(
            f"The output folder {directory} contains {', '.join(folders or present)} but no result of curv-issues; "
            "nothing was overwritten. Move the files away or choose another folder."
        )
    if present and not overwrite:
        raise UsageError(
            f"The output folder {directory} already contains a result; choose another folder, or replace it with --overwrite "
            "(overwrite=True)."
        )


def _clean_up(directory: Path, work: Path) -> None:
    """Finish or remove what killed runs have left behind."""
    if directory.is_dir():
        finish_move(directory, KNOWN_FILES)
        remove_partial_files(directory, KNOWN_FILES)
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
    """Create the folder and its parents, and append those that were missing to `created`, outermost first."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        created.append(folder)


def _remove_folders(created: list[Path]) -> None:
    for folder in reversed(created):
        try:
            folder.rmdir()
        except OSError:  # another process has written to it in the meantime
            return


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # so that "no space" errors occur before the old result is replaced


def _result_state(directory: Path) -> list[tuple[Path | None, *tuple[int, ...]]]:
    """Return path, device, inode, size and time of each file, which change if a file is replaced or moved into place."""
    return [_file_state(current_file(directory, name)) for name in KNOWN_FILES]


def _file_state(path: Path | None) -> tuple[Path | None, *tuple[int, ...]]:
    if path is None:
        return (None,)
    try:
        found = path.stat()
    except OSError:
        return (path,)
    return (path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


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
            f"The new result in {directory} is complete, but not all of its files could be moved into place ({reason}); the next "
            "audit with this folder tries again."
        )
    if error.errno in _NOT_WRITABLE:
        return UsageError(f"The output folder {directory} is not writable ({reason}); nothing was written.")
    if error.errno in _NO_SPACE:
        return AuditError(f"There is no space for the result in {directory} ({reason}); nothing was written.")
    return AuditError(f"The result could not be written to {directory} ({reason}); nothing was written.")


def _reason(error: OSError) -> str:
    text = os.strerror(error.errno) if error.errno else str(error)
    return " ".join(text.split())
