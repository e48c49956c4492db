"""The format `cvat`, for CVAT: "CVAT for images 1.1"."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from curv_issues.export.base import Export, write_json
from curv_issues.export.image_files import check_unique, relative_path
from curv_issues.export.samples import ATTRIBUTES, Sample
from curv_issues.export.xml_text import check_names, write_xml, xml_text


def write(export: Export, folder: Path) -> None:
    """Write `annotations.xml` (CVAT for images 1.1), `labels.json` for the constructor of a task, and `images/`.

    Each image has one tag: its given label, with the findings as attributes.
    """
    names = export.result.class_names
    check_names(names, "class", "cvat")
    samples = export.with_images(folder / "images")
    # CVAT numbers the images of a task in the order of their names
    named = sorted(((_name(sample), sample) for sample in samples), key=lambda pair: pair[0])
    check_names((name for name, _ in named), "file", "cvat")
    check_unique(name for name, _ in named)
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    for entry, text in (("name", "curv-issues"), ("size", str(len(samples))), ("mode", "annotation")):
        ET.SubElement(task, entry).text = text
    labels = ET.SubElement(task, "labels")
    for name in names:
        _add_label(labels, name)
    for number, (name, sample) in enumerate(named):
        image = ET.SubElement(root, "image", id=str(number), name=name, width=str(sample.width), height=str(sample.height))
        tag = ET.SubElement(image, "tag", label=sample.given)
        for attribute, value in sample.attributes().items():
            ET.SubElement(tag, "attribute", name=attribute).text = _text(value)
    write_xml(folder / "annotations.xml", root)
    write_json(folder / "labels.json", [{"name": name, "type": "tag", "attributes": _ATTRIBUTES} for name in names])


_ATTRIBUTES = [{"name": name, "mutable": False, "input_type": "text", "default_value": "", "values": [""]} for name in ATTRIBUTES]
"""Definition of the label attributes for CVAT: free text."""


def _add_label(labels: ET.Element, name: str) -> None:
    label = ET.SubElement(labels, "label")
    ET.SubElement(label, "name").text = name
    ET.SubElement(label, "type").text = "tag"
    attributes = ET.SubElement(label, "attributes")
    for entry in _ATTRIBUTES:
        attribute = ET.SubElement(attributes, "attribute")
        for tag in ("name", "mutable", "input_type", "default_value"):
            ET.SubElement(attribute, tag).text = str(entry[tag])
        ET.SubElement(attribute, "values")


def _name(sample: Sample) -> str:
    return relative_path(sample) if sample.image is None else sample.image


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else xml_text(str(value))
