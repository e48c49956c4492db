"""Detect object annotations: files with boxes in images, where an audit needs one label per image."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence

from curv_issues.data.folder_layout import Parts
from curv_issues.data.walk import FoundTree

_COCO_NAMES = ("instances_", "person_keypoints_", "captions_", "_annotations.coco")
_FILES_READ = 20
_BYTES_READ = 4096
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_YOLO_LINE = re.compile(rf"\d+((?:\s+{_NUMBER}){{4,}})")  # class, then a box or polygon in fractions of the image
_KITTI_LINE = re.compile(rf"[A-Za-z_]+(?:\s+{_NUMBER}){{14,15}}")  # type, truncated, occluded, alpha, box, size, place, turn


def find_box_annotations(tree: FoundTree, images: Sequence[Parts]) -> str | None:
    """Return the path of a file that annotates objects in images, or None.

    COCO and Pascal VOC files are recognised by name. YOLO and KITTI have one text file per image, with the same stem and
    lines of a class followed by numbers. They may be anywhere; up to 20 of them are read.

    Args:
        tree: all files of a folder.
        images: path parts of its images.
    """
    readable = [file.parts for file in tree.files if file.refused is None]
    named = next((parts for parts in readable if _is_coco_or_voc(parts)), None)
    if named is not None:
        return "/".join(named)
    stems = {os.path.splitext(parts[-1])[0] for parts in images}
    texts = [parts for parts in readable if parts[-1].lower().endswith(".txt") and parts[-1][:-4] in stems]
    found = None
    for parts in texts[:: max(1, -(-len(texts) // _FILES_READ))]:
        lines = _read_lines(os.path.join(tree.root, *parts))
        if not all(_is_yolo(line) or _KITTI_LINE.fullmatch(line) for line in lines):
            return None
        if lines:  # empty for an image without objects
            found = found or "/".join(parts)
    return found


def _is_coco_or_voc(parts: Parts) -> bool:
    last = parts[-1].lower()
    if last.endswith(".json"):
        return last.startswith(_COCO_NAMES)
    return last.endswith(".xml") and "annotations" in map(str.lower, parts[:-1])


def _is_yolo(line: str) -> bool:
    match = _YOLO_LINE.fullmatch(line)
    return match is not None and all(0 <= float(number) <= 1 for number in match[1].split()[:4])


def _read_lines(path: str) -> list[str]:
    """Return the non-empty lines at the start of a text file, without an incomplete last one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # do not wait on pipes
        try:
            content = os.read(descriptor, _BYTES_READ) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a null character in the name
        return []
    lines = content.decode("ascii", "replace").splitlines()
    return [line.strip() for line in (lines[:-1] if len(content) == _BYTES_READ else lines) if line.strip()]
