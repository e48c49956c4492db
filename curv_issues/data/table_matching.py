"""Match the rows of a table of labels to images, by a column of paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curv_issues.data.accounts import shorten
from curv_issues.data.addresses import column_of_addresses, describe_addresses, is_address
from curv_issues.data.image_types import is_image_name
from curv_issues.data.label_names import ORIGINAL, is_label_name, shared_name
from curv_issues.data.label_table import LabelTable, label_column_of, plain_labels
from curv_issues.data.labels import is_missing
from curv_issues.data.path_lookup import IGNORING_CASE, clean_path
from curv_issues.data.path_modes import ImagePaths, Match, text_of
from curv_issues.errors import DatasetError

_FILE_NAMES = (
    *("file_name", "filename", "file", "files", "filepath", "file_path", "path", "paths", "filenames", "file_names"),
    *("image_path", "imagepath", "img_path", "image_file", "image_name", "imagename", "img_name", "image", "img", "images"),
    *("image_filename", "image_file_name", "relative_path", "rel_path", "full_path", "fname"),
)
_ID_NAMES = ("image_id", "imageid", "img_id", "id", "id_code", "name", "key")
_OTHER_NAME = len(_FILE_NAMES) + len(_ID_NAMES)
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Matched:
    """The match between rows of a table and images.

    Attributes:
        row_of_image: int64, (n,): first row of each image, -1 if the table has none.
        rows_without_image: text of the rows whose image is not among the n, in table order.
        repeated_rows: pairs (first row, later row) of the same image.
        file_column: column of file names.
        label_column: label column.
        mode: how `file_column` was matched, in words for a note.
    """

    row_of_image: np.ndarray
    rows_without_image: list[str]
    repeated_rows: list[tuple[int, int]]
    file_column: str
    label_column: str
    mode: str


def match_rows(
    table: LabelTable,
    paths: Sequence[str],
    *,
    root: str | os.PathLike[str],
    file_column: str | None = None,
    label_column: str | None = None,
    advice: str | None = None,
) -> Matched:
    r"""Find the row of each image, and check that no image has two labels.

    The text of one column names the images, in one of these modes for the whole table. The mode that matches most images is
    used; of equal ones, the first:

    1. paths relative to the folder of the table,
    2. paths relative to `root`,
    3. absolute paths,
    4. paths below one other folder, such as `photos/cat/1.jpg` for `cat/1.jpg`, or the paths of another machine,
    5. the ends of image paths, such as `1.jpg` for `cat/1.jpg`,
    6. the file names of paths such as `train/1.jpg` and `val/2.jpg`, if all images are in one folder,
    7. 1 to 6 without file extension, as ids are.

    Backslashes and `./` are resolved; percent-encoding is not decoded. A URL (https://...) is never a file. Text without an
    exact match is compared after NFC normalisation and stripping, then ignoring case; rows with an exact match take
    precedence.

    Args:
        table: m rows.
        paths: n image paths, relative to `root`, with forward slashes.
        root: the dataset folder.
        file_column: column of file names; None: the column that matches most images, in a tie one with a file column name
            (file_name, path, ..., image_id). A column with another name must match at least half of the images or rows.
            Columns with label names are excluded.
        label_column: label column; None: detected, see `label_column_of`.
        advice: how to fix it if no column matches, for the error; None: choose a column with --file-column.

    Returns:
        Rows of images, and what is left over on both sides.

    Raises:
        DatasetError: no column matches, a column does not exist, a value matches several images, two rows give different
            labels for one image, or the label column is ambiguous.
    """
    table.check_rows()
    if file_column is not None and file_column not in table.columns:
        raise DatasetError(
            f"{table.name} has no column {file_column!r} (--file-column, file_column); its columns are: {table.list_columns()}."
        )
    images = ImagePaths(paths, root)
    candidates = _candidates(table, label_column) if file_column is None else [file_column]
    column, result = _choose_column(table, images, candidates, is_chosen=file_column is not None)
    if column is None:
        raise DatasetError(_describe_mismatch(table, paths, candidates, file_column, advice))
    if file_column is None and table.is_text and _rank_name(column) == _OTHER_NAME and images.may_be(shared_name(column)):
        raise DatasetError(
            f"{table.name} has no header: its first line names the image {shared_name(column)}. Add a first line such as "
            "file,label."
        )
    for row, hit in result.hits.items():
        if len(hit.images) > 1:
            first, second = (paths[image] for image in hit.images)
            raise DatasetError(
                f"Column {column!r} in {table.where(row)} of {table.name} is {table.columns[column][row]!r}, which matches several "
                f"images: {first} and {second}; expected their paths relative to "
                f"{os.fspath(root)}, or a folder with only the images of this table."
            )
    label_column = label_column_of(table, label_column=label_column, file_column=column)
    matched = _assign(table, column, label_column, result, len(paths))
    _check_repeated_rows(table, matched)
    return matched


def labels_of_images(table: LabelTable, matched: Matched) -> list[Any]:
    """Return the label of each image; None for images without a row or label (see `is_missing`).

    CSV labels are converted to integers if all of them are integers (`plain_labels`).
    """
    values = table.columns[matched.label_column]
    values = plain_labels(values) if table.is_text else values
    return [values[row] if row >= 0 and not is_missing(values[row]) else None for row in matched.row_of_image.tolist()]


def column_of_files(table: LabelTable, *, besides: str | None = None) -> str | None:
    """Return the first column with a file column name (`file_name`, `path`, ..., not `id`), or None.

    Columns without any text and the column `besides` are ignored.

    Raises:
        DatasetError: several columns have that name and name different images.
    """
    for name in _FILE_NAMES:
        found = [
            column
            for column, values in table.columns.items()
            if column != besides and _spell_name(column) == name and any(isinstance(value, str) for value in values)
        ]
        for other in found[1:]:
            if _are_twins(table, found[0], other):
                raise _several(table, found[0], other)
        if found:
            return found[0]
    return None


def names_files(column: str) -> bool:
    """Return whether this is a file column name, in any case: file_name, Path, image-file."""
    return _spell_name(column) in _FILE_NAMES


def columns_not_used(table: LabelTable, file_column: str) -> list[str]:
    """Return text columns with a file column name, if the column that is used has none."""
    if names_files(file_column):
        return []
    return [
        column
        for column, values in table.columns.items()
        if names_files(column) and any(isinstance(value, str) for value in values)
    ]


def names_images(table: LabelTable, paths: Sequence[str], *, root: str | os.PathLike[str]) -> str | None:
    """Return the column that `match_rows` would use if it names half of the images, or images in half of its rows; else None.

    Args:
        table: n rows.
        paths: image paths, relative to `root`.
        root: the dataset folder.

    Raises:
        DatasetError: several columns name different images.
    """
    column, result = _choose_column(table, ImagePaths(paths, root), _candidates(table, None), is_chosen=False)
    return column if result.num_images and 2 * result.num_images >= min(len(table), len(paths)) else None


def find_column_of_names(table: LabelTable, paths: Sequence[str], *, root: str | os.PathLike[str], besides: str) -> str | None:
    """Return the first column that names half of the images, or images in half of its rows, with file extensions; else None.

    Args:
        table: n rows.
        paths: image paths, relative to `root`.
        root: the dataset folder.
        besides: a column to ignore.
    """
    images = ImagePaths(paths, root)
    for column, values in table.columns.items():
        result = images.match(values, table.folder) if column != besides else Match()
        if result.hits and result.has_endings and 2 * len(result.hits) >= min(len(table), len(paths)):
            return column
    return None


def _candidates(table: LabelTable, label_column: str | None) -> list[str]:
    """Return the columns that may name images; the order breaks ties."""
    others = (column for column in table.columns if not _holds_labels(column.removesuffix(ORIGINAL), label_column))
    return sorted(others, key=_rank_name)


def _holds_labels(column: str, label_column: str | None) -> bool:
    return column == label_column or is_label_name(column)


def _choose_column(
    table: LabelTable, images: ImagePaths, candidates: Sequence[str], *, is_chosen: bool
) -> tuple[str | None, Match]:
    """Return the column of file names and its match; None if there is none."""
    half = min(len(table), len(images.paths)) / 2
    found: dict[str, Match] = {}
    for column in candidates:
        result = images.match(table.columns[column], table.folder)
        # A few numbers or words may match file names by chance.
        if result.hits and (is_chosen or names_files(column) or len(result.hits) >= half):
            found[column] = result
    if not found:
        return None, Match()

    def rank(column: str) -> tuple[bool, tuple[int, bool]]:
        result = found[column]
        return result.has_endings and result.num_images >= half, result.order  # row numbers may match names without extension

    best = max(found, key=rank)
    if not is_chosen and not found[best].has_endings:
        _refuse_numbers(table, best)
    for column, result in found.items():
        is_rival = column != best and rank(column) == rank(best) and (names_files(column) or not names_files(best))
        if is_rival and _differ(found[best], result):
            if shared_name(column) == shared_name(best):
                raise _several(table, best, column)
            raise DatasetError(
                f"Two columns of {table.name} name images, but different ones: {best!r} and {column!r}; choose one with "
                "--file-column (file_column)."
            )
    return best, found[best]


def _refuse_numbers(table: LabelTable, column: str) -> None:
    """Raise DatasetError if another column holds image file names: numbers then match images only by chance."""
    for other, values in table.columns.items():
        texts = [value for value in values if isinstance(value, str)]
        names = list(filter(is_image_name, texts))
        if other != column and 2 * len(names) > len(values):
            raise DatasetError(
                f"Column {other!r} of {table.name} holds names of image files ({shorten(names, _SHOWN)}), but most are not in the "
                f"folder; column {column!r} only matches images without extensions. Correct the names, or choose a column with "
                "--file-column (file_column)."
            )


def _differ(first: Match, second: Match) -> bool:
    """Return whether two columns name different images in any row."""
    return any(first.hits[row].images != hit.images for row, hit in second.hits.items() if row in first.hits)


def _are_twins(table: LabelTable, first: str, second: str) -> bool:
    """Return whether two columns have the same name in the file but different values."""
    return shared_name(first) == shared_name(second) and table.columns[first] != table.columns[second]


def _several(table: LabelTable, first: str, second: str) -> DatasetError:
    return DatasetError(
        f"{table.name} has several columns named {shared_name(first)!r} ({first}; {second}) that name different images; "
        "remove one, or choose one with --file-column (file_column)."
    )


def _assign(table: LabelTable, column: str, label_column: str, result: Match, num_images: int) -> Matched:
    level_of: dict[int, int] = {}
    for hit in result.hits.values():
        level_of[hit.images[0]] = min(hit.level, level_of.get(hit.images[0], hit.level))
    row_of_image = np.full(num_images, -1, dtype=np.int64)
    rows_without_image, repeated_rows, num_ignoring_case = [], [], 0
    for row, value in enumerate(table.columns[column]):
        found = result.hits.get(row)
        if found is None or found.level > level_of[found.images[0]]:  # another row matches the same image more exactly
            rows_without_image.append(text_of(value) or "(empty)")
            continue
        image = found.images[0]
        if row_of_image[image] >= 0:
            repeated_rows.append((int(row_of_image[image]), row))
        else:
            row_of_image[image] = row
            num_ignoring_case += found.level == IGNORING_CASE
    mode = result.mode + (f" ({num_ignoring_case} of them only when ignoring case)" if num_ignoring_case else "")
    return Matched(row_of_image, rows_without_image, repeated_rows, column, label_column, mode)


def _check_repeated_rows(table: LabelTable, matched: Matched) -> None:
    values = table.columns[matched.label_column]
    for first, later in matched.repeated_rows:
        if values[first] != values[later]:
            names = [clean_path(str(table.columns[matched.file_column][row])) for row in (first, later)]
            if names[0] != names[1]:
                raise DatasetError(
                    f"{table.name} has two labels for one image, which both {names[0]} ({table.where(first)}) and {names[1]} "
                    f"({table.where(later)}) match: {values[first]!r} and {values[later]!r}; remove one, or correct the paths."
                )
            raise DatasetError(
                f"{table.name} has two labels for {table.columns[matched.file_column][first]}: {values[first]!r} in "
                f"{table.where(first)} and {values[later]!r} in {table.where(later)}; remove one."
            )


def _describe_mismatch(
    table: LabelTable, paths: Sequence[str], candidates: Sequence[str], file_column: str | None, advice: str | None
) -> str:
    first = next((name for name in table.columns if is_address(name) or is_image_name(name)), None)
    if first is not None and table.is_text:
        return f"{table.name} has no header: its first line holds {first}. Add a first line such as file,label."
    column = next((name for name in candidates if any(map(text_of, table.columns[name]))), None)
    if column is None:
        return f"{table.name} has no column that names images; its columns are: {table.list_columns()}."
    addresses = column_of_addresses({name: table.columns[name] for name in candidates})
    if addresses is not None:
        found = describe_addresses(addresses, table.columns[addresses], table.name)
        what = advice or "add one, or choose it with --file-column (file_column)"
        return f"{found}. Expected a column with the paths of the images ({', '.join(paths[:_SHOWN]) or 'none'}); {what}."
    if len(table.columns) == 1 and len(column.split()) > 1:
        return (
            f"{table.name} has only one column, {column!r}; if spaces separate its columns, use commas instead, and add a first "
            "line such as file,label."
        )
    values = ", ".join([text for value in table.columns[column] if (text := text_of(value))][:_SHOWN])
    what = f"Column {column!r} of {table.name} does not name" if file_column is not None else f"No column of {table.name} names"
    choose = "choose another column" if file_column is not None else "choose the column"
    advice = advice or f"{choose} with --file-column (file_column), one of: {table.list_columns()}"
    return f"{what} the images: {column!r} holds {values}, but the images are {', '.join(paths[:_SHOWN]) or 'none'}; {advice}."


def _rank_name(column: str) -> int:
    """Return the position among known names of file and id columns; `_OTHER_NAME` for all others."""
    known = (*_FILE_NAMES, *_ID_NAMES)
    return known.index(_spell_name(column)) if _spell_name(column) in known else _OTHER_NAME


def _spell_name(column: str) -> str:
    return shared_name(column).strip().casefold().replace(" ", "_").replace("-", "_")
