"""The format `datumaro`, for Datumaro: its own JSON format."""

from __future__ import annotations

from pathlib import Path

from curv_issues.export.base import Export, write_json
from curv_issues.export.image_files import relative_path, safe_stem
from curv_issues.export.samples import Sample

_SUBSET = "default"


def write(export: Export, folder: Path) -> None:
    """Write `annotations/default.json` in Datumaro's own format, and `images/default/`.

    Each item has one label: the given one, with the findings as attributes.
    """
    names = export.result.class_names
    samples = export.with_images(folder / "images" / _SUBSET)
    codes = {name: code for code, name in enumerate(names)}
    labels = [{"name": name, "parent": "", "attributes": []} for name in names]
    content = {
        "dm_format_version": "1.0",
        "media_type": 2,  # images
        "infos": {},
        "categories": {"label": {"labels": labels, "label_groups": [], "attributes": []}},
        "items": [_item(sample, safe_stem(sample, export.last_row), codes) for sample in samples],
    }
    # Datumaro 1.13 does not find the sections of a file with an escaped quote
    write_json(folder / "annotations" / f"{_SUBSET}.json", content, escape_quotes=True)


def _item(sample: Sample, name: str, codes: dict[str, int]) -> dict[str, object]:
    path = relative_path(sample) if sample.image is None else sample.image
    label = {"id": 0, "type": "label", "attributes": sample.attributes(), "group": 0, "label_id": codes[sample.given]}
    return {
        "id": name,
        "annotations": [label],
        "attr": {} if sample.split is None else {"split": sample.split},
        "image": {"path": path, "size": [sample.height, sample.width]},
    }
