"""Write the new dataset into a folder, with a writer for its kind, and compare what is read from it with what was planned."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curv_issues.applying import WRITERS
from curv_issues.applying.checking import check_written
from curv_issues.applying.copying import size_of_tree
from curv_issues.applying.edits import ONLY_CHANGES, DatasetEdits, Written, refuse
from curv_issues.applying.features_file import write_features
from curv_issues.applying.source import AuditedDataset, Located
from curv_issues.data.reopening import opened_with
from curv_issues.errors import UsageError
from curv_issues.plugins import load_attribute
from curv_issues.progress import StepCallback
from curv_issues.results.arrow import clean_text
from curv_issues.results.folder import check_space
from curv_issues.review.decisions import REMOVE

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


def write_dataset(
    result: AuditResult,
    audited: AuditedDataset,
    located: Located,
    staged: Path,
    *,
    kind: str,
    target: Path,
    link: str | None,
    progress: StepCallback | None,
) -> tuple[Written, str | None]:
    """Write a new dataset, and return what was written and the fingerprint of its audited samples, if it is known.

    Args:
        result: of the audit.
        audited: the dataset.
        located: the changes of its samples.
        staged: an empty folder to write into.
        kind: a key of `WRITERS`.
        target: the place of the folder later.
        link: see `apply_decisions`.
        progress: called as `progress(done, total)`.

    Raises:
        CurvIssuesError: see `apply_decisions`.
        OSError: a file cannot be read or written.
    """
    edits = _edits(audited, located, target.name)
    check_space(target, _needed_bytes(audited, kind, link))
    written = load_attribute(WRITERS[kind])(edits, staged, link=link, progress=progress)
    order = check_written(edits, written, staged, target=target)
    written = _with_features(edits, written, staged, order)
    return written, _fingerprint(result, located, order) if located.is_unchanged else None


def _edits(audited: AuditedDataset, located: Located, name: str) -> DatasetEdits:
    spelled = {clean_text(label): label for label in audited.opened.labels.class_names}
    labels = {row: spelled.get(change.label, change.label) for row, change in located.changes.items() if change.label is not None}
    removed = frozenset(row for row, change in located.changes.items() if change.action == REMOVE)
    return DatasetEdits(audited, labels, removed, name)


def _needed_bytes(audited: AuditedDataset, kind: str, link: str | None) -> int:
    """Return about how many bytes the new dataset takes."""
    if link is not None or kind == "table of labels":
        return 0
    return sum(size_of_tree(Path(path)) if os.path.isdir(path) else os.path.getsize(path) for path in audited.paths)


def _with_features(edits: DatasetEdits, written: Written, staged: Path, order: Sequence[int]) -> Written:
    """Write the file of features of the dataset too, if it has one."""
    features, selection = edits.audited.options.features, edits.opened.selection
    if features is None:
        return written
    if not isinstance(features, str | os.PathLike):
        raise UsageError(refuse("features in memory"))
    source = Path(features).expanduser().absolute()
    roots = [Path(path).absolute() for path in edits.audited.paths if os.path.isdir(path)]
    inside = [source.relative_to(root).as_posix() for root in roots if source.is_relative_to(root)]
    place = inside[0] if inside else source.name
    if not inside and os.path.lexists(staged / place):
        raise UsageError(
            f"The new dataset has a file {place} already, so {features} cannot be written beside it; rename one of them."
        )
    is_part = -1 in order  # only some rows of these splits were selected
    if is_part and [row for row in order if row >= 0] != list(range(len(selection))):
        raise UsageError(
            f"The features belong to {selection.expression!r}, which selects other rows after the changes; audit whole splits, or "
            f"{ONLY_CHANGES}."
        )
    write_features(source, staged / place, range(len(selection)) if is_part else order)
    return replace(written, options={**written.options, "features": place})


def _fingerprint(result: AuditResult, located: Located, order: Sequence[int]) -> str:
    """Return the fingerprint of the audited samples after the changes, in their new order; see `LabeledData.fingerprint`."""
    samples = zip(result.scores["row"], result.images["image_sha256"], result.scores["given"], strict=True)
    audited = {row: (image, given) for row, image, given in samples}
    digest = hashlib.sha256()
    for row in order:
        if row in audited:
            image, given = audited[row]
            change = located.changes.get(row)
            label = given if change is None or change.label is None else change.label
            digest.update(f"{image}\t{label}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def record_of(audited: AuditedDataset, written: Written) -> dict[str, Any] | None:
    """Return how to open the new dataset: paths below its folder and options; None if it cannot be opened by them."""
    if written.dataset is None and not isinstance(audited.dataset, list):
        return None
    dataset = audited.dataset if written.dataset is None else [place or "." for place in written.dataset]
    split = audited.options.split if not set(written.splits) - set(written.splits.values()) else None
    record = opened_with([], replace(audited.options, revision=None, split=split))
    return None if record is None else {"dataset": dataset, "options": {**record["options"], **written.options}}
