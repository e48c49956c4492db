"""Write a new folder so that it appears as a whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from curv_issues.errors import AuditError, DatasetError, UsageError
from curv_issues.results.folder import check_current_directory, check_outside, check_writable, output_folder, resolve
from curv_issues.results.lock import locked_folder

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LONGEST_NAME = 200  # bytes; file systems allow 255
_SUFFIX = ".curv-issues-new"


def check_new_folder(directory: str | Path, *, sources: Sequence[str], result: str | Path | None) -> Path:
    """Return the path of a new folder without links, or raise unless it can be written; leaves nothing behind.

    Args:
        directory: the folder; it must not exist, or be empty.
        sources: files and folders of the dataset.
        result: folder of the result; None: it was not saved.

    Raises:
        UsageError: it exists and is not empty, is inside the dataset or the result, or cannot be written.
        AuditError: the disk is full.
    """
    check_current_directory()
    folder = output_folder(directory)
    _check_empty(folder)
    check_outside(folder, [path for path in sources if os.path.isdir(path)])
    if result is not None and resolve(folder).is_relative_to(os.path.realpath(result)):
        raise UsageError(
            f"The output folder {folder} is inside the results folder {result}; choose a folder elsewhere with --output."
        )
    check_writable(folder)
    resolved = resolve(folder)
    if folder.exists() and os.path.samefile(folder, os.curdir):
        raise UsageError(f"The output folder {folder} is the current directory, which cannot be replaced; choose a new folder.")
    return resolved


def _check_empty(folder: Path) -> None:
    try:
        if not os.path.lexists(folder):
            return
        is_empty = folder.is_dir() and next(folder.iterdir(), None) is None
    except OSError as error:
        raise UsageError(f"The output folder {folder} cannot be used ({os.strerror(error.errno or 0)}); choose another.") from None
    if not is_empty:
        what = "is not empty" if folder.is_dir() else "is a file"
        raise UsageError(f"The output {folder} {what}; choose a folder that does not exist, with --output. Nothing was written.")


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder to write into, of the same name, which becomes `folder` if the block succeeds.

    After any error or Ctrl-C, nothing is left. What a killed process leaves is removed when the same folder is written again.

    Args:
        folder: from `check_new_folder`.

    Raises:
        UsageError: another process is writing the folder, it has been created meanwhile, or it is not writable.
        AuditError: the disk is full, or the files cannot be written.
        DatasetError: a file of the dataset cannot be read.
    """
    name = folder.name if len(os.fsencode(folder.name)) <= _LONGEST_NAME else hashlib.sha256(os.fsencode(folder.name)).hexdigest()
    work = folder.with_name(f".{name}{_SUFFIX}")
    created = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(work) as is_locked:
            if not is_locked:
                raise UsageError(
                    f"Another run is writing to the output folder {folder}; wait until it ends, or choose another folder."
                )
            staged = work / folder.name
            _remove(staged)  # which a killed process has left
            staged.mkdir()
            yield staged
            _check_empty(folder)  # again, as another process may have written to it
            if folder.exists():
                shutil.copymode(folder, staged)
            os.replace(staged, folder)
    except OSError as error:
        raise _explain(error, folder, work) from error
    finally:
        if work.exists():  # after an error or Ctrl-C, or another process holds it
            with contextlib.suppress(OSError), locked_folder(work, tries=1) as is_ours:
                if is_ours:
                    _remove(work / folder.name)
        for parent in created:  # innermost first; removes only empty folders
            with contextlib.suppress(OSError):
                parent.rmdir()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _explain(error: OSError, folder: Path, work: Path) -> UsageError | AuditError | DatasetError:
    reason = " ".join((os.strerror(error.errno) if error.errno else str(error)).split())
    if error.errno in _NO_SPACE:
        return AuditError(f"There is no space for the new dataset {folder} ({reason}); nothing was written.")
    names = [os.fspath(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    of_source = [name for name in map(os.fsdecode, names) if not name.startswith((str(work), str(folder)))]
    if of_source:
        return DatasetError(f"{of_source[0]} cannot be read ({reason}); nothing was written.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError(f"The output folder {folder} is not writable ({reason}); nothing was written.")
    return AuditError(f"The new dataset {folder} could not be written ({reason}); nothing was written.")
