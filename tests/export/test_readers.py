"""Exports are read by the tools that they are for. Install them with `pip install '.[export-test]'`, in an environment apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curv_issues.data.loading import load_data
from curv_issues.export.run import export_findings
from curv_issues.export.samples import Sample, list_samples
from curv_issues.results.result import AuditResult
from tests.data.images import colour_image, encode, write_parquet
from tests.export.audited import audited, audited_photos

REASON = "needs the readers of other tools: pip install '.[export-test]'"


@pytest.fixture(scope="module")
def samples(result: AuditResult) -> dict[int, Sample]:
    return {sample.row: sample for sample in list_samples(result, all_samples=True)}


@pytest.fixture(params=["flagged", "all", "none"])
def chosen(request: pytest.FixtureRequest, result: AuditResult, photos: Path) -> tuple[AuditResult, dict[str, Any], list[int]]:
    """A result, options of the export, and the rows that it must contain."""
    if request.param == "none":
        return audited_photos(photos, flagged=(), conflict=()), {}, []
    return result, {"all_samples": request.param == "all"}, list(range(9)) if request.param == "all" else [1, 2, 5, 7]


def test_fiftyone(chosen: tuple[AuditResult, dict[str, Any], list[int]], samples: dict[int, Sample], tmp_path: Path) -> None:
    importers = pytest.importorskip("fiftyone.utils.data.importers", reason=REASON)
    result, options, rows = chosen
    for images in (True, False):
        export_findings(result, "fiftyone", tmp_path / str(images), images=images, **options)
        importer = importers.FiftyOneImageClassificationDatasetImporter(dataset_dir=str(tmp_path / str(images)))
        importer.setup()
        assert importer.get_dataset_info() == {"classes": list(result.class_names)}
        found = {label["row"]: (path, label) for path, _, label in importer}
        assert sorted(found) == rows
        for row, (path, label) in found.items():
            sample = samples[row]
            with Image.open(path) as image:
                assert image.size == (sample.width, sample.height)
            assert (label.label, label.confidence) == (sample.given, 1 - sample.p_wrong)
            assert {name: label[name] for name in sample.attributes()} == sample.attributes()


def test_label_studio(chosen: tuple[AuditResult, dict[str, Any], list[int]], samples: dict[int, Sample], tmp_path: Path) -> None:
    interfaces = pytest.importorskip("label_studio_sdk.label_interface", reason=REASON)
    result, options, rows = chosen
    export_findings(result, "label-studio", tmp_path / "out", **options)
    interface = interfaces.LabelInterface((tmp_path / "out" / "config.xml").read_text(encoding="utf-8"))
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text(encoding="utf-8"))
    assert sorted(task["data"]["row"] for task in tasks) == rows
    for task in tasks:
        (prediction,) = task["predictions"]
        assert interface.validate_prediction(prediction, return_errors=True) == []
        assert interface.validate_task({"data": task["data"]})
    assert interface.get_control("label").labels == list(result.class_names)


def test_the_validation_of_label_studio_refuses_another_class(result: AuditResult, tmp_path: Path) -> None:
    interfaces = pytest.importorskip("label_studio_sdk.label_interface", reason=REASON)
    export_findings(result, "label-studio", tmp_path / "out")
    interface = interfaces.LabelInterface((tmp_path / "out" / "config.xml").read_text(encoding="utf-8"))
    prediction = json.loads((tmp_path / "out" / "tasks.json").read_text(encoding="utf-8"))[0]["predictions"][0]
    prediction["result"][0]["value"]["choices"] = ["no class"]
    assert interface.validate_prediction(prediction, return_errors=True) != []


@pytest.mark.parametrize("name", ["cvat", "datumaro"])
def test_datumaro(
    name: str, chosen: tuple[AuditResult, dict[str, Any], list[int]], samples: dict[int, Sample], tmp_path: Path
) -> None:
    datumaro = pytest.importorskip("datumaro", reason=REASON)
    result, options, rows = chosen
    export_findings(result, name, tmp_path / "out", **options)
    assert datumaro.Dataset.detect(str(tmp_path / "out")) == name
    dataset = datumaro.Dataset.import_from(str(tmp_path / "out"), name)
    names = [label.name for label in dataset.categories()[datumaro.AnnotationType.label]]
    assert names == list(result.class_names)
    found = {}
    for item in dataset:
        (label,) = item.annotations
        sample = samples[int(label.attributes["row"])]
        found[sample.row] = item
        assert item.media.data.shape == (sample.height, sample.width, 3)
        assert names[label.label] == sample.given
        assert label.attributes.get("suggested") == sample.suggested
        assert label.attributes["suspect"] is (sample.suggested is not None)
        assert float(label.attributes["p_wrong"]) == pytest.approx(sample.p_wrong, rel=1e-5)
    assert sorted(found) == rows


def test_datumaro_refers_to_files(result: AuditResult, photos: Path, tmp_path: Path) -> None:
    datumaro = pytest.importorskip("datumaro", reason=REASON)
    export_findings(result, "datumaro", tmp_path / "out", images=False)
    shutil.copytree(photos, tmp_path / "out" / "images" / "default")
    items = list(datumaro.Dataset.import_from(str(tmp_path / "out"), "datumaro"))
    assert [item.media.data.shape[1] for item in items] == [6] * 4


@pytest.mark.parametrize("images", [True, False])
def test_croissant(
    images: bool, chosen: tuple[AuditResult, dict[str, Any], list[int]], samples: dict[int, Sample], tmp_path: Path
) -> None:
    croissant = pytest.importorskip("mlcroissant", reason=REASON)
    result, options, rows = chosen
    export_findings(result, "croissant", tmp_path / "out", images=images, **options)
    dataset = croissant.Dataset(jsonld=str(tmp_path / "out" / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    missing = {warning.partition('"')[2].partition('"')[0].rpartition("/")[2] for warning in dataset.metadata.ctx.issues.warnings}
    assert missing == {"citeAs", "datePublished", "license", "version"}  # for the owner to add
    found = {record["findings/row"]: record for record in dataset.records("findings")} if rows else {}
    assert sorted(found) == rows
    for row, record in found.items():
        sample = samples[row]
        assert record["findings/given"].decode() == sample.given
        assert record["findings/suspicion"] == sample.suspicion
        assert ("findings/image" in record) == images
        assert not images or record["findings/image"].size == (sample.width, sample.height)


def test_croissant_of_several_kinds_of_images(tmp_path: Path) -> None:
    croissant = pytest.importorskip("mlcroissant", reason=REASON)
    kinds = ("PNG", "JPEG")
    images = [encode(colour_image(i), kinds[i % 2]) for i in range(9)]
    table = write_parquet(tmp_path / "table.parquet", ["ab"[i % 2] for i in range(9)], images=images)
    export_findings(audited(load_data(table)), "croissant", tmp_path / "out")
    records = list(croissant.Dataset(jsonld=str(tmp_path / "out" / "croissant.json")).records("findings"))
    assert {record["findings/file_name"].decode().rpartition(".")[2] for record in records} == {"png", "jpg"}
    assert [record["findings/image"].size for record in records] == [(6, 6)] * 4
