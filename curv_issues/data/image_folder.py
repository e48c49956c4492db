"""Read a folder of image files: its splits, its labels, and an account of every file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curv_issues.counting import counted
from curv_issues.data.accounts import LeftOut, shorten
from curv_issues.data.archives import describe_archives
from curv_issues.data.box_annotations import find_box_annotations
from curv_issues.data.folder_files import (
    FolderFiles,
    left_out_archives,
    left_out_metadata,
    left_out_tables,
)
from curv_issues.data.folder_labels import NOT_IN_TABLE, TableLabels, labels_of_metadata, labels_of_table
from curv_issues.data.folder_layout import (
    BESIDE_SPLITS,
    NO_CLASS_FOLDER,
    ClassesOfSplit,
    Layout,
    Parts,
    find_classes,
    find_layout,
)
from curv_issues.data.folder_names import differ_by_split_only, say_no_class
from curv_issues.data.folders_below import find_only_folder, note_folders_below, note_split_names
from curv_issues.data.folders_without_images import note_folders_without_images, note_hidden_folders
from curv_issues.data.label_names import looks_like_ids
from curv_issues.data.label_table import LabelTable
from curv_issues.data.masks import BESIDE_AN_IMAGE, find_masks, says_mask
from curv_issues.data.table import LABEL, FileTable, Table
from curv_issues.data.tables_beside import find_tables_of_labels, note_tables_beside
from curv_issues.data.walk import FoundTree
from curv_issues.errors import DatasetError, UsageError

OUTSIDE = "other"
"""Name of the images outside of all splits, if labels are not read."""

FOLDERS = "folders"
"""Value of `labels` that selects folder names even if there are tables."""


@dataclass(frozen=True)
class FolderOptions:
    """How to read an image folder.

    Attributes:
        splits: whether top-level folders named train, test, ... are splits; None: by the rule of `folder_layout`.
        class_level: which folder below the split names the class; 1 is the topmost; None: 1.
        labels: a table of labels, or "folders"; None: metadata.csv or a similar table, else folder names.
        file_column: column of file names in tables of labels; None: detected.
        label_column: label column in tables of labels; None: detected.
        with_labels: False: read all images, without labels; the options above do not apply.
    """

    splits: bool | None = None
    class_level: int | None = None
    labels: LabelTable | str | None = None
    file_column: str | None = None
    label_column: str | None = None
    with_labels: bool = True

    def __post_init__(self) -> None:
        if self.class_level is not None and (not isinstance(self.class_level, int) or self.class_level < 1):
            raise UsageError(f"--class-level (class_level) must be an integer >= 1, got {self.class_level!r}.")

    @property
    def are_given(self) -> bool:
        """Whether an option that only applies to image folders is set."""
        return any(value is not None for value in (self.splits, self.class_level, self.labels, self.file_column))

    def refuse(self, kind: str) -> None:
        """Raise UsageError if an option that only applies to image folders is set; `kind` describes the source."""
        for option in ("splits", "class_level", "labels", "file_column"):
            if getattr(self, option) is not None:
                flag = "splits/--no-splits" if option == "splits" else option.replace("_", "-")
                raise UsageError(f"--{flag} ({option}) is for folders of image files; this is {kind}.")


@dataclass(frozen=True)
class ImageFolder:
    """The splits of an image folder.

    Attributes:
        splits: name -> its table.
        has_split_names: False: the folder names no splits; "train" is a default.
        aliases: alternative split name -> split name.
        left_out: files that no split reads, and why.
        notes: what a user should know, one line each.
    """

    splits: dict[str, list[Table]]
    has_split_names: bool
    aliases: dict[str, str]
    left_out: list[LeftOut]
    notes: list[str]


def open_image_folder(tree: FoundTree, files: FolderFiles, *, name: str, options: FolderOptions) -> ImageFolder:
    """Find the splits and labels of an image folder without opening any image.

    Args:
        tree: all files.
        files: the same files, sorted; at least one image.
        name: name of the folder in messages.
        options: the user's options.

    Raises:
        DatasetError: the labels are missing or ambiguous.
        UsageError: an option does not apply to the folder.
    """
    layout = find_layout(files.images, root_name=tree.root.name, splits=options.splits)
    if not options.with_labels:
        return _without_labels(layout, tree, files, name)
    labels = _labels_of_tables(files, layout, tree.root, options)
    notes = [*layout.notes]
    left_out = [LeftOut("/".join(parts), reason, reason != BESIDE_SPLITS) for parts, reason in layout.left_out.items()]
    if labels is None:
        boxes = find_box_annotations(tree, files.images) if options.labels is None and options.class_level is None else None
        if boxes is not None:
            raise DatasetError(
                f"{name} has object annotations ({boxes}), as in COCO, Pascal VOC, YOLO or KITTI; expected one label per image, "
                "as boxes are not supported. "
                f"To use folder names as classes anyway, pass --labels {FOLDERS} (labels={FOLDERS!r})."
            )
        splits, by_folder = _by_folder_names(layout, tree, files, name, options)
        notes += by_folder.notes
        left_out += by_folder.left_out
    else:
        splits, missing = _by_table(layout, tree.root, name, labels)
        notes += [*labels.notes, *_compare_with_folders(layout, labels)]
        notes += [
            f"The tables of labels list no image of the split {split!r}." for split, (table,) in splits.items() if not len(table)
        ]
        left_out += missing
    left_out += [*files.others, *left_out_tables(files), *left_out_archives(files), *left_out_metadata(files)]
    notes += note_folders_without_images(tree, files.images)
    notes += note_hidden_folders(tree, files.images)
    return ImageFolder(splits, layout.has_split_names, layout.aliases, sorted(left_out), notes)


def _without_labels(layout: Layout, tree: FoundTree, files: FolderFiles, name: str) -> ImageFolder:
    """Return all images of the folder; those outside of all splits are a split of their own."""
    images: dict[str, Sequence[Parts]] = {"train": files.images}
    if layout.has_split_names:
        images = {**layout.splits, **({OUTSIDE: sorted(layout.left_out)} if layout.left_out else {})}
    splits: dict[str, list[Table]] = {
        split: [FileTable(tree.root, ["/".join(place) for place in places], name=f"split {split!r} of {name}")]
        for split, places in images.items()
    }
    left_out = [*files.others, *left_out_tables(files), *left_out_archives(files), *left_out_metadata(files)]
    notes = note_folders_without_images(tree, files.images)
    return ImageFolder(splits, layout.has_split_names, layout.aliases, sorted(left_out), notes)


def _labels_of_tables(files: FolderFiles, layout: Layout, root: Path, options: FolderOptions) -> TableLabels | None:
    paths = ["/".join(parts) for parts in files.images]
    columns: dict[str, Any] = {"file_column": options.file_column, "label_column": options.label_column}
    if isinstance(options.labels, LabelTable):
        return labels_of_table(options.labels, paths, root=root, **columns)
    if options.labels == FOLDERS or options.class_level is not None:
        _refuse_columns(options, "the labels are folder names")
        return None
    alone = all(_classes(layout, images, options).names == () for images in layout.splits.values())
    found = labels_of_metadata(files.metadata, paths, root=root, alone=alone, **columns)
    if found is None and options.label_column not in (None, LABEL):
        tables = f"{shorten('/'.join(parts) for parts in files.metadata)} has no such column" if files.metadata else "there is none"
        raise DatasetError(
            f"The images of {root} need a table of labels with column {options.label_column!r} (--label-column, label_column), but "
            f"{tables}; pass one with --labels FILE (labels=...)."
        )
    if found is None:
        _refuse_columns(options, "there is no table of labels")
    return found


def _refuse_columns(options: FolderOptions, reason: str) -> None:
    """Raise UsageError if a table column is given but no table is read; results call folder names the column `label`."""
    for option, value, without in (("file_column", options.file_column, ()), ("label_column", options.label_column, (LABEL,))):
        if value is not None and value not in without:
            raise UsageError(f"--{option.replace('_', '-')} ({option}) is for tables of labels; {reason}.")


@dataclass(frozen=True)
class _FolderNames:
    notes: list[str]
    left_out: list[LeftOut]


def _by_folder_names(
    layout: Layout, tree: FoundTree, files: FolderFiles, name: str, options: FolderOptions
) -> tuple[dict[str, list[Table]], _FolderNames]:
    level = options.class_level or 1
    masks: set[Parts] = set()
    if options.labels is None and options.class_level is None:
        masks = {parts for images in layout.splits.values() for parts in find_masks(images, depth=layout.depth + 1)}
    found = {
        split: _classes(layout, [parts for parts in images if parts not in masks], options)
        for split, images in layout.splits.items()
    }
    names = sorted({class_name for classes in found.values() for class_name in classes.names})
    if not names:
        raise DatasetError(_no_classes(name, layout, files, tree, options))
    if len(names) == 1:
        raise DatasetError(_one_class(name, layout, level, files, tree, options))
    if options.labels is None and options.class_level is None:
        if options.splits is not False and (say_no_class(names) or differ_by_split_only(names)):
            raise DatasetError(_no_class_names(name, found, names, files, tree))
        _refuse_ids(name, [classes.names[label] for classes in found.values() for label in classes.labels])
    notes = []
    first = next(split for split, classes in found.items() if classes.names)
    notes += note_folders_below(found[first], name=name, depth=layout.depth, level=level)
    notes += note_split_names(names, level=level, splits=options.splits)
    above = {parts[layout.depth + level - 2] for classes in found.values() for parts in classes.images} if level > 1 else set()
    if masks_above := sorted(filter(says_mask, above)):
        notes.append(
            f"The images in {shorten(masks_above)} are audited like all others; if they are masks, audit a folder without them."
        )
    if options.labels is None:
        notes += note_tables_beside(tree, _folder_of(found.values()), name=name)
    splits: dict[str, list[Table]] = {}
    for split, classes in found.items():
        table = FileTable(
            tree.root,
            ["/".join(parts) for parts in classes.images] or ["/".join(parts) for parts in classes.outside],
            name=f"split {split!r} of {name}" if layout.has_split_names else name,
            labels=classes.labels if classes.images else None,
            class_names=classes.names if classes.images else None,
            label_origin=f"folder names, level {level}",
            class_place=layout.depth + level - 1 if classes.images else None,
        )
        splits[split] = [table]
    outside = [parts for classes in found.values() if classes.images for parts in classes.outside]
    left_out = [LeftOut("/".join(parts), NO_CLASS_FOLDER, True) for parts in outside]
    return splits, _FolderNames(notes, [*left_out, *(LeftOut("/".join(parts), BESIDE_AN_IMAGE, True) for parts in masks)])


def _no_class_names(
    name: str, found: Mapping[str, ClassesOfSplit], names: Sequence[str], files: FolderFiles, tree: FoundTree
) -> str:
    deeper = sorted({folder for classes in found.values() for folder in classes.deeper})
    is_clear = bool(deeper) and not any(map(says_mask, names))
    inside = f"; their subfolders are {shorten(deeper)} (--class-level 2 selects those)" if is_clear else ""
    hints = "".join(f" {hint}" for hint in _hints(tree, files))
    return (
        f"The images of {name} are in folders that are not named after classes: {shorten(names)}{inside}. Audit the folder with "
        "the images to check, pass a table with --labels FILE (labels=...), or use "
        f"--labels {FOLDERS} (labels={FOLDERS!r}) if these folders are the classes.{hints}"
    )


def _refuse_ids(name: str, folders: Sequence[str]) -> None:
    """Raise DatasetError if nearly every image has its own folder, as with patients or products."""
    if looks_like_ids(folders, column=LABEL):
        raise DatasetError(
            f"The {len(folders):,} images of {name} are in {len(set(folders)):,} folders ({shorten(sorted(set(folders)))}), so an "
            "average class would have fewer than two images; expected one folder per class, metadata.csv, or a table with "
            f"--labels FILE (labels=...). If the folders are the classes, use --labels {FOLDERS} (labels={FOLDERS!r})."
        )


def _classes(layout: Layout, images: Sequence[Parts], options: FolderOptions) -> Any:
    return find_classes(images, depth=layout.depth, class_level=options.class_level or 1)


def _folder_of(splits: Iterable[ClassesOfSplit]) -> dict[str, str]:
    """Return image path -> class named by its folder."""
    return {
        "/".join(parts): classes.names[label]
        for classes in splits
        for parts, label in zip(classes.images, classes.labels, strict=True)
    }


def _by_table(layout: Layout, root: Path, name: str, labels: TableLabels) -> tuple[dict[str, list[Table]], list[LeftOut]]:
    splits: dict[str, list[Table]] = {}
    missing = []
    for split, images in layout.splits.items():
        paths = ["/".join(parts) for parts in images]
        listed = [path for path in paths if path in labels.values]
        missing += [LeftOut(path, NOT_IN_TABLE, True) for path in paths if path not in labels.values]
        table = FileTable(
            root,
            listed,
            name=f"split {split!r} of {name}" if layout.has_split_names else name,
            labels=[labels.values[path] for path in listed],
            label_column=labels.column,
            label_origin=labels.origin,
            tables=labels.tables,
        )
        splits[split] = [table]
    return splits, missing


def _compare_with_folders(layout: Layout, labels: TableLabels) -> list[str]:
    """Return a note if a table contradicts what look like class folders."""
    folders = _folder_of(find_classes(images, depth=layout.depth, class_level=1) for images in layout.splits.values())
    listed = [path for path in folders if labels.values.get(path) is not None]
    differing = [path for path in listed if str(labels.values[path]) != folders[path]]
    names = set(folders.values())
    if not differing or len(names) < 2 or say_no_class(names) or differ_by_split_only(names):
        return []
    return [
        f"The labels are from {labels.origin}; for {len(differing):,} of {len(listed):,} images they differ from the folder "
        f"name ({differing[0]}: {str(labels.values[differing[0]])!r}); use --labels {FOLDERS} to use folder names."
    ]


def _one_class(name: str, layout: Layout, level: int, files: FolderFiles, tree: FoundTree, options: FolderOptions) -> str:
    only = find_only_folder(layout, level=level, splits=options.splits)
    start = f"All images of {name} are in one folder, {only.path!r}, so there is only one class;"
    if only.dataset:
        inner = os.path.join(name, *only.dataset)
        return f"The splits of {name} are in {inner}; audit {inner} instead."
    if only.folders:
        deeper = level + only.depth
        return (
            f"{start} its subfolders are {shorten(only.folders)}: use --class-level {deeper} (class_level={deeper}) if these "
            "are the classes."
        )
    hints = "".join(f" {hint}" for hint in _hints(tree, files))
    return f"{start} expected one folder per class, metadata.csv, or a table with --labels FILE (labels=...).{hints}"


def _no_classes(name: str, layout: Layout, files: FolderFiles, tree: FoundTree, options: FolderOptions) -> str:
    found = f"{name} has {counted(len(files.images), 'image')}, but no labels: "
    if (options.class_level or 1) > 1:
        return f"{found}no image is {options.class_level} folders deep; choose another --class-level (class_level)."
    expected = "expected class folders (FOLDER/cat/1.jpg), metadata.csv, or a table with --labels FILE (labels=...)."
    hints = _hints(tree, files)
    if layout.has_split_names:
        hints.insert(0, f"The folders {shorten(layout.aliases)} were read as splits; use --no-splits if they are classes.")
    return f"{found}{expected}{''.join(f' {hint}' for hint in hints)}"


def _hints(tree: FoundTree, files: FolderFiles) -> list[str]:
    """Return hints from other files about where the labels, or more images, may be."""
    tables = find_tables_of_labels(tree, ["/".join(parts) for parts in files.images])
    hints = [f"The labels may be in {shorten(tables)}: --labels {tree.root / tables[0]}."] if tables else []
    if files.archives:
        archives = describe_archives(["/".join(parts) for parts in files.archives])
        hints.append(f"There {'is' if len(files.archives) == 1 else 'are'} {archives}.")
    return hints
