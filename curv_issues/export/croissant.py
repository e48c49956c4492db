"""The format `croissant`: metadata of MLCommons for a table of findings and its images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from curv_issues.data.image_types import FORMATS
from curv_issues.export.base import Export, write_json
from curv_issues.export.description import describe_source
from curv_issues.export.samples import COLUMNS, Sample

TABLE, IMAGES = "findings.parquet", "image-files"
_RECORDS = "findings"
_ARROW = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
_TYPES = {"int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean", "text": "sc:Text"}
_FILE = "file_name"

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.0, as its specification lists it."""


def write(export: Export, folder: Path) -> None:
    """Write `croissant.json` (Croissant 1.0), `findings.parquet` with one row per sample, and `images/`.

    License, creator and date of publication are left to you: add them to `croissant.json` before you publish it.
    """
    samples = export.with_images(folder / "images")
    _write_table(folder / TABLE, samples, with_files=export.images)
    content = (folder / TABLE).read_bytes()
    distribution = [
        {
            "@type": "cr:FileObject",
            "@id": TABLE,
            "name": TABLE,
            "contentUrl": TABLE,
            "contentSize": f"{len(content)} B",
            "encodingFormat": "application/x-parquet",
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    ]
    fields = [_field(name, _TYPES[kind], _column(name)) for name, kind in COLUMNS.items()]
    if samples and export.images:
        distribution.append(_file_set([str(sample.image) for sample in samples]))
        name = {"fileSet": {"@id": IMAGES}, "extract": {"fileProperty": "filename"}}
        content_of = {"fileSet": {"@id": IMAGES}, "extract": {"fileProperty": "content"}}
        fields.append({**_field(_FILE, "sc:Text", name), "references": _column(_FILE)})
        fields.append(_field("image", "sc:ImageObject", content_of))
    write_json(
        folder / "croissant.json",
        {
            "@context": CONTEXT,
            "@type": "sc:Dataset",
            "name": "label-findings",
            "description": f"Findings of curv-issues on the labels of {describe_source(export.result.summary)}.",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "distribution": distribution,
            "recordSet": [{"@type": "cr:RecordSet", "@id": _RECORDS, "name": _RECORDS, "field": fields}],
        },
    )


def _write_table(path: Path, samples: Sequence[Sample], *, with_files: bool) -> None:
    rows = [sample.table_row() for sample in samples]
    columns = {
        name: pa.array([row[number] for row in rows], type=_ARROW[kind]) for number, (name, kind) in enumerate(COLUMNS.items())
    }
    if with_files:
        columns[_FILE] = pa.array([sample.image for sample in samples], type=pa.string())
    with path.open("wb") as file:  # as pyarrow accepts only UTF-8 paths
        pq.write_table(pa.table(columns), file)


def _file_set(names: Sequence[str]) -> dict[str, Any]:
    """Describe the image files."""
    Image.init()  # lists the media types
    formats = {ending: name for name, endings in FORMATS.items() for ending in endings}
    types = sorted({Image.MIME.get(formats.get(Path(name).suffix, ""), "application/octet-stream") for name in names})
    return {"@type": "cr:FileSet", "@id": IMAGES, "name": IMAGES, "encodingFormat": types, "includes": "images/*"}


def _column(name: str) -> dict[str, Any]:
    return {"fileObject": {"@id": TABLE}, "extract": {"column": name}}


def _field(name: str, kind: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"{_RECORDS}/{name}", "name": name, "dataType": kind, "source": source}
