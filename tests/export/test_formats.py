"""What every format contains. `test_readers` checks the same files with the tools' own readers where they are installed."""

from __future__ import annotations

import csv
import hashlib
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
from PIL import Image

from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from curv_issues.export import EXPORTERS
from curv_issues.export.croissant import CONTEXT
from curv_issues.export.run import export_findings
from curv_issues.export.samples import ATTRIBUTES, COLUMNS, Sample, list_samples
from curv_issues.export.staging import MARKER
from curv_issues.plugins import load_attribute
from curv_issues.report.csv_format import csv_lines
from curv_issues.results.result import AuditResult
from tests.cli.running import strict_json
from tests.data.images import colour_image, encode, pngs, write_parquet
from tests.export.audited import NAMES, audited, audited_photos
from tests.made_up import make_result

WITH_IMAGES = {"fiftyone": "data", "label-studio": "images", "cvat": "images", "datumaro": "images/default", "croissant": "images"}
EXPECTED = {
    "fiftyone": {"labels.json"},
    "label-studio": {"tasks.json", "config.xml"},
    "cvat": {"annotations.xml", "labels.json"},
    "datumaro": {"annotations/default.json"},
    "croissant": {"croissant.json", "findings.parquet"},
    "csv": {"findings.csv"},
    "card": {"card.md"},
}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != MARKER}


def json_of(path: Path) -> Any:
    return strict_json(path.read_text(encoding="utf-8"))


def by_row(result: AuditResult) -> dict[int, Sample]:
    return {sample.row: sample for sample in list_samples(result, all_samples=True)}


@pytest.mark.parametrize("name", EXPORTERS)
class TestEveryFormat:
    def test_files(self, name: str, result: AuditResult, tmp_path: Path) -> None:
        exported = export_findings(result, name, tmp_path / "out")
        assert exported == (tmp_path / "out", 4)
        images = {f"{WITH_IMAGES[name]}/{row}-image-{row}.png" for row in (1, 2, 5, 7)} if name in WITH_IMAGES else set()
        assert files(tmp_path / "out") == EXPECTED[name] | images

    def test_images_are_those_of_the_dataset(self, name: str, result: AuditResult, photos: Path, tmp_path: Path) -> None:
        export_findings(result, name, tmp_path / "out", all_samples=True)
        found = sorted((tmp_path / "out").rglob("*.png"))
        assert [path.read_bytes() for path in found] == (
            [(photos / path).read_bytes() for path in result.scores["path"]] if name in WITH_IMAGES else []
        )

    def test_without_images_none_is_read(self, name: str, own_result: AuditResult, tmp_path: Path) -> None:
        if name != "fiftyone":  # which needs the absolute paths of existing files
            (tmp_path / "own").rename(tmp_path / "moved")
        export_findings(own_result, name, tmp_path / "out", images=False)
        assert files(tmp_path / "out") == EXPECTED[name]

    def test_no_findings(self, name: str, photos: Path, tmp_path: Path) -> None:
        result = audited_photos(photos, flagged=(), conflict=())
        assert export_findings(result, name, tmp_path / "out").num_samples == 0
        assert files(tmp_path / "out") == EXPECTED[name]
        assert export_findings(result, name, tmp_path / "all", all_samples=True).num_samples == 9

    def test_one_kind(self, name: str, result: AuditResult, tmp_path: Path) -> None:
        assert export_findings(result, name, tmp_path / "out", kind="duplicate_conflict").num_samples == 2

    def test_nothing_is_written_if_the_dataset_has_changed(self, name: str, own_result: AuditResult, tmp_path: Path) -> None:
        if name in WITH_IMAGES:
            next(tmp_path.rglob("image 7.png")).write_bytes(b"other")
            with pytest.raises(DatasetError, match="not the one that was audited"):
                export_findings(own_result, name, tmp_path / "out")
            assert [path.name for path in tmp_path.iterdir()] == ["own"]

    def test_its_first_line_says_what_is_written(self, name: str) -> None:
        summary = (load_attribute(EXPORTERS[name]).__doc__ or "").partition("\n")[0]
        assert summary.startswith("Write `")
        assert summary.endswith(".")


def test_fiftyone(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "fiftyone", tmp_path)
    content, samples = json_of(tmp_path / "labels.json"), by_row(result)
    assert content["classes"] == list(result.class_names)
    assert {path.stem for path in (tmp_path / "data").iterdir()} == set(content["labels"])
    entry = content["labels"]["7-image-7"]
    assert (entry["label"], entry["confidence"]) == (samples[7].given, 1 - samples[7].p_wrong)
    assert entry["attributes"] == samples[7].attributes()
    assert entry["attributes"]["suggested"] == samples[7].suggested != samples[7].given


