"""LabeledData: decoded images or feature vectors with labels, the input of every audit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from curv_issues.data.accounts import FileAccount
from curv_issues.data.pixel_storage import take_rows
from curv_issues.data.value_range import ValueRanges
from curv_issues.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from curv_issues.inputs.base import Inputs


@dataclass(frozen=True)
class DataSource:
    """Where the samples came from and what was left out.

    Attributes:
        source: Hub id, path, or a description such as "arrays".
        split: split expression; None if the source has no splits.
        revision: commit hash of a Hub dataset, else None.
        config_name: configuration of the dataset, else None.
        image_column: image column; None for arrays.
        label_column: label column; None for arrays.
        unreadable: one entry per skipped image: row, path (or None) and reason.
        num_unlabelled: number of samples skipped because they have no label.
        num_rows: number of rows in the split before skipping and sampling.
        label_origin: source of the labels, for people: "column 'label' of metadata.csv", "folder names, level 1".
        files: which files of a local folder were read or left out; None without a folder.
        notes: what a user should know about how the dataset was read, one line each.
        value_ranges: values mapped to black and white in images with more than 8 bits per channel.
        backbone: identity of the backbone that computed the features from the images; None: none did.
        opened_with: how to open the dataset again, see `data.reopening`; None for objects in memory.
    """

    source: str
    split: str | None = None
    revision: str | None = None
    config_name: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    unreadable: tuple[dict[str, str | int | None], ...] = ()
    num_unlabelled: int = 0
    num_rows: int = 0
    label_origin: str | None = None
    files: FileAccount | None = None
    notes: tuple[str, ...] = ()
    value_ranges: ValueRanges = field(default_factory=ValueRanges)
    backbone: str | None = None
    opened_with: dict[str, Any] | None = None


LARGE = ("images", "features", "pred_probs")
"""Arrays that may be memory maps, or None."""

PER_SAMPLE = (
    *LARGE,
    *("labels", "rows", "splits", "paths", "image_sha256", "file_sha256", "sizes", "num_bytes", "is_lossless"),
)


@dataclass(frozen=True, eq=False)
class LabeledData:
    """n images at probe resolution, or n feature vectors, with their given labels.

    Attributes:
        images: uint8, (n, h, w, c), c = 1 (all images are grey) or 3; an array or a memory map. None: the data have none.
            With features too, they serve the contact sheet and the search for duplicates, and are an input unless `input` says
            otherwise.
        labels: int64, (n,): given class of each sample, an index into `class_names`.
        class_names: the k class names, in the order of the dataset or Datalab.
        rows: int64, (n,): row of each sample in the requested dataset; strictly increasing.
        splits: object, (n,): split name of each sample, or None.
        paths: object, (n,): image file of each sample, or None if it has none of its own.
        image_sha256: str, (n,): hex digest of the decoded RGB pixels at native size and their shape; of the original values
            for images with more than 8 bits per channel; of the feature vector without images.
        file_sha256: str, (n,): hex digest of the encoded image; "" if there is none.
        sizes: int32, (n, 2): native height and width in pixels; 0 without images.
        num_bytes: int64, (n,): size of the encoded image; 0 if there is none.
        is_lossless: bool, (n,): whether it is encoded without loss; see `data.lossless`.
        source: origin of the samples.
        open_image: sample index -> image at native size, for contact sheets; None: use `images`.
        features: float, (n, d), an array or a memory map; None: the images are the only input.
        pred_probs: float, (n, k): out-of-sample probabilities of a user-supplied model; see `with_pred_probs`.
        shown: text of each sample for the report, object (n,) by name of a column.
    """

    images: np.ndarray | None
    labels: np.ndarray
    class_names: tuple[str, ...]
    rows: np.ndarray
    splits: np.ndarray
    paths: np.ndarray
    image_sha256: np.ndarray
    file_sha256: np.ndarray
    sizes: np.ndarray
    num_bytes: np.ndarray
    is_lossless: np.ndarray
    source: DataSource
    open_image: Callable[[int], Image.Image] | None = field(default=None, repr=False)
    features: np.ndarray | None = None
    pred_probs: np.ndarray | None = None
    shown: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """Number of classes k, including classes without samples."""
        return len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all pixels and given class names, in order; independent of paths and times."""
        digest = hashlib.sha256()
        for image_hash, label in zip(self.image_sha256, self.labels, strict=True):
            digest.update(f"{image_hash}\t{self.class_names[label]}\n".encode("utf-8", "backslashreplace"))
        return digest.hexdigest()

    def choose_input(self, chosen: str = "auto") -> str:
        """Return what an audit is trained on: "images", "features" or "both".

        Args:
            chosen: one of these, see `TrainingOptions`. "auto": everything that the data have.

        Raises:
            UsageError: the data have no images, or no features.
        """
        if chosen in ("images", "both") and self.images is None:
            raise UsageError(f"--input {chosen} (input={chosen!r}) needs images, but {self.source.source} has features only.")
        if chosen in ("features", "both") and self.features is None:
            raise UsageError(
                f"--input {chosen} (input={chosen!r}) needs features; add --backbone or --features (backbone, features)."
            )
        if chosen == "auto":
            return "images" if self.features is None else "features" if self.images is None else "both"
        return chosen

    def inputs(self, chosen: str = "auto", *, ranks: bool = True) -> Inputs:
        """Return what the probe is trained on: features, or images, also if both are chosen; see `choose_input`.

        With `ranks`, features with heavy tails become normal scores.
        """
        from curv_issues.inputs.features import FeatureInputs  # imports torch
        from curv_issues.inputs.images import ImageInputs

        if self.choose_input(chosen) == "features":
            assert self.features is not None
            return FeatureInputs(self.features, ranks=ranks)
        assert self.images is not None
        return ImageInputs(self.images)

    def image(self, index: int) -> Image.Image:
        """Return the image of one sample, at native size if the source is still readable."""
        if self.open_image is not None:
            return self.open_image(index)
        return self.probe_image(index)

    def probe_image(self, index: int) -> Image.Image:
        """Return the image of one sample at probe resolution."""
        assert self.images is not None
        pixels = np.asarray(self.images[index])
        return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)

    def take(self, index: np.ndarray) -> LabeledData:
        """Return the samples at `index`, with all classes.

        Args:
            index: integers in [0, n), strictly increasing so that `rows` stays so. Convert a mask with `numpy.flatnonzero`.

        Returns:
            LabeledData of len(index) samples; `source` still describes the whole dataset.

        Raises:
            UsageError: `index` is invalid.
        """
        index = np.asarray(index)
        if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
            raise UsageError(f"index must be a one-dimensional array of integers, got {index.dtype} {index.shape}.")
        index = index.astype(np.int64)  # copied so that the caller cannot change it; signed, as differences of unsigned wrap
        if len(index) and (index[0] < 0 or index[-1] >= len(self) or (np.diff(index) <= 0).any()):
            raise UsageError(f"index must be strictly increasing within [0, {len(self)}).")
        arrays: dict[str, Any] = {name: getattr(self, name)[index] for name in PER_SAMPLE if name not in LARGE}
        for name in LARGE:
            if (array := getattr(self, name)) is not None:
                arrays[name] = take_rows(array, index)
        shown = {name: texts[index] for name, texts in self.shown.items()}
        return replace(self, **arrays, open_image=images_at(self.open_image, index), shown=shown)


