"""Copy the files of a dataset folder, or link to its images."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from curv_issues.applying.log import logs_in
from curv_issues.counting import counted
from curv_issues.data.walk import FoundTree, walk_folder
from curv_issues.errors import UsageError
from curv_issues.progress import StepCallback

HARD, SYMBOLIC = "hard", "symbolic"
LINKS = (HARD, SYMBOLIC)


def copy_tree(
    root: Path,
    target: Path,
    *,
    new_places: Mapping[str, str | None],
    link: str | None = None,
    linked: Collection[str] = (),
    progress: StepCallback | None = None,
) -> list[str]:
    """Copy all files of a folder that are not hidden, and its empty folders.

    Files are copied with their times. Links in the folder are followed. The log of earlier changes is left out.

    Args:
        root: the folder.
        target: the new folder, which exists.
        new_places: path -> new path for files that are moved; None for files to leave out.
        link: "hard" or "symbolic": link to the files in `linked` instead of copying them.
        linked: paths of files to link to.
        progress: called as `progress(done, total)`.

    Returns:
        Notes on what was not copied.

    Raises:
        UsageError: hard links are not possible.
        OSError: a file cannot be read or written.
    """
    tree = walk_folder(root)
    wanted = set(linked) if link is not None else set()
    logs = logs_in(root)
    for number, file in enumerate(tree.files, 1):
        place = new_places.get(file.path, file.path)
        if file.refused is None and place is not None and file.path not in logs:
            new = target / place
            new.parent.mkdir(parents=True, exist_ok=True)
            place_file(root / file.path, new, link=link if file.path in wanted else None)
        if progress is not None:
            progress(number, len(tree.files))
    with_files = {file.parts[:depth] for file in tree.files for depth in range(1, len(file.parts))}
    for folder in tree.folders:
        if folder not in with_files:
            target.joinpath(*folder).mkdir(parents=True, exist_ok=True)
    return _notes(tree)


def size_of_tree(root: Path) -> int:
    """Return about how many bytes `copy_tree` copies."""
    return sum(os.stat(root / file.path).st_size for file in walk_folder(root).files if file.refused is None)


def place_file(source: Path, target: Path, *, link: str | None = None) -> None:
    """Copy a file with its times, or link to it."""
    if link == SYMBOLIC:
        os.symlink(os.path.realpath(source), target)
    elif link == HARD:
        try:
            os.link(os.path.realpath(source), target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise
            raise UsageError(
                f"A hard link to {source} cannot be made ({os.strerror(error.errno)}); choose an output folder on the same file "
                f"system, or use --link {SYMBOLIC} (link={SYMBOLIC!r}). Nothing was written."
            ) from None
    else:
        shutil.copyfile(source, target)
        shutil.copystat(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o200)  # so that a copy of a read-only file can be removed


def _notes(tree: FoundTree) -> list[str]:
    refused = [file for file in tree.files if file.refused is not None]
    if not refused:
        return []
    return [f"{counted(len(refused), 'hidden, broken or foreign file was', 'hidden, broken or foreign files were')} not copied."]
