"""Open the audited dataset again, and find the samples to change in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.applying.changes import Change
from curv_issues.data.decoding import choose_workers, decode_all, sample_sizes
from curv_issues.data.features import hash_rows
from curv_issues.data.opening import OpenedDataset, open_labelled
from curv_issues.data.reopening import absolute, move_options, opened_names, options_of
from curv_issues.data.source_options import SourceOptions
from curv_issues.errors import CurvIssuesError, DatasetError, UsageError
from curv_issues.results.arrow import clean_text
from curv_issues.review.decisions import ALREADY_APPLIED
from curv_issues.visible import visible

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

_CHUNK = 64  # encoded images read at a time
_LEAST_RESOLUTION = 8  # of images that are decoded only to be hashed
_RECORDED = ("split", "config_name", "label_column")


@dataclass(frozen=True, eq=False)
class AuditedDataset:
    """The dataset of an audit, opened again.

    Attributes:
        dataset: what was opened: a list of paths and Hub ids, or an object.
        options: how.
        opened: its tables and labels.
    """

    dataset: Any
    options: SourceOptions
    opened: OpenedDataset

    @property
    def paths(self) -> list[str]:
        """The local files and folders, [] for other datasets."""
        return [item for item in self.dataset if os.path.exists(item)] if isinstance(self.dataset, list) else []


def open_audited(result: AuditResult, *, dataset: Any = None, labels: Any = None, features: Any = None) -> AuditedDataset:
    """Open the dataset of a result again.

    Args:
        result: of an audit.
        dataset: where it is now; None: where it was.
        labels: where its table of labels is now; None: where it was.
        features: where its features are now; None: where they were.

    Raises:
        UsageError: the dataset was an object in memory, and `dataset` is None; or the record of how it was opened is invalid.
        DatasetError: it cannot be opened.
    """
    described = result.summary["dataset"]
    record = described.get("opened_with")
    if record is None:
        if dataset is None:
            raise UsageError(
                "The audited dataset was an object in memory, or was audited by an older version; pass it as --dataset "
                "(dataset=...), or write only the list of changes: --format changes (format='changes')."
            )
        record = {"dataset": None, "options": {name: described[name] for name in _RECORDED if described.get(name) is not None}}
    moved = {name: value for name, value in (("labels", labels), ("features", features)) if value is not None}
    try:
        options, found = options_of(record), record["dataset"] if dataset is None else _listed(dataset)
        options = replace(move_options(options, opened_names(described), found) if isinstance(found, list) else options, **moved)
    except (UsageError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"The result does not say how its dataset was opened ({visible(str(error))}); run the audit again."
        ) from None
    if dataset is not None:
        options = replace(options, revision=None, config_name=options.config_name if isinstance(found, list) else None)
    elif described.get("revision") is not None:
        options = replace(options, revision=str(described["revision"]))  # the commit, whatever the branch is now
    try:
        return AuditedDataset(found, options, open_labelled(found, options))
    except CurvIssuesError as error:
        if dataset is None:
            raise type(error)(f"{error} If the dataset has moved, pass --dataset (dataset=...).") from error
        raise


def _listed(dataset: Any) -> Any:
    """Return Hub ids and absolute paths as a list; any other dataset as it is."""
    items = [dataset] if isinstance(dataset, str | os.PathLike) else dataset
    are_paths = isinstance(items, list | tuple) and all(isinstance(item, str | os.PathLike) for item in items)
    return [absolute(item) for item in items] if are_paths else dataset


@dataclass(frozen=True)
class Located:
    """The changes in the dataset as it is now.

    Attributes:
        changes: by row of the selection as it is now; a change keeps the row that the audit gave it.
        failed: changes whose sample is not there any more, each with the reason.
        is_unchanged: whether the rows and labels are those of the audit, as far as they were compared.
    """

    changes: dict[int, Change]
    failed: list[Change]
    is_unchanged: bool


def locate(changes: Sequence[Change], audited: AuditedDataset, result: AuditResult) -> Located:
    """Find the samples to change by content and label; a sample may be in another row than in the audit.

    The content is compared by the hash of the encoded images, without decoding. Only images without one, and features, are hashed
    as in the audit.

    Args:
        changes: of samples of the result.
        audited: its dataset.
        result: of an audit.
    """
    opened = audited.opened
    names = class_names(opened)
    expected = _expected_content(result)
    scores = result.scores
    num_rows = result.summary["dataset"].get("num_rows")
    rows = scores["row"].to_numpy()
    same_labels = len(rows) == 0 or (rows[-1] < len(names) and (names[rows] == scores["given"].to_numpy(dtype=object)).all())
    same_rows = bool(same_labels) and num_rows in (None, len(names))
    in_place = [change for change in changes if change.row is not None and change.row < len(names)]
    wanted = {int(change.row): expected[int(change.row)] for change in in_place if change.row is not None}
    max_pixels = audited.options.max_pixels
    found = _contents(opened, wanted, max_pixels=max_pixels)
    located: dict[int, Change] = {}
    moved = []
    for change in changes:
        assert change.row is not None
        if names[change.row : change.row + 1].tolist() == [change.given] and found.get(change.row) == expected[change.row].value:
            located[change.row] = change
        else:
            moved.append(change)
    failed = _search(moved, located, names, opened, expected, max_pixels=max_pixels) if moved else []
    return Located(located, failed, same_rows and not moved)


def class_names(opened: OpenedDataset) -> np.ndarray:
    """Return the class name of each row of the selection as results have it, object (n,); None without a label."""
    names = np.array([*map(clean_text, opened.labels.class_names), None], dtype=object)
    return names[opened.labels.codes]  # the code of samples without a label is -1


@dataclass(frozen=True)
class _Content:
    """The content of a sample: the hash of its file or, if it has none, of its pixels or features."""

    value: str
    is_file: bool


def _expected_content(result: AuditResult) -> dict[int, _Content]:
    images = result.images[["row", "file_sha256", "image_sha256"]].itertuples(index=False, name=None)
    return {row: _Content(file or image, bool(file)) for row, file, image in images}


def _contents(opened: OpenedDataset, wanted: Mapping[int, _Content], *, max_pixels: int | None) -> dict[int, str]:
    """Return the hashes of these rows of the selection, of files or of pixels as wanted; unreadable rows are left out."""
    of_files = np.array(sorted(row for row, content in wanted.items() if content.is_file), dtype=np.int64)
    others = np.array(sorted(row for row, content in wanted.items() if not content.is_file), dtype=np.int64)
    found = _file_hashes(opened, of_files)
    if len(others):
        if opened.columns.image is None:
            assert opened.features is not None
            hashes = hash_rows(opened.features.take(others))
        else:
            images = opened.selection.images(opened.columns.image, others)
            sizes = sample_sizes(images)
            decoded = decode_all(images, resolution=_LEAST_RESOLUTION, workers=choose_workers(sizes), max_pixels=max_pixels)
            hashes = decoded.image_sha256
        found.update(zip(others.tolist(), hashes.tolist(), strict=True))
    return found


def _file_hashes(opened: OpenedDataset, rows: np.ndarray) -> dict[int, str]:
    """Return the hashes of encoded images, by row of the selection; rows that cannot be read are left out."""
    if not len(rows) or opened.columns.image is None:
        return {}
    images = opened.selection.images(opened.columns.image, rows)
    found = {}
    for start in range(0, len(rows), _CHUNK):
        part = range(start, min(start + _CHUNK, len(rows)))
        for row, encoded in zip(rows[part.start : part.stop].tolist(), images.read(part), strict=True):
            if encoded.problem is None:
                found[row] = hashlib.sha256(encoded.content).hexdigest()
    return found


def _search(
    moved: Sequence[Change],
    located: dict[int, Change],
    names: np.ndarray,
    opened: OpenedDataset,
    expected: Mapping[int, _Content],
    *,
    max_pixels: int | None,
) -> list[Change]:
    """Find changes among all samples, add them to `located`, and return those that are not found."""
    by_content: dict[str, list[int]] = {}
    for is_file in {expected[int(change.row or 0)].is_file for change in moved}:
        everywhere = dict.fromkeys(range(len(names)), _Content("", is_file))
        for row, value in _contents(opened, everywhere, max_pixels=max_pixels).items():
            by_content.setdefault(value, []).append(row)
    failed = []
    for change in moved:
        assert change.row is not None
        candidates = by_content.get(expected[change.row].value, [])
        free = [row for row in candidates if names[row] == change.given and row not in located]
        if free:
            located[min(free, key=lambda row: row != change.row)] = change
            continue
        labels = [names[row] for row in candidates]
        if change.label is not None and change.label in labels:
            reason = f"{ALREADY_APPLIED}: its label is {change.label!r} now"
        elif candidates:
            reason = f"its label is {', '.join(sorted({repr(label) for label in labels}))} now"
        else:
            reason = "no sample of the dataset has this content any more"
        failed.append(replace(change, reason=reason))
    return failed


def check_found(located: Located, name: str) -> None:
    """Raise DatasetError if the dataset has none of the samples that are to be changed."""
    failed = [change for change in located.failed if not change.reason.startswith(ALREADY_APPLIED)]
    if failed and not located.changes and len(failed) == len(located.failed):
        raise DatasetError(
            f"{name} has none of the {len(failed):,} samples that are to be changed ({failed[0]}); pass the dataset that was "
            "audited as --dataset (dataset=...)."
        )