def test_fiftyone_refers_to_files(result: AuditResult, photos: Path, tmp_path: Path) -> None:
    export_findings(result, "fiftyone", tmp_path / "out", images=False)
    labels = json_of(tmp_path / "out" / "labels.json")["labels"]
    assert set(labels) == {str(photos / str(by_row(result)[row].path)) for row in (1, 2, 5, 7)}
    assert (tmp_path / "out" / "data").is_dir()


@pytest.mark.parametrize("name", ["fiftyone", "cvat"])
def test_samples_in_one_file_are_not_lost(name: str, tmp_path: Path) -> None:
    for number, content in enumerate(pngs(5)):
        (tmp_path / f"{number}.png").write_bytes(content)
    files = [f"{row % 5}.png" for row in range(9)]
    table = write_parquet(tmp_path / "table.parquet", list("ababababa"), images=[None] * 9, paths=files)
    found = audited(load_data(table))
    with pytest.raises(
        DatasetError, match=r"^Several samples are in the image file .*\d\.png, so .*; export with images, or to csv"
    ):
        export_findings(found, name, tmp_path / "out", all_samples=True, images=False)
    assert export_findings(found, name, tmp_path / "out", all_samples=True).num_samples == 9


def test_a_result_without_probabilities(tmp_path: Path) -> None:
    export_findings(make_result(paths=["a.png"] * 8), "croissant", tmp_path / "a", images=False)
    assert pd.read_parquet(tmp_path / "a" / "findings.parquet")["p_wrong"].isna().all()


def test_label_studio(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "label-studio", tmp_path / "out")
    tasks, samples = json_of(tmp_path / "out" / "tasks.json"), by_row(result)
    assert [task["data"]["row"] for task in tasks] == [7, 5, 2, 1]
    for task in tasks:
        data, (prediction,) = task["data"], task["predictions"]
        sample = samples[data["row"]]
        root, _, name = data["image"].partition("?d=")
        assert root == "/data/local-files/"
        assert (tmp_path / "out" / name).is_file()  # the document root is the folder
        assert data["given"] == sample.given
        (region,) = prediction["result"]
        assert region == {
            "from_name": "label",
            "to_name": "image",
            "type": "choices",
            "value": {"choices": [sample.suggested or sample.given]},
        }
        assert prediction.get("score") == (None if sample.suggested is None else sample.p_wrong)
        assert prediction["model_version"] == "curv-issues 0.1.0"
    config = (tmp_path / "out" / "config.xml").read_text(encoding="utf-8")
    assert config.startswith("<View>")  # the SDK refuses text with a declaration of its encoding
    view = ET.fromstring(config)
    assert [choice.get("value") for choice in view.iter("Choice")] == list(result.class_names)
    (image,), (choices,) = view.iter("Image"), view.iter("Choices")
    assert (image.get("name"), image.get("value")) == ("image", "$image")
    assert (choices.get("name"), choices.get("toName")) == ("label", "image")


@pytest.mark.parametrize(
    ("root", "images", "expected"),
    [
        ("https://host/photos", True, "https://host/photos/7-image-7.png"),
        ("https://host/photos/", True, "https://host/photos/7-image-7.png"),
        ("https://host/?d=", False, "https://host/?d=%3DSUM%281%29%20%3Cb%3E%26%22%27/image%202.png"),
        ("s3://bucket/photos", False, "s3://bucket/photos/=SUM(1) <b>&\"'/image 2.png"),
        (None, False, "/data/local-files/?d=%3DSUM%281%29%20%3Cb%3E%26%22%27/image%202.png"),
    ],
)
def test_addresses_of_images(result: AuditResult, tmp_path: Path, root: str | None, images: bool, expected: str) -> None:
    export_findings(result, "label-studio", tmp_path / "out", image_root=root, images=images)
    addresses = {task["data"]["row"]: task["data"]["image"] for task in json_of(tmp_path / "out" / "tasks.json")}
    assert addresses[7 if images else 2] == expected
    assert unquote(expected).endswith(".png")


