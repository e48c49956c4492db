"""Export the findings of a result to a folder in the format of another tool."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curv_issues.auditing.rejudge import only_kind
from curv_issues.data.base import LabeledData
from curv_issues.data.reopening import absolute, opened_names
from curv_issues.errors import UsageError
from curv_issues.export import EXPORTERS
from curv_issues.export.base import Export
from curv_issues.export.samples import list_samples
from curv_issues.export.staging import check_export_folder, staged_export
from curv_issues.plugins import load_attribute, look_up
from curv_issues.results.folder import output_folder
from curv_issues.results.kinds import KINDS
from curv_issues.results.result import AuditResult

LABEL_STUDIO = "label-studio"


class Exported(NamedTuple):
    """What was exported: the folder, and the number of samples in it."""

    folder: Path
    num_samples: int


def export_findings(
    result: AuditResult,
    to: str,
    output: str | Path,
    *,
    kind: str | None = None,
    all_samples: bool = False,
    images: bool = True,
    image_root: str | None = None,
    dataset: str | Path | Sequence[str | Path] | LabeledData = (),
    overwrite: bool = False,
    on_step: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write the samples with findings into a folder, in the format of another tool.

    A result holds no images: they are read from the dataset again, and each must be the one that was audited.

    Args:
        result: from an audit, or loaded.
        to: a format, see `EXPORTERS`: "fiftyone", "label-studio", "cvat", "datumaro", "croissant", "csv" or "card".
        output: the folder, which must be new or empty. All files appear in it, or none.
        kind: only findings of this kind; None: all.
        all_samples: export the samples without findings too.
        images: False: export no images, but refer to the files of the dataset where the format allows it.
        image_root: for "label-studio": address of the folder of images; None: Label Studio's local files.
        dataset: where the dataset is now, as a Hub id or paths; (): where the audit has found it. For an object in memory, the
            result of `load_data`.
        overwrite: replace an older export in the folder. Other files are never touched.
        on_step: called as `on_step(done, total)` after each image.

    Returns:
        The folder, and the number of samples in it.

    Raises:
        UsageError: an option is wrong, or the folder cannot be used.
        DatasetError: the dataset cannot be opened again, or an image is missing or has changed.
        AuditError: the files cannot be written.
    """
    write = look_up(EXPORTERS, to, "format of an export")
    if kind is not None:
        look_up(KINDS, kind, "kind of finding")
    if image_root is not None and (to != LABEL_STUDIO or not image_root):
        raise UsageError(f"--image-root (image_root) is an address for {LABEL_STUDIO} tasks; got {image_root!r} for {to}.")
    place = places(dataset)
    named = [] if isinstance(place, LabeledData) else place
    check_export_folder(output, overwrite=overwrite, sources=[*named, *opened_names(result.summary["dataset"])])
    export = prepare(result, kind=kind, all_samples=all_samples, images=images, image_root=image_root, place=place, on_step=on_step)
    with staged_export(output, overwrite=overwrite, format=to) as folder:
        load_attribute(write)(export, folder)
    return Exported(output_folder(output), len(export.samples))


def prepare(result: AuditResult, *, kind: str | None = None, all_samples: bool = False, **more: Any) -> Export:
    """Return the export of a result, or of one kind of its findings; see `export_findings` and `Export`."""
    chosen = result if kind is None else only_kind(result, kind)
    return Export(chosen, list_samples(chosen, kind=kind, all_samples=all_samples), **more)


def places(dataset: str | Path | Sequence[str | Path] | LabeledData) -> list[str] | LabeledData:
    """Return the place of a dataset as Hub ids and absolute paths; a loaded dataset is returned unchanged."""
    if isinstance(dataset, LabeledData):
        return dataset
    return [absolute(item) for item in ([dataset] if isinstance(dataset, str | os.PathLike) else dataset)]
