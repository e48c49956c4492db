"""Advice for a file passed as a dataset that is not a parquet file."""

from __future__ import annotations

from pathlib import Path

from curv_issues.data.archives import describe_archive, is_archive_head, is_archive_name
from curv_issues.data.image_types import IMAGE_ENDINGS, is_image_head, unsupported_head
from curv_issues.data.label_table import TABLE_ENDINGS
from curv_issues.data.unread_types import LFS_POINTER, reason_of_head

_NO_FOLDERS = (".npz", ".docx", ".pptx", ".xlsx", ".ods", ".pt", ".pth")  # zip files without an image folder


def describe_unsuitable(name: str, path: Path, head: bytes) -> str:
    """Return what a file is and what to do, as a fragment that follows "Expected ...; ".

    Args:
        name: name of the file in messages.
        path: the file.
        head: its first 262 bytes.
    """
    ending = path.suffix.lower()
    if reason_of_head(head) == LFS_POINTER:
        return f"{name} cannot be read: {LFS_POINTER}"
    if ending == ".tar" or (is_archive_head(head) and head[257:262] == b"ustar"):
        return f"{name} is {describe_archive()}; if it follows the WebDataset convention, audit the folder that contains it"
    if ending not in _NO_FOLDERS and (is_archive_head(head) or is_archive_name(path.name)):
        return f"{name} is {describe_archive()}"
    if ending in IMAGE_ENDINGS or is_image_head(head) or unsupported_head(head):
        return (
            f"{name} is a single image; audit the dataset folder, or from Python a list of image files with one label per image "
            "(labels=[...])"
        )
    if ending == ".arrow":
        return f"{name} is an Arrow file; audit the folder that contains it"
    if ending in TABLE_ENDINGS and ending != ".parquet":
        return (
            f"{name} is a table; audit its image folder with this table: curv-issues audit FOLDER --labels {name}; or its columns "
            "of numbers: --features-column '*'"
        )
    return f"{name} is not a parquet file"