def test_cvat(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "cvat", tmp_path / "out")
    root, samples = ET.parse(tmp_path / "out" / "annotations.xml").getroot(), by_row(result)
    assert root.tag == "annotations"
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iterfind("meta/task/labels/label")] == list(result.class_names)
    found = list(root.iterfind("image"))
    names = [str(image.get("name")) for image in found]
    assert names == sorted(names)  # CVAT numbers the images of a task like this
    assert [image.get("id") for image in found] == ["0", "1", "2", "3"]
    for image in found:
        with Image.open(tmp_path / "out" / "images" / str(image.get("name"))) as opened:
            assert (image.get("width"), image.get("height")) == tuple(map(str, opened.size))
        (tag,) = image.iterfind("tag")
        values = {str(attribute.get("name")): attribute.text for attribute in tag.iterfind("attribute")}
        sample = samples[int(str(values["row"]))]
        assert tag.get("label") == sample.given
        assert values.get("suggested") == sample.suggested
        assert values["suspect"] == ("false" if sample.suggested is None else "true")
        assert float(str(values["suspicion"])) == pytest.approx(sample.suspicion, rel=1e-5)
    labels = json_of(tmp_path / "out" / "labels.json")
    assert [label["name"] for label in labels] == list(result.class_names)
    declared = {attribute["name"] for label in labels for attribute in label["attributes"]}
    assert declared == set(ATTRIBUTES) >= {attribute.get("name") for attribute in root.iter("attribute") if attribute.get("name")}


def test_images_of_cvat_have_the_order_of_their_names(result: AuditResult, tmp_path: Path) -> None:
    turned = {
        name: getattr(result, name).assign(suspicion=1 - getattr(result, name)["suspicion"]) for name in ("scores", "findings")
    }
    export_findings(replace(result, **turned), "cvat", tmp_path / "out")
    images = list(ET.parse(tmp_path / "out" / "annotations.xml").getroot().iterfind("image"))
    assert [(image.get("id"), str(image.get("name"))[0]) for image in images] == [("0", "1"), ("1", "2"), ("2", "5"), ("3", "7")]


def test_cvat_refers_to_files(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "cvat", tmp_path / "out", images=False)
    names = [image.get("name") for image in ET.parse(tmp_path / "out" / "annotations.xml").getroot().iterfind("image")]
    assert names == sorted(str(by_row(result)[row].path) for row in (1, 2, 5, 7))


def test_datumaro(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "datumaro", tmp_path / "out")
    content, samples = json_of(tmp_path / "out" / "annotations" / "default.json"), by_row(result)
    names = [label["name"] for label in content["categories"]["label"]["labels"]]
    assert names == list(result.class_names)
    text = (tmp_path / "out" / "annotations" / "default.json").read_text(encoding="utf-8")
    assert '\\"' not in text  # Datumaro's search for the sections stops there
    for item in content["items"]:
        (label,) = item["annotations"]
        sample = samples[label["attributes"]["row"]]
        assert (label["type"], names[label["label_id"]], label["attributes"]) == ("label", sample.given, sample.attributes())
        assert item["image"]["size"] == [sample.height, sample.width]
        assert (tmp_path / "out" / "images" / "default" / item["image"]["path"]).is_file()
    assert len({item["id"] for item in content["items"]}) == 4


def test_files_that_differ_in_their_extension_stay_apart(tmp_path: Path) -> None:
    result = make_result(paths=["a.png", "a.jpg", "b.png", "b.png", "a.png", "a.jpg", "c.png", "d.png"])
    export_findings(result, "datumaro", tmp_path / "out", images=False)
    assert len({item["id"] for item in json_of(tmp_path / "out" / "annotations" / "default.json")["items"]}) == 3


