"""The options of `load_data`: which samples of a dataset are read, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curv_issues.data.value_range import Range, ValueRanges, check_value_range, parse_value_range
from curv_issues.errors import UsageError
from curv_issues.option import Options, option
from curv_issues.option_checks import Boolean, Whole


def _value_range(name: str, value: Any) -> Range | ValueRanges | None:
    if value is None or isinstance(value, ValueRanges):
        return value
    return parse_value_range(value) if isinstance(value, str) else check_value_range(value)


def _columns(name: str, value: Any) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    names = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(names, Sequence) or not all(isinstance(entry, str) for entry in names):
        raise UsageError(f"{name} must be the name of a column or a list of names, got {value!r}.")
    return tuple(names)


@dataclass(frozen=True, kw_only=True)
class SourceOptions(Options):
    """Which samples of a dataset are read, and how.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    split: str | None = option(
        None, "Split to read, such as train, train+test, train[:10%] (an expression of the datasets library). Default: train."
    )
    config_name: str | None = option(None, "Configuration of a Hub dataset.")
    revision: str | None = option(None, "Branch, tag or commit of a Hub dataset.")
    image_column: str | None = option(None, "Image column. Default: detected.")
    label_column: str | None = option(None, "Label column. Default: detected.")
    labels: Any = option(
        None,
        "Label table for a folder of images (.csv, .tsv, .jsonl, .parquet), or 'folders' to use folder names. Default: "
        "metadata.csv, else folder names.",
        python_help="Also a DataFrame; for a list of image files, the list of their labels.",
        kind=str | None,
        metavar="FILE",
    )
    features: Any = option(
        None,
        "Audit these feature vectors, one per row of the dataset and in its order, instead of the images: .npy, .npz or .parquet. "
        "The dataset gives the labels; it needs no images.",
        python_help="Also an array (n, d), a tensor or a DataFrame.",
        kind=str | None,
        metavar="FILE",
    )
    features_column: str | Sequence[str] = option(
        (),
        "Audit the numbers in this column, or lists of numbers, instead of the images; repeat it for several columns, or give a "
        "pattern such as 'emb_*'. With --features, a column of that file.",
        check=_columns,
        python_help="One name or several.",
        kind=list[str] | None,
        metavar="COLUMN",
    )
    show_column: str | Sequence[str] = option(
        (),
        "Show this column for each sample in the report, such as a text; repeat it for several columns.",
        check=_columns,
        python_help="One name or several.",
        kind=list[str] | None,
        metavar="COLUMN",
    )
    file_column: str | None = option(None, "File name column of a label table. Default: detected.")
    splits: bool | None = option(
        None,
        "Whether to read top-level folders named train, test, ... as splits. Default: if all top-level folders have such names.",
        check=Boolean(none="if all top-level folders have such names"),
        flags=("--splits/--no-splits",),
    )
    class_level: int | None = option(None, "Level of the folder below the split that names the class. Default: 1, the topmost.")
    max_samples: int | None = option(
        None, "Read only a stratified sample of this size. Default: all samples.", check=Whole(2, 1_000_000_000)
    )
    skip_unreadable: bool = option(
        False,
        "Skip images that cannot be decoded, and rows with NaN or infinite features.",
        check=Boolean(),
        python_help="They are listed in the source of the data. Otherwise an error is raised.",
        flags=("--skip-unreadable",),
    )
    skip_unlabelled: bool = option(
        False,
        "Skip samples without a label.",
        check=Boolean(),
        python_help="They are counted in the source of the data. Otherwise an error is raised.",
        flags=("--skip-unlabelled",),
    )
    value_range: Any = option(
        None,
        "Pixel values of black and white in images with more than 8 bits per channel, such as 0:4095 or just 4095. Default: "
        "detected, one range for the dataset.",
        check=_value_range,
        python_help="Also a pair such as (0, 4095).",
        kind=str | None,
        metavar="LOW:HIGH",
    )
    max_pixels: int | None = option(
        None,
        "Treat images with more pixels as unreadable. Default: 64 million, or fewer if memory is small.",
        check=Whole(1, None),
    )

    @property
    def has_features(self) -> bool:
        """Return whether feature vectors are audited; images are then optional."""
        return self.features is not None or bool(self.features_column)


@dataclass(frozen=True, kw_only=True)
class ImageOptions(Options):
    """Which images are read without labels, and how.

    Raises:
        UsageError: an option has a wrong type or value; the message names it.
    """

    split: str | None = option(
        None, "Split to read, such as train, train+test, train[:10%] (an expression of the datasets library). Default: all splits."
    )
    config_name: str | None = option(None, "Configuration of a Hub dataset.")
    revision: str | None = option(None, "Branch, tag or commit of a Hub dataset.")
    image_column: str | None = option(None, "Image column. Default: detected.")
    value_range: Any = option(
        None,
        "Pixel values of black and white in images with more than 8 bits per channel, such as 0:4095 or just 4095. Default: "
        "detected, one range for the dataset.",
        check=_value_range,
        python_help="Also a pair such as (0, 4095).",
        kind=str | None,
        metavar="LOW:HIGH",
    )
    max_pixels: int | None = option(
        None,
        "Treat images with more pixels as unreadable. Default: 64 million, or fewer if memory is small.",
        check=Whole(1, None),
    )

    @property
    def as_source_options(self) -> SourceOptions:
        """Return the same options for a labelled dataset, with unreadable images left out."""
        return SourceOptions(skip_unreadable=True, **vars(self))
