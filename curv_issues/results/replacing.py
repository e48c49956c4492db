"""Put the files of a new result in the place of an older one, so that a kill at any moment leaves the one or the other.

Two ways. Where the folder holds nothing but a result, the new folder and the old one change places in one step of the file
system. Otherwise (it also holds the user's files, it is the current directory or a mount point, or the system cannot swap
folders) the new files are moved into the folder one by one: they first become the subfolder `READY` in one step. From then on
that subfolder counts, file by file, before the folder around it (`current_file`), and the next writer finishes the move.
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
_ABSENT = ".absent"  # ending of an empty file in READY: the new result has no such file
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux


def current_file(directory: Path, name: str) -> Path | None:
    """Where a file of the result in a folder lies, even in the middle of a replacement; None if the result has no such file."""
    if os.path.lexists(directory / READY / (name + _ABSENT)):
        return None
    return next((path for path in (directory / READY / name, directory / name) if os.path.lexists(path)), None)


def put_in_place(staged: Path, directory: Path, names: Sequence[str]) -> None:
    """Make a folder with the files of a result, which lies on the same file system, the output folder.

    Afterwards `staged` is gone or holds an older result, to be removed with `discard`.

    Args:
        staged: the new files, all of them with one of the `names`.
        directory: the output folder; its parent exists.
        names: the names that files of a result have, in the order in which they are to appear.

    Raises:
        OSError: nothing has changed, or `READY` lies in the folder and `finish_move` has to be called again.
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
    shutil.move(staged, within)  # copies where the folder is a mount point
    os.rename(within, directory / READY)
    try:
        finish_move(directory, names)
    except KeyboardInterrupt:  # a moment's work; another Ctrl-C leaves it to the next run
        finish_move(directory, names)
        raise


def finish_move(directory: Path, names: Sequence[str]) -> None:
    """Finish a replacement file by file that was cut short, if there is one."""
    ready = directory / READY
    if not ready.is_dir():
        return
    for name in names:
        if (ready / (name + _ABSENT)).exists():
            (directory / name).unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileNotFoundError):  # moved before
                os.replace(ready / name, directory / name)
    discard(ready, directory, names)


def discard(folder: Path, directory: Path, names: Sequence[str]) -> None:
    """Remove a staged or replaced result. Other files in it, added at the last moment, go to the output folder."""
    ours = {*names, *(name + _ABSENT for name in names)}
    with contextlib.suppress(OSError):  # what stays is tried again by the next run
        for path in list(folder.iterdir()):
            if path.name in ours:
                path.unlink()
            elif not os.path.lexists(directory / path.name):
                path.rename(directory / path.name)
        folder.rmdir()


def _holds_only(directory: Path, names: Sequence[str]) -> bool:
    return {path.name for path in directory.iterdir()} <= {*names, HIDDEN}


def _must_stay(directory: Path) -> bool:
    """Whether the folder itself cannot be replaced by another: a mount point, or where the shell that called us is."""
    with contextlib.suppress(OSError):  # the current directory is gone
        if os.path.samefile(directory, os.curdir):
            return True
    return os.path.ismount(directory)


def _copy_owner_and_mode(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not allowed, or not on this system
        found = source.stat()
        os.chown(target, found.st_uid, found.st_gid)
    shutil.copymode(source, target)


def _exchange(first: Path, second: Path) -> bool:
    """Let two folders change places in one step; False if the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, TypeError, AttributeError):  # not Linux, or an old C library
        return False
    names = (os.fsencode(first), os.fsencode(second))
    return renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0