def test_croissant(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "croissant", tmp_path / "out")
    content, table = json_of(tmp_path / "out" / "croissant.json"), pd.read_parquet(tmp_path / "out" / "findings.parquet")
    assert content["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert content["@context"] == CONTEXT
    assert "license" not in content
    file, images = content["distribution"]
    path = tmp_path / "out" / file["contentUrl"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file["contentSize"] == f"{path.stat().st_size} B"
    assert (images["includes"], images["encodingFormat"]) == ("images/*", ["image/png"])
    (records,) = content["recordSet"]
    columns = {field["source"]["extract"]["column"] for field in records["field"] if "column" in field["source"]["extract"]}
    assert columns == set(COLUMNS) == set(table.columns) - {"file_name"}
    (joined,) = (field for field in records["field"] if "references" in field)
    assert joined["references"]["extract"]["column"] == "file_name"
    assert set(table["file_name"]) == {file.name for file in (tmp_path / "out" / "images").iterdir()}
    assert table["row"].tolist() == [7, 5, 2, 1]


def test_kinds_of_images_in_croissant(tmp_path: Path) -> None:
    kinds = ("PNG", "JPEG", "WEBP", "TIFF")
    images = [encode(colour_image(i), kinds[i % 4]) for i in range(9)]
    table = write_parquet(tmp_path / "table.parquet", ["ab"[i % 2] for i in range(9)], images=images)
    export_findings(audited(load_data(table)), "croissant", tmp_path / "out", all_samples=True)
    _, files = json_of(tmp_path / "out" / "croissant.json")["distribution"]
    assert files["encodingFormat"] == ["image/jpeg", "image/png", "image/tiff", "image/webp"]


def test_croissant_has_no_path_of_this_machine(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "croissant", tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes()


def test_csv(result: AuditResult, tmp_path: Path) -> None:
    export_findings(result, "csv", tmp_path / "out")
    text = (tmp_path / "out" / "findings.csv").read_bytes().decode("utf-8")
    header, *rows = csv.reader(text.splitlines())
    assert header == list(COLUMNS)
    found, samples = [dict(zip(header, row, strict=True)) for row in rows], by_row(result)
    assert [int(row["row"]) for row in found] == [7, 5, 2, 1]
    formula = next(name for name in NAMES if name.startswith("="))
    assert {row["given"] for row in found} & {formula, f"'{formula}"} == {f"'{formula}"}
    assert [float(row["suspicion"]) for row in found] == [samples[row].suspicion for row in (7, 5, 2, 1)]
    assert found[-1]["suggested"] == ""
    table = pd.read_csv(tmp_path / "out" / "findings.csv")
    assert table["suspect"].tolist() == [True, True, True, False]


def test_numbers_in_a_csv_table_are_never_defused() -> None:
    text = csv_lines(["number", "text"], [[-1.5, "-1.5"], [None, "@a"], [-2, "b"]])
    assert text.splitlines() == ['"number","text"', '-1.5,"\'-1.5"', '"","\'@a"', '-2,"b"']


@pytest.mark.parametrize("name", ["label-studio", "cvat"])
@pytest.mark.parametrize("wrong", ["a\x00b", "a\x1bb", "a\nb", "\ufffe"])
def test_class_names_that_xml_cannot_contain(tmp_path: Path, name: str, wrong: str) -> None:
    result = make_result(names=("dog", wrong, "bird"), paths=["a.png"] * 8)
    with pytest.raises(UsageError, match=rf"has a control character, which files of {name} cannot contain"):
        export_findings(result, name, tmp_path / "out", images=False)
    export_findings(result, "datumaro", tmp_path / "out", images=False)
    labels = json.loads((tmp_path / "out" / "annotations" / "default.json").read_text("utf-8"))["categories"]["label"]["labels"]
    assert labels[1]["name"] == wrong


def test_file_names_that_xml_cannot_contain(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^The file name 'a\\nb\.png' has a control character, which files of cvat"):
        export_findings(make_result(paths=["a\nb.png"] * 8), "cvat", tmp_path / "out", images=False)


def test_wrong_options(result: AuditResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^Unknown format of an export 'zip'; choose one of: fiftyone, label-studio, "):
        export_findings(result, "zip", tmp_path / "out")
    with pytest.raises(UsageError, match=r"^Unknown kind of finding 'fog'"):
        export_findings(result, "csv", tmp_path / "out", kind="fog")
    for root, to in (("https://host", "csv"), ("", "label-studio")):
        with pytest.raises(UsageError, match=r"^--image-root \(image_root\) is an address for label-studio tasks"):
            export_findings(result, to, tmp_path / "out", image_root=root)
    assert not (tmp_path / "out").exists()


def test_the_dataset_is_never_written_to(own_result: AuditResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "own" / "photos"
    with pytest.raises(UsageError, match="is inside the dataset"):
        export_findings(own_result, "csv", photos / "out")
    moved = photos.rename(photos.with_name("moved"))
    with pytest.raises(UsageError, match="is inside the dataset"):
        export_findings(own_result, "csv", moved / "out", dataset=moved)
    monkeypatch.setenv("HOME", str(moved.parent))
    with pytest.raises(UsageError, match="is inside the dataset"):
        export_findings(own_result, "csv", moved / "out", dataset="~/moved")
    assert export_findings(own_result, "cvat", tmp_path / "out", dataset=moved).num_samples == 4
    assert export_findings(own_result, "cvat", tmp_path / "out", dataset=[moved], overwrite=True).num_samples == 4