def images_at(open_image: Callable[[int], Image.Image] | None, index: np.ndarray) -> Callable[[int], Image.Image] | None:
    """Return an opener that maps i to the image at `index[i]`; None for None."""
    return None if open_image is None else lambda i: open_image(int(index[i]))


def hash_pixels(pixels: np.ndarray) -> str:
    """Return the SHA-256 (hex) of pixels and their shape: uint8 RGB (h, w, 3), or original values (h, w, c)."""
    layout = pixels.shape if pixels.dtype == np.uint8 else (pixels.shape, pixels.dtype.name)
    digest = hashlib.sha256(repr(layout).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def check_type(data: object) -> None:
    """Raise UsageError unless `data` is LabeledData; users often pass the source it was loaded from."""
    if not isinstance(data, LabeledData):
        raise UsageError(f"Expected LabeledData, as returned by load_data(...), but got {type(data).__name__}.")


def check_auditable(data: LabeledData) -> None:
    """Raise DatasetError unless there are samples of at least two classes and the images are square."""
    if len(data) == 0:
        raise DatasetError(f"{data.source.source} has no samples to audit; expected samples of at least two classes.")
    if data.images is not None and (data.images.ndim != 4 or data.images.shape[1] != data.images.shape[2]):
        raise DatasetError(f"Expected square images (n, r, r, c), but got {data.images.shape}; from_arrays() makes them square.")
    present = np.unique(data.labels)
    if len(present) < 2:
        only = data.class_names[int(present[0])]
        raise DatasetError(
            f"All {len(data)} samples of {data.source.source} have the label {only!r}; "
            "an audit needs samples of at least two classes."
        )
