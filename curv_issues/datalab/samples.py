"""Read a Datalab for an audit: check its image column, labels and class names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np

from curv_issues.counting import counted
from curv_issues.data.base import LabeledData, hash_pixels
from curv_issues.data.columns import find_columns
from curv_issues.data.dataset_table import types_of
from curv_issues.data.decoding import EncodedImage
from curv_issues.data.encoded import ArrowImages
from curv_issues.data.feature_values import as_matrix, rows_not_finite
from curv_issues.data.features import from_features, hash_rows
from curv_issues.data.image import UnreadableImageError, decode_values
from curv_issues.data.labels import encode_labels, is_missing
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError
from curv_issues.progress import Progress, ProgressCallback
from curv_issues.results.arrow import clean_text

if TYPE_CHECKING:
    from cleanlab import Datalab

    from curv_issues.results.result import AuditResult

_CHUNK = 32  # images read at a time: photos are megabytes
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class LabSamples:
    """The n labelled images of a Datalab, not yet decoded, or feature vectors of its samples.

    Attributes:
        dataset: dataset of the Datalab; row i is sample i.
        image_column: image column; None: no images are read.
        label_column: label column.
        labels: int64 (n,), copy of the Datalab's codes, which are indices into the classes.
        classes: (k,), class names as the Datalab shows them: text, or numbers for a plain integer column.
        class_names: class names as text.
        features: float (n, d); None: the input is images, or a result without its features. Beside images, the input is both.
    """

    dataset: datasets.Dataset
    image_column: str | None
    label_column: str
    labels: np.ndarray
    classes: np.ndarray
    class_names: tuple[str, ...]
    features: np.ndarray | None = None


def read_lab(lab: Datalab, *, image_key: str | None = None, features: Any = None, with_images: bool = True) -> LabSamples:
    """Return the samples of a Datalab without reading its images.

    Args:
        lab: a Datalab with labels.
        image_key: image column; None: the only one.
        features: feature vectors of the samples, as `from_features` takes them; None: the input is images.
        with_images: whether images are read.

    Raises:
        DatasetError: it has no labels, unlabelled samples, only one class, or no image column; or the features cannot be used.
    """
    if lab.label_name is None:
        raise DatasetError("This Datalab has no labels; make it with Datalab(data, label_name=...) to find wrong ones.")
    if len(lab.data) == 0:
        raise DatasetError("This Datalab has no samples; expected at least two, of two classes.")
    names = _class_names(lab.class_names)
    labels = _check_labels(lab.labels, names, column=lab.label_name)
    return LabSamples(
        dataset=lab.data,
        image_column=_find_images(lab.data.features, image_key, label_column=lab.label_name) if with_images else None,
        label_column=lab.label_name,
        labels=labels,
        classes=np.array(lab.class_names),
        class_names=names,
        features=None if features is None else _check_features(features, len(labels)),
    )


def load_samples(samples: LabSamples, *, resolution: int | None, progress: ProgressCallback | None = None) -> LabeledData:
    """Return the samples with decoded images, or features.

    Args:
        samples: from `read_lab`.
        resolution: side of the decoded images in pixels; None: chosen from their sizes.
        progress: called after every step.

    Raises:
        DatasetError: an image cannot be read. Every row of a Datalab needs a score, so no image can be left out.
        AuditError: the disk is full.
    """
    if samples.image_column is None:
        return from_features(samples.features, samples.labels, class_names=samples.class_names)
    data = load_data(
        samples.dataset,
        image_column=samples.image_column,
        label_column=samples.label_column,
        resolution=resolution,
        skip_unreadable=True,
        progress=progress and (lambda done, total: progress(Progress("load", done, total))),
    )
    unreadable = data.source.unreadable
    if unreadable:
        first = unreadable[0]
        count = f"; {len(unreadable)} of {data.source.num_rows} cannot" if len(unreadable) > 1 else ""
        raise DatasetError(
            f"The image in row {first['row']} ({first['path'] or 'no path'}) cannot be read: "
            f"{first['reason']}{count}. Every row of a Datalab needs a score: repair it, or make the Datalab without it."
        )
    return replace(data, labels=samples.labels, class_names=samples.class_names, features=samples.features)


def difference(result: AuditResult, samples: LabSamples) -> str | None:
    """Return a clause that says how the data of a result differ from these samples; None if they are the same.

    Images are the same if their files or their decoded pixels are identical, features if all values are. A result of labels only is
    compared by its labels.
    """
    if len(result) != len(samples.labels):
        return f"it has {counted(len(result), 'sample')}, the Datalab {len(samples.labels)}"
    given = result.scores["given"].to_numpy(dtype=object)
    own = np.array(samples.class_names, dtype=object)[samples.labels]
    changed = np.flatnonzero(given != own)
    if len(changed):
        row = changed[0]
        return f"row {row} is labelled {given[row]!r} in it and {own[row]!r} in the Datalab"
    unknown = sorted(set(result.scores["suggested"]) - set(samples.class_names))
    if unknown:
        return f"it suggests the class {unknown[0]!r}, which the Datalab does not have"
    if is_of_labels(result):
        return None
    if samples.features is not None and samples.image_column is None:
        changed = np.flatnonzero(hash_rows(samples.features) != result.images["image_sha256"].to_numpy(dtype=object))
        return f"the features of row {changed[0]} differ" if len(changed) else None
    if samples.image_column is None:
        return None  # the features of the result are not at hand
    images = ArrowImages(samples.dataset, samples.image_column, rows=np.arange(len(given)))
    files, pixels = result.images["file_sha256"].to_numpy(), result.images["image_sha256"].to_numpy()
    for start in range(0, len(given), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(given)))
        for row, image in zip(chunk, images.read(chunk), strict=True):
            if not _is_image(image, files[row], pixels[row]):
                return f"the image in row {row} is another"
    return None


def is_of_labels(result: AuditResult) -> bool:
    """Return whether a result identifies neither images nor features, as that of a `Watch` that was joined with labels only."""
    return bool(result.images["image_sha256"].eq("").all())


def _is_image(image: EncodedImage, file_sha256: str, image_sha256: str) -> bool:
    """Return whether the file or the decoded pixels of an image have this hash."""
    if hashlib.sha256(image.content).hexdigest() == file_sha256:
        return True
    try:
        return hash_pixels(decode_values(image.content)) == image_sha256
    except UnreadableImageError:
        return False


def _class_names(classes: list[Any]) -> tuple[str, ...]:
    """Return the classes as text, in the order of the Datalab: that of its ClassLabel, otherwise sorted."""
    if not all(isinstance(name, str) for name in classes):
        classes = list(encode_labels(classes, origin="the classes of this Datalab").class_names)
    return tuple(clean_text(str(name)) for name in classes)


def _check_labels(codes: Any, names: tuple[str, ...], *, column: str) -> np.ndarray:
    """Return the codes as int64 (n,); raise DatasetError if a sample has no label, or all have the same."""
    labels = np.array(codes, dtype=np.int64)
    unnamed = [code for code, name in enumerate(names) if is_missing(name)]
    unlabelled = np.flatnonzero((labels < 0) | (labels >= len(names)) | np.isin(labels, unnamed))
    if len(unlabelled):
        rows = ", ".join(str(row) for row in unlabelled[:_SHOWN]) + (", ..." if len(unlabelled) > _SHOWN else "")
        raise DatasetError(
            f"{len(unlabelled)} of {len(labels)} samples carry no label in column {column!r} (label "
            f"{labels[unlabelled[0]]}; row {rows}): label them, or make the Datalab without them."
        )
    if len(np.unique(labels)) < 2:
        raise DatasetError(
            f"All {len(labels)} samples of this Datalab carry the label {names[labels[0]]!r}; "
            "finding wrong labels needs samples of at least two classes."
        )
    return labels


def _check_features(features: Any, num_samples: int) -> np.ndarray:
    """Return the features as an array (n, d); raise DatasetError if their number is wrong or some are NaN or infinite."""
    values = as_matrix(features)
    if len(values) != num_samples:
        raise DatasetError(f"Expected one row of features per sample, got {len(values)} rows for {num_samples} samples.")
    bad = rows_not_finite(values)
    if len(bad):
        raise DatasetError(
            f"{counted(len(bad), 'row')} of the features have NaN or infinite values (the first is row {bad[0]}). Every row of a "
            "Datalab needs a score: correct them, or make the Datalab without these rows."
        )
    return values


def _find_images(features: datasets.Features, image_key: str | None, *, label_column: str) -> str:
    """Return the name of the image column; raise DatasetError if it is missing or ambiguous."""
    if image_key is None:
        found = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
        if len(found) > 1:
            raise DatasetError(f"There are several image columns: {', '.join(found)}; name one of them with image_key.")
        image_key = found[0] if found else None
    elif image_key not in features:
        raise DatasetError(f"image_key names the column {image_key!r}; the dataset has {', '.join(features)}.")
    found_column = find_columns(types_of(features), image_column=image_key, label_column=label_column).image
    assert found_column is not None  # an image column is needed
    return found_column
