"""Read a new dataset again before it appears, and compare its labels with those that were planned."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curv_issues.applying.edits import ONLY_CHANGES, DatasetEdits, Expected, Listing, Written, expected_labels, list_labels
from curv_issues.data.opening import open_labelled
from curv_issues.data.table import FileTable
from curv_issues.errors import AuditError, CurvIssuesError, DatasetError


def check_written(edits: DatasetEdits, written: Written, folder: Path, *, target: Path) -> list[int]:
    """Return for each sample of the selected splits, in the order of the new dataset, its row in the old selection.

    Images are not read. Samples that were not selected have row -1.

    Args:
        edits: what was planned.
        written: what was written.
        folder: where it is now.
        target: where it will be, for messages.

    Raises:
        DatasetError: the new dataset cannot be read, for example because its samples have only one class.
        AuditError: it would be read with other labels than planned.
    """
    selection = edits.opened.selection
    chosen = list(dict.fromkeys(piece.split for piece in selection.pieces))
    is_folder = isinstance(selection.pieces[0].table, FileTable)
    dataset = edits.audited.dataset if written.dataset is None else [os.path.join(folder, place) for place in written.dataset]
    paths: dict[str, Any] = {name: os.path.join(folder, place) for name, place in written.options.items()}
    has_names = edits.opened.source.has_split_names
    options = replace(
        edits.audited.options,
        split=written.splits.get(chosen[0], chosen[0]) if has_names else None,
        revision=None,
        max_samples=None,
        **paths,
    )
    try:
        opened = open_labelled(dataset, options, with_features=False)
        found = list_labels(opened.source.splits, opened, is_folder=is_folder)
    except CurvIssuesError as error:
        reason = str(error).replace(os.fspath(folder), os.fspath(target))
        raise DatasetError(f"The corrected dataset could not be read: {reason} Nothing was written; {ONLY_CHANGES}.") from error
    expected = {written.splits.get(name, name): kept for name, kept in expected_labels(edits, is_folder=is_folder).items()}
    order = {}
    for split in expected.keys() | found.keys():
        rows = _compare(expected.get(split, []), found.get(split, Listing([], [])), written.new_paths, is_folder=is_folder)
        if rows is None:
            raise AuditError(
                f"The corrected dataset would be read with other labels in the split {split!r} than planned; nothing was written. "
                f"Please report this, and {ONLY_CHANGES}."
            )
        order[split] = rows
    return [row for split in chosen for row in order.get(written.splits.get(split, split), [])]


def _compare(expected: list[Expected], found: Listing, new_paths: Mapping[str, str], *, is_folder: bool) -> list[int] | None:
    """Return the rows of the samples in the order in which they were found; None if their labels are not the expected ones."""
    if not is_folder:
        return [sample.row for sample in expected] if [sample.name for sample in expected] == found.names else None
    by_path = {new_paths.get(str(sample.path), str(sample.path)): sample for sample in expected}
    same = {path: sample.name for path, sample in by_path.items()} == dict(zip(found.paths, found.names, strict=True))
    return [by_path[path].row for path in found.paths] if same else None
