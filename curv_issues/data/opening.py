"""Open a dataset up to its labels, before any image is decoded: splits, columns, and the encoded labels of the selected rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curv_issues.data.columns import Columns
from curv_issues.data.data_frames import table_of_frame
from curv_issues.data.feature_rows import FeatureRows, features_of
from curv_issues.data.image_folder import FOLDERS, FolderOptions
from curv_issues.data.joined_labels import find_selected_columns, read_labels
from curv_issues.data.label_names import is_label_name
from curv_issues.data.label_table import LabelTable, read_table
from curv_issues.data.labels import EncodedLabels
from curv_issues.data.source_options import SourceOptions
from curv_issues.data.sources import OpenedSource, is_list_of_labels, open_object, open_source
from curv_issues.data.splits import Selection, select_split
from curv_issues.data.table import IMAGE, FileTable, RecordTable
from curv_issues.errors import DatasetError, UsageError

_ON_DISK = ("config_name", "revision", "file_column", "splits", "class_level")


@dataclass(frozen=True, eq=False)
class OpenedDataset:
    """A dataset with its labels, whose images are read on demand.

    Attributes:
        source: its splits and origin.
        selection: the n rows of the split expression.
        columns: image and label columns.
        labels: of the n rows.
        label_origin: source of the labels, for people.
        features: features of the n rows; None: images are audited.
    """

    source: OpenedSource
    selection: Selection
    columns: Columns
    labels: EncodedLabels
    label_origin: str
    features: FeatureRows | None


def open_labelled(dataset: Any, options: SourceOptions, *, bars: bool = False, with_features: bool = True) -> OpenedDataset:
    """Open a dataset as `load_data` does, without decoding images.

    Args:
        dataset: see `load_data`, without LabeledData.
        options: which samples, and which columns.
        bars: show the progress bars of the Hugging Face libraries.
        with_features: whether to open the features that the options name; otherwise there are none.

    Raises:
        DatasetError: the dataset, its columns or its labels are missing or cannot be used.
        UsageError: an option does not apply to this kind of dataset.
        AuditError: the Hugging Face cache cannot be written.
    """
    opened, selection = open_selection(dataset, options, bars=bars)
    image_column, label_column = options.image_column, options.label_column
    is_chosen = label_column is not None
    if all(isinstance(piece.table, FileTable | RecordTable) for piece in selection.pieces):
        if image_column not in (None, IMAGE) and isinstance(selection.pieces[0].table, FileTable):
            raise UsageError(f"--image-column (image_column) is for tables of images; {opened.name} is a folder of image files.")
        for piece in selection.pieces:
            if len(piece.table.types) == 1:
                raise DatasetError(
                    f"The images of {piece.table.name} have no labels: they are not in class folders; pass a table with "
                    "--labels FILE (labels=...)."
                )
        image_column, label_column, is_chosen = None, None, True  # the columns were chosen when the tables were opened
    columns = find_selected_columns(
        selection,
        image_column=image_column,
        label_column=label_column,
        with_images=not options.has_features,
        without=[name for name in options.features_column if options.features is None and not is_label_name(name)],
    )
    is_wanted = options.has_features and with_features
    features = features_of(selection, options, columns.label, name=opened.name) if is_wanted else None
    labels, origin = read_labels(selection, columns, is_chosen=is_chosen, skip_unlabelled=options.skip_unlabelled)
    return OpenedDataset(opened, selection, columns, labels, origin, features)


def open_selection(dataset: Any, options: SourceOptions, *, bars: bool = False) -> tuple[OpenedSource, Selection]:
    """Open a dataset and select the rows of its split; no image is read.

    Args:
        dataset: as in `load_data`, but not LabeledData.
        options: already checked.
        bars: show the progress bars of the Hugging Face libraries.

    Raises:
        DatasetError: the dataset or its split does not exist, or cannot be read.
        UsageError: an option does not apply to this kind of dataset.
        AuditError: the Hugging Face cache cannot be written.
    """
    image_column, label_column = options.image_column, options.label_column
    with_images = not options.has_features
    opened = open_object(dataset, options.labels, image_column=image_column, label_column=label_column, with_images=with_images)
    if opened is None:
        folder = FolderOptions(options.splits, options.class_level, _table_of(options.labels), options.file_column, label_column)
        opened = open_source(
            dataset,
            config_name=options.config_name,
            revision=options.revision,
            folder=folder,
            with_images=with_images,
            bars=bars,
        )
    elif any(getattr(options, name) is not None for name in _ON_DISK):
        raise UsageError(f"{', '.join(_ON_DISK[:-1])} and {_ON_DISK[-1]} are for data on disk or the Hub; this is {opened.name}.")
    try:
        selection = select_split(opened.splits, options.split, source=opened.name, aliases=opened.aliases)
    except DatasetError as error:  # the notes may explain it
        raise DatasetError(" ".join([str(error), *opened.notes])) from error
    return opened, selection


def _table_of(labels: Any) -> LabelTable | str | None:
    if labels is None or isinstance(labels, LabelTable) or (isinstance(labels, str) and labels == FOLDERS):
        return labels
    if hasattr(labels, "columns"):
        return table_of_frame(labels)
    if is_list_of_labels(labels):
        raise UsageError(
            "A list of labels belongs to a list of image files; for a folder, pass a table with a column of file names."
        )
    return read_table(labels)
