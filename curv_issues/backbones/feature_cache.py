"""Features of chunks of images, stored on disk under the content of the images and the identity of the backbone.

Each chunk is one file, complete or absent, so a killed extraction goes on where it was, and several processes may share the folder.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curv_issues.errors import first_line
from curv_issues.results.atomic_files import write_shared_file

FOLDER_VARIABLE = "CURV_ISSUES_CACHE"
_FORMAT = "1"  # changes with the preprocessing or averaging of this package
_DIGEST_BYTES = 32


def cache_folder() -> Path:
    """Return the folder of stored features: below CURV_ISSUES_CACHE, or the platform's folder for caches."""
    if own := os.environ.get(FOLDER_VARIABLE):
        return Path(own).expanduser() / "features"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "curv-issues" / "features"


class FeatureCache:
    """Stored features of one backbone.

    Attributes:
        identity: text that names the backbone and how it sees images; None: nothing is stored.
        problem: why features could not be stored; None if they were.
    """

    def __init__(self, identity: str | None) -> None:
        self.identity = identity
        self.problem: str | None = None

    def read(self, images: Sequence[str]) -> np.ndarray | None:
        """Return the features of a chunk, float16 (c, d); None if they are not stored, or damaged.

        Args:
            images: hashes of the content of its c images, in order.
        """
        if self.identity is None:
            return None
        try:
            stored = self._path(images).read_bytes()
            if hashlib.sha256(stored[_DIGEST_BYTES:]).digest() != stored[:_DIGEST_BYTES]:
                return None
            features = np.load(io.BytesIO(stored[_DIGEST_BYTES:]), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return features if len(features) == len(images) else None

    def write(self, images: Sequence[str], features: np.ndarray) -> None:
        """Store the features of a chunk, float16 (c, d); a failure sets `problem`."""
        if self.identity is None or self.problem is not None:
            return
        content = io.BytesIO()
        np.save(content, features, allow_pickle=False)
        path = self._path(images)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_shared_file(path, hashlib.sha256(content.getvalue()).digest() + content.getvalue())
        except OSError as error:
            self.problem = error.strerror or first_line(error)

    def _path(self, images: Sequence[str]) -> Path:
        key = hashlib.sha256("\n".join([_FORMAT, str(self.identity), *images]).encode()).hexdigest()
        return cache_folder() / key[:2] / f"{key}.features"
