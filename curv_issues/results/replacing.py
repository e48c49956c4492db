"""Replace an older result by a new one, so that a kill at any moment leaves either of them complete.

If the folder contains only a result, the new and the old folder are swapped in one step of the file system. Otherwise (it
also contains the user's files, is the current directory or a mount point, or the system cannot swap folders), the new files
first become the subfolder `READY` in one step, then they are moved into the folder one by one. As long as the subfolder
exists, its files take precedence over those of the folder (`current_file`), and the next writer finishes the move.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from curv_issues.results.lock import HIDDEN

READY = f"{HIDDEN}-ready"
_ABSENT = ".absent"  # suffix of an empty file in READY, which means that the new result has no such file
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux constants


def current_file(directory: Path, name: str) -> Path | None:
    """Return the path of a file of the result in a folder, even during a replacement; None if the result has no such file."""
    if os.path.lexists(directory / READY / (name + _ABSENT)):
        return None
    return next((path for path in (directory / READY / name, directory / name) if os.path.lexists(path)), None)


def put_in_place(staged: Path, directory: Path, names: Sequence[str]) -> None:
    """Replace the files of the output folder by those of a staged folder on the same file system.

    Afterwards `staged` is gone or contains the older result, to be removed with `discard`.

    Args:
        staged: folder of the new files, whose names are all in `names`.
        directory: the output folder; its parent exists.
        names: possible names of a result's files, in the order in which they should appear.

    Raises:
        OSError: nothing has changed, or `READY` is in the folder and `finish_move` must be called again.
    """
    if not directory.exists():
        os.rename(staged, directory)
        return
    if _holds_only(directory, names) and not _must_stay(directory):
        _copy_owner_and_mode(directory, staged)
        if _exchange(staged, directory):
            return
    for name in names:
        if not (staged / name).exists():
            (staged / (name + _ABSENT)).touch()
    within = directory / f"{HIDDEN}-{os.getpid()}"
    shutil.move(staged, within)  # copies if the folder is a mount point
    os.rename(within, directory / READY)
    try:
        finish_move(directory, names)
    except KeyboardInterrupt:  # finish, as it is quick; after a second Ctrl-C the next run finishes it
        finish_move(directory, names)
        raise


def finish_move(directory: Path, names: Sequence[str]) -> None:
    """Finish an interrupted file-by-file replacement, if there is one."""
    ready = directory / READY
    if not ready.is_dir():
        return
    for name in names:
        if (ready / (name + _ABSENT)).exists():
            (directory / name).unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileNotFoundError):  # moved already
                os.replace(ready / name, directory / name)
    discard(ready, directory, names)


def discard(folder: Path, directory: Path, names: Sequence[str]) -> None:
    """Remove a staged or replaced result; move other files, added at the last moment, to the output folder."""
    ours = {*names, *(name + _ABSENT for name in names)}
    with contextlib.suppress(OSError):  # the next run tries again
        for path in list(folder.iterdir()):
            if path.name in ours:
                path.unlink()
            elif not os.path.lexists(directory / path.name):
                path.rename(directory / path.name)
        folder.rmdir()


def _holds_only(directory: Path, names: Sequence[str]) -> bool:
    return {path.name for path in directory.iterdir()} <= {*names, HIDDEN}


def _must_stay(directory: Path) -> bool:
    """Return whether the folder itself cannot be replaced: a mount point, or the current directory of the calling shell."""
    with contextlib.suppress(OSError):  # the current directory no longer exists
        if os.path.samefile(directory, os.curdir):
            return True
    return os.path.ismount(directory)


def _copy_owner_and_mode(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not permitted, or not available on this system
        found = source.stat()
        os.chown(target, found.st_uid, found.st_gid)
    shutil.copymode(source, target)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; return False if the system does not support it."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, TypeError, AttributeError):  # not Linux, or an old C library
        return False
    names = (os.fsencode(first), os.fsencode(second))
    return renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0
