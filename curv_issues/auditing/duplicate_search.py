"""Search a dataset without labels for duplicates, or for images that appear in another dataset: load, search, summarise."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.auditing.duplicates import find_copies, group_table
from curv_issues.auditing.leakage import check_comparable
from curv_issues.auditing.summary import left_out_table, versions
from curv_issues.counting import counted
from curv_issues.data.base import LabeledData
from curv_issues.data.image_files import can_be_removed, image_files
from curv_issues.data.image_loading import load_opened_images, open_images, splits_named
from curv_issues.data.source_options import ImageOptions
from curv_issues.errors import UsageError
from curv_issues.memory import peak_memory
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.results.search_tables import KIND, SCHEMA_VERSION, write_search


@dataclass(frozen=True, eq=False)
class DuplicateSearch:
    """The result of a search for duplicates.

    Attributes:
        name: which table it is: "groups" of duplicates within a dataset, or "copies" that also appear in another dataset.
        table: see `results.search_tables`.
        data: the images that were searched.
        files: object, one per row of the table: absolute path of the file to remove; None for an image that is kept, has no file
            of its own, or is a link to the kept one.
        summary: what was searched and how, counts, notes and costs.
        others: the images of the other dataset; None for a search within one.
    """

    name: str
    table: pd.DataFrame
    data: LabeledData
    files: np.ndarray
    summary: dict[str, Any]
    others: LabeledData | None = None

    def files_to_remove(self) -> list[str]:
        """Return the files of all duplicates but the kept ones, or of all copies, in the order of the table.

        Raises:
            UsageError: some of these images have no file of their own on this machine.
        """
        found = [file for file in self.files if file is not None]
        without = self.summary["num_removable"] - self.summary["num_links"] - len(found)
        if without:
            many = f"{without:,} of {self.summary['num_removable']:,} duplicates in {self.data.source.source}"
            raise UsageError(
                f"No file can be named for {many}: they have none of their own on this machine, or it has changed; "
                "--format csv lists their rows."
            )
        return found

    def save(self, folder: Path, *, page: bytes | None = None) -> None:
        """Write the table, the files that were left out, the summary and a page into a folder; see `write_search`."""
        left_out = left_out_table(self.data.source.files)
        tables = {self.name: self.table, **({} if left_out is None else {"left_out": left_out})}
        write_search(folder, tables, self.summary, page=page)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How duplicates are searched for.

    Attributes:
        threshold: minimum similarity of duplicates, in (0, 1]; None: from the data.
        turned: whether to find turned images too.
        backbone: pretrained network whose features give more candidates, as KIND:NAME; None: none.
        device: as in `TrainingOptions`.
    """

    threshold: float | None = None
    turned: bool = False
    backbone: Any = None
    device: str = "auto"


def search_duplicates(
    dataset: Any,
    options: ImageOptions,
    search: SearchOptions,
    *,
    against: Any = None,
    progress: ProgressCallback | None = None,
) -> DuplicateSearch:
    """Search a dataset for duplicates, or for images that also appear in another dataset.

    Args:
        dataset: see `load_images`.
        options: which images to read.
        search: how to search.
        against: another dataset; text that names splits of this dataset is these splits. Without a chosen split, all others are
            searched for images that appear in them.
        progress: called with the stages "load", "features" and "compare".

    Raises:
        DatasetError: a dataset or its images are missing, or none can be read.
        UsageError: an option is invalid, or does not fit the dataset.
        AuditError: the disk is full.
    """
    if search.backbone is not None and against is not None:
        raise UsageError("--backbone is for a search within one dataset; leave --backbone or --against out.")
    start = time.perf_counter()

    def report_loading(done: int, total: int) -> None:
        if progress:
            progress(Progress("load", done, total))

    bars = progress is not None and sys.stderr.isatty()
    opened = open_images(dataset, options, bars=bars)
    splits = splits_named(opened, against) if isinstance(against, str) else ()
    data = load_opened_images(opened, dataset, options, excluded=splits, progress=report_loading)
    if against is None:
        return _within(data, search, start, progress)
    notes = []
    wanted = ImageOptions(max_pixels=options.max_pixels)
    if splits:
        wanted = replace(options, split=against)
        if os.path.exists(against):
            path = os.path.join(os.curdir, against)
            notes.append(f"{against!r} is read as a split of {opened.name}; for the file or folder, write {path}.")
    else:
        dataset, opened = against, open_images(against, wanted, bars=bars)
    assert data.images is not None
    others = load_opened_images(
        opened,
        dataset,
        wanted,
        resolution=data.images.shape[1],
        value_ranges=data.source.value_ranges,
        progress=report_loading,
    )
    if splits and others.source.split == data.source.split:
        raise UsageError(f"The split {against!r} is the one that is searched; compare it with another one.")
    return _between(data, others, search, notes, start, progress)


