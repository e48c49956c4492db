"""The study of features."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from benchmarks import features, features_scale, rows
from benchmarks.feature_tables import features_scale_table, features_table
from curv_issues import audit_features
from curv_issues.bench.methods import parse_methods
from curv_issues.noise.spec import parse_noise
from curv_issues.options import TrainingOptions


def test_cells_can_be_run() -> None:
    listed = features.cells()
    assert len({str(cell) for cell in listed}) == len(listed)
    for cell in listed:
        parse_noise(cell["noise"])
        if cell["input"] != features.FINE_TUNED:
            TrainingOptions(input=cell["input"])
        assert sorted(c["seed"] for c in listed if {**c, "seed": 0} == {**cell, "seed": 0}) == [0, 1, 2]
    for methods in (features.METHODS, features.OF_IMAGES):
        parse_methods(methods, num_samples=10, with_features=True)


def test_prose_has_no_code() -> None:
    text = "Compute the `scipy.fft.fft` of x.\n\nUses scipy.special inside.\n\nExamples\n--------\n>>> from scipy import fft\n"
    assert features.prose(text).split() == ["Compute", "the", "of", "x.", "Uses", "inside."]


def test_docstrings_are_labelled_by_subpackage() -> None:
    data = features.docstrings()
    assert {"stats", "signal", "linalg"} <= set(data.class_names)
    assert len(data) > 1_000
    assert data.features is not None
    assert data.features.shape == (len(data), features.MOST_FEATURES)
    assert np.bincount(data.labels).min() >= features.LEAST_WORDS


@pytest.mark.slow
def test_small_run_of_the_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmark", str(tmp_path), "--smoke"])
    monkeypatch.setattr(features_scale, "audit_features", functools.partial(audit_features, epochs=2))
    features_scale.main()
    (result,) = rows.read("smoke/features_scale")
    assert 0 < result["memory"] < 1e9
    assert features_scale_table([result]).splitlines()[-1].startswith("| 2,000 | not searched | 2 | ")


@pytest.mark.slow
def test_small_run_and_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr(features, "TrainingOptions", functools.partial(TrainingOptions, epochs=4))
    monkeypatch.setattr(features, "METHODS", "held_out_loss,knn_label_score")
    monkeypatch.setattr("sys.argv", ["benchmark", str(tmp_path), "--smoke"])
    features.main()
    (result,) = rows.read("smoke/features")
    assert {"default", "held_out_loss", "knn_label_score", "cl_logistic", "cl_boosting"} == set(result["methods"])
    assert all(method["detection"]["auroc"] > 0.8 for method in result["methods"].values())
    header, _, row = features_table([result], "auroc").splitlines()
    assert header.count("|") == row.count("|")
    assert row.startswith("| wine (178 x 13), uniform:0.05 | 1 | ")
