"""The format `label-studio`, for Label Studio (HumanSignal)."""

from __future__ import annotations

import urllib.parse
import xml.etree.ElementTree as ET
from pathlib import Path

from curv_issues.export.base import Export, write_json
from curv_issues.export.image_files import relative_path
from curv_issues.export.samples import Sample
from curv_issues.export.xml_text import check_names, write_xml

LOCAL_FILES = "/data/local-files/?d="
"""Address at which Label Studio serves files below its document root."""

_CONTROL, _OBJECT = "label", "image"


def write(export: Export, folder: Path) -> None:
    """Write `tasks.json` with one task per sample, `config.xml` with the labeling interface, and `images/`.

    Each task proposes the suggested class, with `p_wrong` as the score; the given class if no finding doubts it.
    """
    check_names(export.result.class_names, "class", "label-studio")
    samples = export.with_images(folder / "images")
    root = export.image_root or (f"{LOCAL_FILES}images" if export.images else LOCAL_FILES)
    version = (export.result.summary.get("versions") or {}).get("curv-issues")
    model = f"curv-issues {version}" if version else "curv-issues"
    write_json(folder / "tasks.json", [_task(sample, _address(root, sample), model) for sample in samples])
    write_xml(folder / "config.xml", _interface(export.result.class_names), declaration=False)  # its SDK refuses one in text


def _task(sample: Sample, address: str, model: str) -> dict[str, object]:
    prediction: dict[str, object] = {
        "model_version": model,
        "result": [{"from_name": _CONTROL, "to_name": _OBJECT, "type": "choices", "value": {"choices": [sample.proposed]}}],
    }
    if sample.suggested is not None and sample.p_wrong is not None:
        prediction["score"] = sample.p_wrong
    return {
        "data": {_OBJECT: address, "given": sample.given, **sample.attributes()},
        "predictions": [prediction],
    }


def _address(root: str, sample: Sample) -> str:
    """Return the address of an image: the root, a slash unless it ends with `/` or `=`, and the name or path."""
    name = relative_path(sample) if sample.image is None else sample.image
    is_web_address = root.startswith(("http://", "https://", "/"))  # other kinds, such as s3://, take names as they are
    return root + ("" if root.endswith(("/", "=")) else "/") + (urllib.parse.quote(name) if is_web_address else name)


def _interface(class_names: tuple[str, ...]) -> ET.Element:
    view = ET.Element("View")
    ET.SubElement(view, "Image", name=_OBJECT, value=f"${_OBJECT}")
    ET.SubElement(view, "Header", value="Given label:")
    ET.SubElement(view, "Text", name="given", value="$given")
    choices = ET.SubElement(view, "Choices", name=_CONTROL, toName=_OBJECT, choice="single", required="true")
    for name in class_names:
        ET.SubElement(choices, "Choice", value=name)
    return view
