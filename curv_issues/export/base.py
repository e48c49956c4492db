"""What an exporter gets: the samples to export, and where their images are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from curv_issues.data.base import LabeledData
from curv_issues.export.image_files import absolute_path, encoded_images, with_image_names, write_images
from curv_issues.export.samples import Sample
from curv_issues.results.result import AuditResult


@dataclass(frozen=True, eq=False)
class Export:
    """One export of a result.

    Attributes:
        result: the audit.
        samples: those to export, most suspect first.
        images: whether the export contains the images.
        image_root: address of the folder of images, for formats that refer to images by their address; None: the default.
        place: where the dataset is now, or the loaded dataset; (): where the audit has found it.
        on_step: called as `on_step(done, total)` after each image.
    """

    result: AuditResult
    samples: Sequence[Sample]
    images: bool = True
    image_root: str | None = None
    place: Sequence[str] | LabeledData = ()
    on_step: Callable[[int, int], None] | None = None

    @property
    def dataset(self) -> Mapping[str, Any]:
        """Return the `dataset` of the result's summary."""
        return self.result.summary["dataset"]

    @cached_property
    def last_row(self) -> int:
        """Return the largest row number of the result."""
        return int(self.result.scores["row"].max())

    def with_images(self, folder: Path) -> list[Sample]:
        """Write the images into a new folder and return the samples with their names; without images, the samples as they are.

        Raises:
            DatasetError: the dataset cannot be opened again, or an image is missing or has changed.
        """
        if not self.images:
            return list(self.samples)
        found = encoded_images(self.samples, self.dataset, self.place, self.on_step)
        return with_image_names(self.samples, write_images(found, folder, self.last_row))

    def file_of(self, sample: Sample) -> str:
        """Return the absolute path of a sample's file in the dataset; see `absolute_path`."""
        return absolute_path(sample, self.dataset, self.place)


def write_json(path: Path, value: Any, *, escape_quotes: bool = False) -> None:
    """Write a file of JSON in UTF-8; `escape_quotes`: write quotes and backslashes within text as numbers."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)  # indented, it takes several times as long
    if escape_quotes:
        text = re.sub(r'\\(["\\])', lambda found: f"\\u{ord(found[1]):04x}", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
