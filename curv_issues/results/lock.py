"""Allow one writer per output folder, with a file lock that the operating system releases when the process ends.

The lock file is in a hidden work folder, into which the files of a result are written first:

    PARENT/.curv-issues-NAME    beside the output folder PARENT/NAME
    NAME/.curv-issues           inside it, if PARENT is read-only or on another file system

A killed process leaves its work folder behind. The next run with the same parent removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from curv_issues.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows: simultaneous writers are not detected
    fcntl = None  # type: ignore[assignment]

HIDDEN = ".curv-issues"
_LOCK = "lock"
_LONGEST_NAME = 200  # bytes; file systems allow 255
_TRIES, _PAUSE = 5, 0.05  # pause in seconds; another run holds a lock briefly while it cleans up

_held: dict[Path, tuple[int, int]] = {}
"""The process and the thread that hold each output folder."""


@contextlib.contextmanager
def locked_output(directory: Path) -> Iterator[Path]:
    """Lock an output folder against other processes and threads inside the context.

    Missing parents of the folder are created, and removed afterwards if they are empty. The thread that holds a folder may
    lock it again.

    Args:
        directory: the output folder, absolute and without links; it need not exist.

    Yields:
        The work folder.

    Raises:
        UsageError: another process or thread holds the folder.
        OSError: the work folder cannot be created.
    """
    me = (os.getpid(), threading.get_ident())
    owner = _held.setdefault(directory, me)
    if owner != me:
        raise _busy(directory)
    if owner is not me:
        yield _work_folder(directory)
        return
    try:
        with _made_parents(directory):
            work = _work_folder(directory)
            with locked_folder(work) as is_locked:
                if not is_locked:
                    raise _busy(directory)
                yield work
    finally:
        del _held[directory]


@contextlib.contextmanager
def dead_work_folders(directory: Path) -> Iterator[list[Path]]:
    """Lock and yield the work folders that killed runs have left beside an output folder."""
    with contextlib.ExitStack() as stack:
        found = []
        for work in sorted(directory.parent.glob(f"{HIDDEN}-*")):
            with contextlib.suppress(OSError):  # such as a file, or a folder of another user
                if (work / _LOCK).exists() and stack.enter_context(locked_folder(work, tries=1)):
                    found.append(work)
        yield found


def _busy(directory: Path) -> UsageError:
    return UsageError(
        f"Another run is writing to the output folder {directory}; wait until it ends, or choose another folder with --output."
    )


def _work_folder(directory: Path) -> Path:
    parent = directory.parent
    beside = parent != directory and os.access(parent, os.W_OK | os.X_OK)
    if beside and directory.exists():
        beside = parent.stat().st_dev == directory.stat().st_dev
    if not beside:
        return directory / HIDDEN
    name = directory.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return parent / f"{HIDDEN}-{name}"


@contextlib.contextmanager
def _made_parents(directory: Path) -> Iterator[None]:
    created = []
    try:
        for folder in reversed([folder for folder in directory.parents if not folder.exists()]):
            with contextlib.suppress(FileExistsError):  # another process has just created it
                folder.mkdir()
                created.append(folder)
        yield
    finally:
        for folder in reversed(created):
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


@contextlib.contextmanager
def locked_folder(work: Path, *, tries: int = _TRIES) -> Iterator[bool]:
    """Lock a work folder and yield whether that succeeded."""
    descriptor = None
    for attempt in range(tries):
        if attempt:
            time.sleep(_PAUSE)
        descriptor = _try_lock(work)
        if descriptor is not None:
            break
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            os.unlink(work / _LOCK)
        with contextlib.suppress(OSError):  # it is not empty
            work.rmdir()
        os.close(descriptor)


def _try_lock(work: Path) -> int | None:
    with contextlib.suppress(FileExistsError):
        work.mkdir()
    if work.is_symlink():
        raise NotADirectoryError(f"{work} is a link")
    try:
        descriptor = os.open(work / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except FileNotFoundError:  # a run that has just ended removed the folder
        return None
    try:
        _lock(descriptor)
        current = os.stat(work / _LOCK)
    except (BlockingIOError, FileNotFoundError):  # held, or removed by the run that held it
        os.close(descriptor)
        return None
    if not os.path.samestat(current, os.fstat(descriptor)):  # another run removed and created it again
        os.close(descriptor)
        return None
    return descriptor


def _lock(descriptor: int) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks: simultaneous writers are not detected
        return