def _within(data: LabeledData, search: SearchOptions, start: float, progress: ProgressCallback | None) -> DuplicateSearch:
    """Return the groups of duplicates within a dataset."""
    loaded_at = time.perf_counter()
    if search.backbone is not None:
        from curv_issues.backbones.extract import with_features  # imports torch

        data = with_features(data, search.backbone, device=search.device, progress=progress)
    from curv_issues.duplicates.search import compare_within

    found_at = time.perf_counter()
    compared = compare_within(
        data,
        features=data.features,
        threshold=search.threshold,
        turned=search.turned,
        device=search.device,
        on_step=_step_reporter(progress),
    )
    table = group_table(data, compared, turned=search.turned, device=search.device)
    files, num_links = _files_beside_kept(image_files(data, np.searchsorted(data.rows, table["row"])), table["keep"].to_numpy())
    notes = [f"{num_links:,} of the duplicates are links to a kept file, or lead through one to it. They are not files to remove."]
    seconds = {"load": loaded_at - start, "features": found_at - loaded_at, "compare": time.perf_counter() - found_at}
    removable = table[~table["keep"]]
    counts = {
        "num_groups": int(table["group"].nunique()),
        "num_removable": len(removable),
        "num_links": num_links,
        "removable_bytes": int(removable["bytes"].sum()),
    }
    summary = _summary(data, None, search, compared.threshold, counts, notes if num_links else [], seconds)
    return DuplicateSearch("groups", table, data, files, summary)


def _files_beside_kept(files: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the file to remove for each row of the groups, or None, and the number of duplicates that lead to a kept file.

    Args:
        files: object (m,), the file of each row, or None.
        keep: bool (m,), whether the row is that of a kept image, which comes first in its group.
    """
    found, num_links = np.full(len(files), None, dtype=object), 0
    kept: str | None = None
    for place, (file, is_kept) in enumerate(zip(files, keep, strict=True)):
        if is_kept:
            kept = file
        elif file is not None and kept is not None:
            if can_be_removed(file, kept):
                found[place] = file
            else:
                num_links += 1
    return found, num_links


def _between(
    data: LabeledData,
    others: LabeledData,
    search: SearchOptions,
    notes: Sequence[str],
    start: float,
    progress: ProgressCallback | None,
) -> DuplicateSearch:
    """Return the images of a dataset that also appear in another; the same file in both is not its own copy."""
    check_comparable(data, others)
    loaded_at = time.perf_counter()
    files = image_files(data)
    shared = _shared_files(files, image_files(others))
    if shared.any():
        count = int(shared.sum())
        notes = [
            *notes,
            f"{counted(count, 'file')} of {data.source.source} {'is' if count == 1 else 'are'} in {others.source.source} too and "
            f"{'was' if count == 1 else 'were'} not compared: the folders overlap or are linked.",
        ]
        data, files = data.take(np.flatnonzero(~shared)), files[~shared]
    report = _step_reporter(progress)
    report(0, 1)
    table, threshold = find_copies(data, others, threshold=search.threshold, turned=search.turned, device=search.device)
    report(1, 1)
    files = files[np.searchsorted(data.rows, table["row"])]
    seconds = {"load": loaded_at - start, "compare": time.perf_counter() - loaded_at}
    counts = {"num_removable": len(table), "num_links": 0, "removable_bytes": int(table["bytes"].sum())}
    summary = _summary(data, others, search, threshold, counts, notes, seconds)
    return DuplicateSearch("copies", table, data, files, summary, others)


def _step_reporter(progress: ProgressCallback | None) -> Any:
    def report(done: int, total: int) -> None:
        if progress:
            progress(Progress("compare", done, total))

    return report


def _shared_files(files: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which files are those of others too, bool (n,): removing them would remove the others."""
    links_first = sorted(filter(None, others), key=os.path.islink, reverse=True)  # so that a link does not replace its file
    real = {os.path.realpath(other): other for other in links_first}

    def is_shared(file: str | None) -> bool:
        other = None if file is None else real.get(os.path.realpath(file))
        return file is not None and other is not None and not can_be_removed(file, other)

    return np.array([is_shared(file) for file in files], dtype=bool)


def _summary(
    data: LabeledData,
    others: LabeledData | None,
    search: SearchOptions,
    threshold: float,
    counts: dict[str, int],
    notes: Sequence[str],
    seconds: dict[str, float],
) -> dict[str, Any]:
    of_others = [] if others is None else [f"{others.source.source}: {note}" for note in others.source.notes]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "dataset": describe_images(data),
        "other": None if others is None else describe_images(others),
        "options": {
            "threshold": search.threshold,
            "turned": search.turned,
            "backbone": data.source.backbone,
            "device": search.device,
        },
        "threshold": threshold,
        **counts,
        "notes": [*data.source.notes, *of_others, *notes],
        "versions": versions(),
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
        "peak_memory": peak_memory(),
    }


def describe_images(data: LabeledData) -> dict[str, Any]:
    """Return the summary entry that describes images without labels."""
    source = data.source
    return {
        "source": source.source,
        "split": source.split,
        "config_name": source.config_name,
        "revision": source.revision,
        "fingerprint": data.fingerprint,
        "image_column": source.image_column,
        "files": source.files.describe() if source.files else None,
        "n": len(data),
        "num_rows": source.num_rows,
        "unreadable": list(source.unreadable),
        "resolution": None if data.images is None else data.images.shape[1],
        "channels": None if data.images is None else data.images.shape[3],
        "opened_with": source.opened_with,
    }
