"""List every file below a folder once, in a fixed order, and check whether it may be read."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curv_issues.errors import DatasetError

_LOGGER = logging.getLogger("curv_issues")
_REPORT_EVERY = 10.0  # seconds between progress lines of a long walk
_DEEPEST = 64  # nested folders
_MOST_WAYS = 100  # paths that lead to the same folder through links
_SYSTEM_NAMES = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)

HIDDEN = "hidden or system file"
BROKEN_LINK = "broken link"
FOREIGN_LINK = "another user's link that leaves the folder"
NOT_REGULAR = "not a regular file"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One entry of a folder tree that is not itself a folder.

    Attributes:
        parts: folder names below the root, then the file name.
        refused: why the file is skipped whatever its content; None: it may be read.
    """

    parts: tuple[str, ...]
    refused: str | None = None

    @property
    def path(self) -> str:
        """Path relative to the root, with forward slashes."""
        return "/".join(self.parts)

    @property
    def ending(self) -> str:
        """Lower-case extension with the dot; "" if there is none."""
        return os.path.splitext(self.parts[-1])[1].lower()


@dataclass(frozen=True)
class FoundTree:
    """Everything below a folder.

    Attributes:
        root: the folder.
        files: all files, sorted; in each folder, its own files come before those of its subfolders.
        folders: path parts of every folder that is not hidden, without the root.
    """

    root: Path
    files: tuple[FoundFile, ...]
    folders: tuple[tuple[str, ...], ...]


def walk_folder(root: Path) -> FoundTree:
    """List all files below a folder.

    Links are followed. A link that leaves the folder is followed only if it belongs to the current user or to root:
    in a shared folder, other users' links could pull in private files of the reader. Files in hidden folders are listed as
    hidden; links in hidden folders are not followed.

    Args:
        root: the folder.

    Raises:
        DatasetError: a folder cannot be listed, a link leads back to a parent folder, or over 100 paths lead to one folder.
    """
    walk = _Walk(root)
    return FoundTree(root, tuple(walk.files((), root, hidden=False, above=(_identity(root),))), tuple(walk.folders))


class _Walk:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self.folders: list[tuple[str, ...]] = []
        self._found = 0
        self._ways: Counter[tuple[int, int]] = Counter()
        self._next_report = time.monotonic() + _REPORT_EVERY

    def files(
        self, parts: tuple[str, ...], folder: str | os.PathLike[str], *, hidden: bool, above: tuple[tuple[int, int], ...]
    ) -> Iterator[FoundFile]:
        if len(parts) > _DEEPEST:
            raise DatasetError(
                f"{self._root} has more than {_DEEPEST} levels of nested folders, starting with {'/'.join(parts[:3])}."
            )
        below = []
        for entry in self._list(folder, parts, hidden):
            place = (*parts, entry.name)
            passed_over = hidden or is_hidden(entry.name)
            if not self._is_folder(entry):
                self._count()
                yield FoundFile(place, HIDDEN if passed_over else self._refuse(entry))
            elif entry.is_symlink() and (passed_over or self._is_foreign(entry)):
                yield FoundFile(place, HIDDEN if passed_over else FOREIGN_LINK)
            else:
                below.append((entry, place, passed_over))
        for entry, place, passed_over in below:
            identity = _identity(entry.path)
            if identity in above:
                raise DatasetError(
                    f"{self._root} cannot be listed: the link {'/'.join(place)} leads back to one of its parent folders; remove it."
                )
            self._ways[identity] += 1
            if self._ways[identity] > _MOST_WAYS:  # nested links can double the number of files per level
                raise DatasetError(
                    f"{self._root} cannot be listed: more than {_MOST_WAYS} paths lead through links to the folder "
                    f"{'/'.join(place)}; remove the links."
                )
            if not passed_over:
                self.folders.append(place)
            yield from self.files(place, entry.path, hidden=passed_over, above=(*above, identity))

    def _list(self, folder: str | os.PathLike[str], parts: tuple[str, ...], hidden: bool) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if hidden:
                return []
            name = "/".join(parts) or "it"
            raise DatasetError(
                f"{self._root} cannot be read: {name} cannot be listed ({error.strerror}); change its permissions, or remove it."
            ) from error

    @staticmethod
    def _is_folder(entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError:  # a link to itself
            return False

    def _refuse(self, entry: os.DirEntry[str]) -> str | None:
        """Return why a file is skipped, or None; only links and special files need a stat call."""
        try:
            if not entry.is_symlink():
                return None if entry.is_file() else NOT_REGULAR
            if not stat.S_ISREG(entry.stat().st_mode):
                return NOT_REGULAR
        except OSError:
            return BROKEN_LINK
        return FOREIGN_LINK if self._is_foreign(entry) else None

    def _is_foreign(self, entry: os.DirEntry[str]) -> bool:
        return not stays_inside(entry.path, self._real_root)

    def _count(self) -> None:
        self._found += 1
        if self._found % 1000 == 0 and time.monotonic() > self._next_report:
            self._next_report = time.monotonic() + _REPORT_EVERY
            _LOGGER.info("Listing %s: %s files so far.", self._root, f"{self._found:,}")


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden or belongs to the operating system: `.DS_Store`, `._a.jpg`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def stays_inside(path: str, real_root: str) -> bool:
    """Return whether a path leads to a place inside a folder, or leaves it by a link of the current user or root.

    Args:
        path: a file or folder.
        real_root: the folder, with all links resolved.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) and (not hasattr(os, "geteuid") or status.st_uid in (os.geteuid(), 0)):
            return True
    except OSError:  # the file does not exist
        pass
    return os.path.commonpath([real_root, os.path.realpath(path)]) == real_root


def _identity(folder: str | os.PathLike[str]) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino
