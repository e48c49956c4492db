"""List every file below a folder once, in a fixed order, and say of each whether it may be read."""

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
_REPORT_EVERY = 10.0  # seconds between two lines about a long walk
_DEEPEST = 64  # folders in each other
_MOST_WAYS = 100  # that lead to one folder through links
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
        parts: names of the folders below the root, then the file's own name.
        refused: why the file is passed over whatever it holds; None: it may be read.
    """

    parts: tuple[str, ...]
    refused: str | None = None

    @property
    def path(self) -> str:
        """Path below the root, with forward slashes."""
        return "/".join(self.parts)

    @property
    def ending(self) -> str:
        """Ending in lower case with its dot; "" if there is none."""
        return os.path.splitext(self.parts[-1])[1].lower()


@dataclass(frozen=True)
class FoundTree:
    """Everything below a folder.

    Attributes:
        root: the folder.
        files: all files in sorted order; in each folder its own files come before those of its subfolders.
        folders: parts of every folder that is not hidden, the root excluded.
    """

    root: Path
    files: tuple[FoundFile, ...]
    folders: tuple[tuple[str, ...], ...]


def walk_folder(root: Path) -> FoundTree:
    """List all files below a folder.

    Links are followed. A link that leaves the folder is followed only if it belongs to the user who runs this, or to
    root: anybody else's link in a shared folder could bring in files of the reader. Files in hidden folders are listed
    as hidden; what a hidden folder links to is not looked at.

    Args:
        root: the folder.

    Raises:
        DatasetError: a folder cannot be listed, or links lead back to a folder that they lie in, or 100 times to one.
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
                f"{self._root} has more than {_DEEPEST} folders in each other, the first of them {'/'.join(parts[:3])}."
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
                    f"{self._root} cannot be listed: the link {'/'.join(place)} leads back to a folder that it lies in; remove it."
                )
            self._ways[identity] += 1
            if self._ways[identity] > _MOST_WAYS:  # links to folders of links double the files with each level
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
        """Why a file is passed over; costs a look at the file only for links and what is no plain file."""
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
    """Whether a file or folder is the operating system's or hidden, such as `.DS_Store`, `._a.jpg` or `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def stays_inside(path: str, real_root: str) -> bool:
    """Whether a path leads to a place below a folder, or leaves it by a link of the user who runs this, or of root.

    Args:
        path: a file or folder.
        real_root: the folder, all links in its own path resolved.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) and (not hasattr(os, "geteuid") or status.st_uid in (os.geteuid(), 0)):
            return True
    except OSError:  # there is no such file
        pass
    return os.path.commonpath([real_root, os.path.realpath(path)]) == real_root


def _identity(folder: str | os.PathLike[str]) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino
