"""Write the files of an export so that all appear together, or none."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from curv_issues.errors import AuditError, UsageError
from curv_issues.regular_files import open_regular, read_bounded
from curv_issues.results.folder import check_outside, check_writable, output_folder, resolve

MARKER = ".curv-issues-export.json"
"""File of every complete export, which lists its other files, so that only these are ever replaced."""

_VERSION_KEY, _VERSION = "curv_issues_export", 1
_STAGE = ".curv-issues-export-"
_LARGEST_MARKER = 256_000_000  # bytes; more than a million long names


def check_export_folder(output: str | Path, *, overwrite: bool, sources: Sequence[str] = ()) -> None:
    """Raise unless an export can be written to a folder; leave nothing behind.

    Args:
        output: the folder, which need not exist.
        overwrite: whether an older export in it may be replaced.
        sources: local folders of the dataset, into which nothing must be written.

    Raises:
        UsageError: it is a file, is not empty, is not writable, or is inside a source.
        AuditError: the disk is full.
    """
    folder = output_folder(output)
    _check_contents(folder, overwrite=overwrite)
    check_outside(folder, sources)
    check_writable(folder)


@contextlib.contextmanager
def staged_export(output: str | Path, *, overwrite: bool, format: str) -> Iterator[Path]:
    """Yield an empty folder to write into, whose files become those of the output folder if the block succeeds.

    After an error or Ctrl-C, nothing has changed.

    Args:
        output: the folder, which need not exist.
        overwrite: whether an older export in it may be replaced.
        format: name of the format, for people.

    Raises:
        UsageError: see `check_export_folder`.
        AuditError: the files cannot be written.
    """
    folder = resolve(output_folder(output))
    _check_contents(folder, overwrite=overwrite)
    is_new = not folder.exists()
    parent = folder.parent if is_new else folder
    stage = parent / f"{_STAGE}{secrets.token_hex(4)}"
    missing = [above for above in (parent, *parent.parents) if not above.exists()]
    try:
        stage.mkdir(parents=True)
        yield stage
        marker = {_VERSION_KEY: _VERSION, "format": format, "files": sorted(_files(stage))}
        (stage / MARKER).write_text(f"{json.dumps(marker, indent=1)}\n", encoding="utf-8")
        if is_new:
            os.rename(stage, folder)
        else:
            _replace_contents(folder, stage)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
        raise AuditError(f"The export could not be written to {output} ({reason}); nothing was written.") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for above in missing:
            with contextlib.suppress(OSError):  # it has the export in it
                above.rmdir()


def _replace_contents(folder: Path, stage: Path) -> None:
    """Swap the contents of an existing folder and of the staged one within it; the marker disappears first and comes back last."""
    old, new = sorted(path.name for path in folder.iterdir() if path != stage), sorted(path.name for path in stage.iterdir())
    aside = stage / f"{_STAGE}old"
    aside.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for name in sorted(old, key=lambda name: name != MARKER):
            moved.append((folder / name, aside / name))
            os.rename(*moved[-1])
        for name in sorted(new, key=lambda name: name == MARKER):
            moved.append((stage / name, folder / name))
            os.rename(*moved[-1])
    except BaseException:
        for source, target in reversed(moved):
            if os.path.lexists(target) and not os.path.lexists(source):
                os.rename(target, source)
        raise


def _check_contents(folder: Path, *, overwrite: bool) -> None:
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise UsageError(f"The output {folder} is a file; expected a folder, which need not exist.")
        if not any(folder.iterdir()):
            return
        listed = _listed_files(folder)
        if listed is None:
            raise UsageError(f"The output folder {folder} is not empty and has no export of curv-issues; choose another folder.")
        if not overwrite:
            raise UsageError(
                f"The output folder {folder} already contains an export; choose another folder, or replace it with --overwrite "
                "(overwrite=True)."
            )
        others = sorted(_files(folder) - listed - {MARKER})
    except OSError as error:
        raise UsageError(f"The output folder {folder} cannot be used ({error.strerror}); choose another.") from None
    if others:
        raise UsageError(
            f"The output folder {folder} contains {others[0]}, which is not a file of the export; nothing was overwritten. "
            "Move your own files away or choose another folder."
        )


def _listed_files(folder: Path) -> set[str] | None:
    """Return the files that the export in a folder consists of; None if there is no complete export."""
    try:
        with open_regular(folder / MARKER) as file:
            marker = json.loads(read_bounded(file, limit=_LARGEST_MARKER).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    files = marker.get("files") if isinstance(marker, dict) and marker.get(_VERSION_KEY) == _VERSION else None
    return set(files) if isinstance(files, list) and all(isinstance(name, str) for name in files) else None


def _files(folder: Path) -> set[str]:
    """Return the paths of all files and links below a folder, with forward slashes."""
    found = set()
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        found |= {Path(above, name).relative_to(folder).as_posix() for name in (*files, *links)}
    return found
