"""Sort the files of a folder into images, tables, archives and files left out."""

from __future__ import annotations

import os
from dataclasses import dataclass

from curv_issues.data.accounts import ARCHIVE, LeftOut
from curv_issues.data.archives import is_archive_head, is_archive_name, read_start
from curv_issues.data.folder_layout import Parts
from curv_issues.data.image_types import IMAGE_ENDINGS, look_at_file
from curv_issues.data.label_table import is_metadata_name
from curv_issues.data.walk import BROKEN_LINK, FOREIGN_LINK, HIDDEN, FoundTree

TABLE_ENDINGS = (".parquet", ".arrow")
METADATA = "table of labels"


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder, each in exactly one list.

    Attributes:
        images: path parts of files that can be decoded.
        tables: path parts of parquet and Arrow files.
        metadata: path parts of metadata.csv and similar tables.
        archives: path parts of archives, which are not unpacked.
        others: files that are always left out, whatever the folder contains.
    """

    images: list[Parts]
    tables: list[Parts]
    metadata: list[Parts]
    archives: list[Parts]
    others: list[LeftOut]


def sort_files(tree: FoundTree) -> FolderFiles:
    """Return the files sorted by extension; without an image extension, by their first bytes."""
    found = FolderFiles([], [], [], [], [])
    root = os.fspath(tree.root)
    for file in tree.files:
        ending = file.ending
        if file.refused is not None:
            found.others.append(LeftOut(file.path, file.refused, _may_matter(file.refused, ending)))
        elif ending in IMAGE_ENDINGS:
            found.images.append(file.parts)
        elif is_metadata_name(file.parts[-1]):
            found.metadata.append(file.parts)
        elif ending in TABLE_ENDINGS:
            found.tables.append(file.parts)
        elif is_archive_name(file.parts[-1]):
            found.archives.append(file.parts)
        else:
            place = os.path.join(root, *file.parts)
            is_image, unsupported = look_at_file(place)
            if is_image:
                found.images.append(file.parts)
            elif not ending and _is_archive(place):
                found.archives.append(file.parts)
            else:
                found.others.append(_left_out(file.path, ending, unsupported))
    return found


def _may_matter(refused: str, ending: str) -> bool:
    """Return whether a skipped file or link may be images; a broken or foreign link may replace a whole class folder."""
    return refused != HIDDEN and (refused in (BROKEN_LINK, FOREIGN_LINK) or ending in IMAGE_ENDINGS)


def left_out_tables(files: FolderFiles) -> list[LeftOut]:
    """Return the tables of a folder that is read as images."""
    return [LeftOut("/".join(parts), f"not an image ({os.path.splitext(parts[-1])[1].lower()})") for parts in files.tables]


def left_out_archives(files: FolderFiles) -> list[LeftOut]:
    """Return the archives of any folder."""
    return [LeftOut("/".join(parts), ARCHIVE) for parts in files.archives]


def left_out_metadata(files: FolderFiles) -> list[LeftOut]:
    """Return the metadata tables of any folder."""
    return [LeftOut("/".join(parts), METADATA) for parts in files.metadata]


def _is_archive(place: str) -> bool:
    try:
        return is_archive_head(read_start(place))
    except (OSError, ValueError):  # ValueError: a null character in the name
        return False


def _left_out(path: str, ending: str, unsupported: str | None) -> LeftOut:
    if unsupported is not None:
        return LeftOut(path, unsupported, True)
    before = os.path.splitext(os.path.splitext(path)[0])[1].lower()
    if before in IMAGE_ENDINGS:
        return LeftOut(path, f"side file of an image ({before}{ending})")
    return LeftOut(path, f"not an image ({ending or 'no extension'})")
