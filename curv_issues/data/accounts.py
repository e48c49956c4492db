"""Account for every file of a folder: read, or left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

NAMES_SHOWN = 5
ARCHIVE = "archive that is not unpacked"


class LeftOut(NamedTuple):
    """A file that was not read.

    Attributes:
        path: relative to the dataset folder, with forward slashes.
        reason: a short phrase, shared by all files left out for the same reason.
        looks_like_image: whether the user may have expected this file to be audited.
    """

    path: str
    reason: str
    looks_like_image: bool = False


@dataclass(frozen=True)
class FileAccount:
    """All files of a folder.

    Attributes:
        read: number of files that hold samples.
        left_out: all other files, in folder order.
    """

    read: int
    left_out: tuple[LeftOut, ...] = ()

    def without(self, paths: Sequence[str], reason: str, *, looks_like_image: bool = False) -> FileAccount:
        """Return a copy in which these files count as left out, no longer as read."""
        more = (LeftOut(path, reason, looks_like_image) for path in paths)
        return FileAccount(self.read - len(paths), tuple(sorted([*self.left_out, *more])))

    @property
    def found(self) -> int:
        """Number of files below the folder, read or left out."""
        return self.read + len(self.left_out)

    def by_reason(self) -> dict[str, list[str]]:
        """Return the paths grouped by reason, most frequent reason first."""
        groups: dict[str, list[str]] = {}
        for file in self.left_out:
            groups.setdefault(file.reason, []).append(file.path)
        return dict(sorted(groups.items(), key=lambda group: -len(group[1])))

    def line(self) -> str:
        """Return a one-line summary for people."""
        counts = f"files: {self.found:,} found, {self.read:,} read"
        if not self.left_out:
            return f"{counts}."
        groups = [f"{len(paths):,} {reason} ({shorten(paths)})" for reason, paths in self.by_reason().items()]
        return f"{counts}, {len(self.left_out):,} left out: {'; '.join(groups)}."

    def describe(self) -> dict[str, Any]:
        """Return a JSON-serialisable summary with up to five example paths per reason."""
        reasons = {reason: {"count": len(paths), "examples": paths[:NAMES_SHOWN]} for reason, paths in self.by_reason().items()}
        return {"found": self.found, "read": self.read, "left_out": reasons}

    def notes(self) -> list[str]:
        """Return one note per reason for leaving out image-like files, and one about archives."""
        images: dict[str, list[str]] = {}
        for file in self.left_out:
            if file.looks_like_image:
                images.setdefault(file.reason, []).append(file.path)
        notes = [
            f"{len(paths):,} {'file that looks like an image was' if len(paths) == 1 else 'files that look like images were'} "
            f"left out: {reason} ({shorten(paths, NAMES_SHOWN)})."
            for reason, paths in images.items()
        ]
        archives = [file.path for file in self.left_out if file.reason == ARCHIVE]
        if archives:
            only = len(archives) == 1
            notes.append(
                f"{len(archives):,} {'archive was' if only else 'archives were'} left out ({shorten(archives)}); "
                f"if {'it holds' if only else 'they hold'} images of the dataset, unpack {'it' if only else 'them'}."
            )
        return notes


def shorten(names: Iterable[str], most: int = NAMES_SHOWN) -> str:
    """Return the first `most` names, separated by commas, with an ellipsis if there are more."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
