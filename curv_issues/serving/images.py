"""The images of a served page: those that the audit has stored, and all others from the dataset."""

from __future__ import annotations

import threading
from functools import lru_cache

from curv_issues.data.reopened_images import ReopenedImages
from curv_issues.errors import CurvIssuesError
from curv_issues.report.thumbnails import SIDES, thumbnail
from curv_issues.report.view import stored_thumbnails
from curv_issues.results.result import AuditResult

_KEPT = 2_000  # images made from the dataset


class ServedImages:
    """Images by row and size; safe to use from several threads.

    Attributes:
        problem: why the dataset cannot be opened again, so that only stored images are shown; None if it can.
    """

    def __init__(self, result: AuditResult) -> None:
        self._stored = stored_thumbnails(result)
        self._places = {row: index for index, row in enumerate(result.scores["row"].tolist())}
        self._lock = threading.Lock()
        self._made = lru_cache(_KEPT)(self._make)
        self._dataset: ReopenedImages | None = None
        self.problem: str | None = None
        if result.summary["dataset"].get("image_column") is None:  # features
            return
        hashes = result.images["image_sha256"].tolist(), result.images["file_sha256"].tolist()
        try:
            self._dataset = ReopenedImages(result.summary["dataset"], list(self._places), *hashes)
        except CurvIssuesError as error:
            self.problem = str(error)

    def has(self, row: int, size: str) -> bool:
        """Return whether there should be such an image."""
        return (row, size) in self._stored or (self._dataset is not None and row in self._places and size in SIDES)

    def get(self, row: int, size: str) -> bytes | None:
        """Return an image as WebP; None if there is none, or if it is not the audited one any more."""
        if (row, size) in self._stored or not self.has(row, size):
            return self._stored.get((row, size))
        try:
            return self._made(row, size)
        except CurvIssuesError:
            return None

    def _make(self, row: int, size: str) -> bytes:
        assert self._dataset is not None
        with self._lock:
            image = self._dataset.decode(self._places[row])
        return thumbnail(image, size)
