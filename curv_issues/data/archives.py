"""Recognise archives. They are never unpacked; messages ask the user to do so."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from curv_issues.data.accounts import shorten

_ARCHIVE = re.compile(r".+\.(zip|z\d\d|tar|tgz|tbz2?|txz|tzst|7z|rar)(\.\d{3})?", re.IGNORECASE)  # .zip.001: a multi-part file
_COMPRESSED = re.compile(r"(.+?)(\.tar)?\.(gz|bz2|xz|zst|lzma)(\.\d{3})?", re.IGNORECASE)
# A single compressed file with one of these extensions cannot contain images.
_NOT_IMAGES = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml", ".md", ".log", ".nii", ".npy", ".npz", ".pkl", ".pt"})
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_TAR_MAGIC = b"ustar"
_TAR_PLACE = 257


def is_archive_name(name: str) -> bool:
    """Return whether a file name belongs to an archive, or to a compressed file that may hold images."""
    if _ARCHIVE.fullmatch(name):
        return True
    match = _COMPRESSED.fullmatch(name)
    return match is not None and (match[2] is not None or os.path.splitext(match[1])[1].lower() not in _NOT_IMAGES)


def is_archive_head(head: bytes) -> bool:
    """Return whether the first 262 bytes of a file are those of an archive. This includes Office documents and .npz files."""
    return head.startswith(_MAGIC) or head[_TAR_PLACE : _TAR_PLACE + len(_TAR_MAGIC)] == _TAR_MAGIC


def read_start(path: str | os.PathLike[str]) -> bytes:
    """Return the first 262 bytes of a regular file, for `is_archive_head`.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(_TAR_PLACE + len(_TAR_MAGIC))


def describe_archive(shown: str = "") -> str:
    """Return a message fragment about one archive with the advice to unpack it; `shown` follows "an archive"."""
    return f"an archive{shown}, which is not read; unpack it and audit the image folder inside"


def describe_archives(paths: Sequence[str]) -> str:
    """Return a message fragment about one or more archives: their names and the advice to unpack them."""
    shown = f" ({shorten(paths)})"
    if len(paths) == 1:
        return describe_archive(shown)
    return f"archives{shown}, which are not read; unpack them and audit the image folder inside"
