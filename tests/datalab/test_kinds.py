"""Datalabs made from all kinds of data, alone and together with built-in types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from cleanlab import Datalab
from PIL import Image

from tests.datalab.labs import NAMES, OPTIONS, N, class_label_dataset, digits, find, make_lab


def colour_data() -> dict[str, Any]:
    images, labels = digits()
    colour = [Image.merge("RGB", (image, image.rotate(90), image.rotate(180))) for image in images]
    return {"image": colour, "label": labels.tolist()}


def string_data() -> dict[str, Any]:
    images, labels = digits()
    return {"image": images, "label": [NAMES[label] for label in labels]}


def integer_data() -> dict[str, Any]:
    images, labels = digits()
    return {"image": images, "label": [(30, -4, 7)[label] for label in labels]}


def float_data() -> dict[str, Any]:
    images, labels = digits()
    return {"image": images, "label": [(30.0, -4.0, 7.0)[label] for label in labels]}


def bool_data() -> dict[str, Any]:
    images, labels = digits()
    return {"image": images, "label": [bool(label) for label in labels]}


def sized_data() -> dict[str, Any]:
    images, labels = digits()
    return {"image": [p.resize((8 + row % 5, 9)) for row, p in enumerate(images)], "label": labels.tolist()}


def parquet_data(folder: Path) -> datasets.Dataset:
    file = folder / "digits.parquet"
    class_label_dataset().to_parquet(file)
    return datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(folder))


def folder_data(folder: Path) -> datasets.Dataset:
    images, labels = digits()
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / NAMES[label]).mkdir(exist_ok=True)
        image.save(folder / NAMES[label] / f"{row:02}.png")
    return datasets.load_dataset("imagefolder", data_dir=str(folder), split="train", cache_dir=str(folder / "cache"))


DATA = {
    "class_label": class_label_dataset,
    "class_label_numpy": lambda: class_label_dataset().with_format("numpy"),
    "undecoded": lambda: class_label_dataset().cast_column("image", datasets.Image(decode=False)),
    "selected": lambda: class_label_dataset().select(list(range(N - 1, 3, -1))),
    "colour_dict": colour_data,
    "list": lambda: [{"image": p, "label": NAMES[label]} for p, label in zip(*digits(), strict=True)],
    "strings": string_data,
    "integers": integer_data,
    "floats": float_data,
    "bools": bool_data,
    "sizes": sized_data,
    "parquet": parquet_data,
    "folder": folder_data,
}


@pytest.mark.parametrize("kind", DATA)
def test_classes_match_those_of_the_label_type(kind: str, tmp_path: Path):
    make = DATA[kind]
    data = make(tmp_path) if kind in ("parquet", "folder") else make()  # type: ignore[operator]
    lab = make_lab(data)
    find(lab)
    n, k = len(lab.labels), len(lab.class_names)
    lab.find_issues(pred_probs=np.full((n, k), 1 / k), issue_types={"label": {}})
    ours, built_in = lab.get_issues("curvature"), lab.get_issues("label")
    assert ours.index.equals(pd.RangeIndex(n))
    assert ours["curvature_given_class"].tolist() == built_in["given_label"].tolist()
    assert ours["curvature_given_class"].dtype == built_in["given_label"].dtype
    assert set(ours["curvature_suggested_class"]) <= set(lab.class_names)
    assert not (ours["curvature_given_class"] == ours["curvature_suggested_class"]).any()
    assert np.isfinite(ours["curvature_score"]).all()


@pytest.mark.parametrize("make", [class_label_dataset, string_data, integer_data])
def test_suggested_class_is_the_true_class(make: Any):
    """If class names were mixed up, the suggestion for the wrong label would not be its true class."""
    lab = make_lab(make())
    find(lab, epochs=12)
    true = {"class_label_dataset": "zebra", "string_data": "zebra", "integer_data": 30}[make.__name__]
    issues = lab.get_issues("curvature")
    given = issues["curvature_given_class"].tolist()
    probs = lab.info["statistics"]["curv_issues_run"]["result"]["pred_probs"].astype(float)
    assert np.mean([lab.class_names[code] for code in probs.argmax(1)] == np.array(given)) > 0.8
    assert issues["curvature_suggested_class"][7] == true


def test_class_order_is_that_of_the_datalab():
    lab = make_lab(string_data())
    find(lab)
    assert lab.class_names == sorted(NAMES)
    assert lab.info["statistics"]["curv_issues_run"]["key"]["classes"] == sorted(NAMES)
    lab = make_lab()
    find(lab)
    assert lab.info["statistics"]["curv_issues_run"]["key"]["classes"] == list(NAMES)


def test_together_with_built_in_types(trainings: list[int]):
    features = np.stack([np.asarray(image).ravel() for image in digits()[0]]).astype(float)
    lab = make_lab()
    lab.find_issues(features=features, issue_types={"near_duplicate": {}, "curvature": dict(OPTIONS), "outlier": {}, "label": {}})
    assert lab.issue_summary["issue_type"].tolist() == ["near_duplicate", "curvature", "outlier", "label"]
    assert lab.issues.index.equals(pd.RangeIndex(N))
    assert not lab.issues.isna().any().any()
    alone = make_lab()
    find(alone, features=features)
    assert lab.get_issues("curvature").equals(alone.issues)
    assert trainings == [N, N]
    scores = lab.issue_summary["score"]
    assert lab.info["statistics"]["health_score"] == pytest.approx(scores.mean())


def test_class_with_one_sample_and_empty_class():
    labels = [label % 2 for label in digits()[1].tolist()]
    labels[4] = 2
    data = class_label_dataset(labels=labels).cast_column("label", datasets.ClassLabel(names=[*NAMES, "owl"]))
    lab = make_lab(data)
    find(lab)
    assert lab.issues["curvature_given_class"][4] == "moth"


def test_two_samples():
    lab: Datalab = make_lab(class_label_dataset(labels=[0, 1] * (N // 2)).select([0, 1]))
    find(lab)
    assert len(lab.issues) == 2
    assert lab.issues["curvature_score"].between(0, 1).all()
