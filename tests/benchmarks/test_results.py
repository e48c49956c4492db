"""The tools of the benchmarks, and whether their figures can be reproduced."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks import (
    beyond,
    common,
    comparison,
    duplicate_finders,
    duplicates,
    duplicates_scale,
    estimator,
    features,
    held_out_images,
    label_noise,
    memorization,
    memorization_of_features,
    privacy,
    ranking,
    recipe,
    rows,
    schedule,
    tables,
    transformer,
    verdicts,
    watch,
)
from benchmarks import detection as detection_benchmark
from curv_issues.options import TrainingOptions
from curv_issues.trackers import LABEL_NOISE_SCORES
from tests.benchmarks import needs_results
from tests.small import make_data


def test_stratified_keeps_the_fractions() -> None:
    data = make_data(90)
    part = common.stratified(data, 30, 0)
    assert np.bincount(part.labels).tolist() == [10, 10, 10]
    assert (np.diff(part.rows) > 0).all()
    np.testing.assert_array_equal(part.rows, common.stratified(data, 30, 0).rows)
    assert part.rows.tolist() != common.stratified(data, 30, 1).rows.tolist()


def test_ten_classes_are_renumbered() -> None:
    data = make_data(120, 20)
    part = common.ten_classes(data, 1)
    assert len(part.class_names) == part.num_classes == len(np.unique(part.labels)) == 10
    for name, label, row in zip(np.array(part.class_names)[part.labels], part.labels, part.rows, strict=True):
        assert name == data.class_names[data.labels[row]]
        assert 0 <= label < 10


def test_plant_marks_the_flipped_labels() -> None:
    data = make_data(100, 4)
    noisy, truth = common.plant(data, 0.2, 5)
    np.testing.assert_array_equal(noisy.labels != data.labels, truth)
    assert [int(truth[data.labels == label].sum()) for label in range(4)] == [5, 5, 5, 5]
    np.testing.assert_array_equal(noisy.images, data.images)
    assert not np.array_equal(common.plant(data, 0.2, 6)[1], truth)


CELL = {"dataset": "digits", "size": "full", "rate": 0.05, "seed": 0}


def test_cell_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"n": 7}

    result = common.run_cell("some", CELL, make)
    assert [path.name for path in tmp_path.iterdir()] == ["some.jsonl.gz"]
    assert rows.read("some") == [result]
    assert (result["cell"], result["n"], len(result["config_hash"])) == (CELL, 7, 12)
    made_by = result["made_by"]
    assert set(made_by) == {"commit", "versions", "machine"}
    assert {"torch", "numpy", "python"} <= set(made_by["versions"])
    assert made_by["machine"]["cores"] == os.cpu_count()
    assert common.run_cell("some", CELL, make) == result
    assert made == [1]
    other = common.run_cell("some", {**CELL, "seed": 1}, make)
    assert other["config_hash"] != result["config_hash"]
    assert rows.read("some") == [result, other]


def test_failed_cell_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)

    def fail() -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        common.run_cell("some", CELL, fail)
    with pytest.raises(TypeError, match="not JSON serializable"):
        common.run_cell("some", CELL, lambda: {"n": object()})
    assert list(tmp_path.iterdir()) == []
    result = common.run_cell("some", CELL, lambda: {"n": 7})
    with pytest.raises(TypeError, match="not JSON serializable"):
        common.run_cell("some", {**CELL, "seed": 1}, lambda: {"n": object()})
    assert rows.read("some") == [result]


def test_a_row_of_the_same_configuration_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    for seed in (1, 0):
        common.run_cell("some", {**CELL, "seed": seed}, lambda: {"n": 7})
    first, second = rows.read("some")
    assert (first["cell"]["seed"], second["cell"]["seed"]) == (0, 1)  # sorted, in whatever order they were made
    rows.put("some", {**second, "n": 8})
    assert rows.read("some") == [first, {**second, "n": 8}]


def test_concurrent_writers_lose_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
import pathlib, sys
from benchmarks import rows
rows.RESULTS = pathlib.Path(sys.argv[1])
for seed in range(int(sys.argv[2]), 300, 3):
    rows.put("some", {"cell": {"seed": seed}, "config_hash": str(seed)})
"""
    root = Path(__file__).parents[2]
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(start)], cwd=root) for start in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    assert {row["cell"]["seed"] for row in rows.read("some")} == set(range(300))
    assert [path.name for path in tmp_path.iterdir()] == ["some.jsonl.gz"]


def test_cells_are_unique_and_cover_the_seeds() -> None:
    listed = detection_benchmark.cells()
    assert len({json.dumps(cell) for cell in listed}) == len(listed)
    for name, rate in (("cifar10", 0.1), ("cifar100", 0.1), ("mnist", 0.01), ("digits", 0.05), ("clothing", 0.05)):
        seeds = [
            c["seed"] for c in listed if (c["dataset"], c["rate"], c["size"], c["long_tail"]) == (name, rate, "full", "balanced")
        ]
        assert seeds == [0, 1, 2]
    assert {c["dataset"] for c in listed} == set(tables.NAMES)


def test_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr(detection_benchmark, "TrainingOptions", functools.partial(TrainingOptions, epochs=2))
    monkeypatch.setattr("sys.argv", ["detection", str(tmp_path), "--smoke"])
    detection_benchmark.main()
    (result,) = rows.read("smoke/detection")
    assert [folder.name for folder in tmp_path.iterdir()] == ["smoke"]
    assert (result["n"], result["wrong"], result["flagged"]["wrong"]) == (1797, 90, 90)
    assert result["suspicion"]["auroc"] > 0.9
    assert set(result["scores"]) == {*TrainingOptions().score_names, *LABEL_NOISE_SCORES}
    assert min(found["auroc"] for found in result["scores"].values()) > 0.5  # each in the direction of its metadata
    assert set(result["fusions"]) == set(detection_benchmark.FUSIONS)
    assert min(found["auroc"] for found in result["fusions"].values()) > 0.8
    assert result["recipe"]["epochs"] == 2
    assert sum(found["n"] for found in result["by_class"].values()) == 1797
    assert "'auroc'" in capsys.readouterr().out


def test_parts_cover_all_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    nothing = {"suspicion": None, "flagged": None, "seconds": None}
    monkeypatch.setattr(common, "run_cell", lambda _study, cell, _make: made.append(cell) or nothing)
    for part in ("0/2", "1/2"):
        monkeypatch.setattr("sys.argv", ["detection", str(tmp_path), "--part", part])
        detection_benchmark.main()
    assert sorted(map(str, made)) == sorted(map(str, detection_benchmark.cells()))
    made.clear()
    monkeypatch.setattr("sys.argv", ["detection", str(tmp_path), "--only", "mnist"])
    detection_benchmark.main()
    assert [cell["dataset"] for cell in made] == ["mnist"] * 6


def put_made_up_result(dataset: str, rate: float, seed: int, auroc: float, *, long_tail: object = "balanced") -> None:
    found = {"auroc": auroc, "average_precision": 0.5, "precision_at_k": 0.4}
    configuration = {"dataset": dataset, "size": "full", "long_tail": long_tail, "rate": rate, "seed": seed}
    result = {
        "cell": configuration,
        "config_hash": str(configuration),
        "n": 1000,
        "suspicion": found if rate else None,
        "scores": dict.fromkeys(tables.SCORES, found if rate else None),
        "fusions": {"both": found if rate else None},
        "by_class": {"cat": {"n": 10, "auroc": auroc}},
        "flagged": {"flagged": 20, "precision": 0.75, "recall": None},
    }
    rows.put("detection", result)


def test_tables_of_made_up_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    assert all(make() for make in tables.TABLES.values())  # also without results
    for seed, auroc in enumerate((0.9, 0.92)):
        put_made_up_result("cifar10", 0.1, seed, auroc)
        put_made_up_result("cifar10", 0.1, seed, auroc - 0.1, long_tail=100)
    put_made_up_result("mnist", 0.0, 0, 0.5)
    assert "| CIFAR-10, 10% flipped | 1,000 | 2 | 0.9100 ± 0.0141 | 0.500 ± 0.000 " in tables.detection_table()
    assert "| CIFAR-10, long tail, 10% flipped | 1,000 | 2 | 0.8100 ± 0.0141 " in tables.detection_table()
    assert "MNIST" not in tables.detection_table()
    assert "| MNIST, 0% flipped | 1 | 2.00 % |" in tables.clean_table()
    assert tables.ablation_table().splitlines()[0] == "| ranked by | CIFAR-10, 10% flipped |"
    assert "| both | 0.9100 ± 0.0141 |" in tables.ablation_table()
    assert "| input_curvature | 0.9100 ± 0.0141 |" in tables.ablation_table()
    assert "| cat | 10 | 0.810 ± 0.014 |" in tables.long_tail_table()


@needs_results
@pytest.mark.parametrize(
    ("study", "modules"),
    [
        ("detection", [detection_benchmark]),
        ("comparison", [comparison]),
        ("estimator", [estimator]),
        ("beyond", [beyond]),
        ("recipe", [recipe]),
        ("ranking", [ranking]),
        ("schedule", [schedule]),
        ("duplicates", [duplicates, duplicates_scale]),
        ("duplicate_finders", [duplicate_finders]),
        ("features", [features]),
        ("label_noise", [label_noise]),
        ("verdicts", [verdicts]),
        ("watch", [watch]),
        ("transformer", [transformer]),
        ("memorization", [memorization, memorization_of_features]),
        ("privacy", [privacy]),
        ("held_out_images", [held_out_images]),
    ],
)
def test_committed_results_match_the_cells_of_the_script(study: str, modules: list[ModuleType]) -> None:
    cells = [cell for module in modules for cell in module.cells()]
    committed = rows.read(study)
    assert len(committed) == len(cells)
    for row in committed:
        assert row["cell"] in cells
        assert row["config_hash"] == common.hash_of(row["cell"])
        assert row["made_by"]["commit"]
        assert "-modified" not in row["made_by"]["commit"], row["cell"]
        assert {"torch", "numpy", "python"} <= set(row["made_by"]["versions"])
        assert {"processor", "cores"} <= set(row["made_by"]["machine"])


@needs_results
def test_the_folder_of_results_is_small() -> None:
    files = [path for path in rows.RESULTS.iterdir() if path.is_file()]
    assert {path.suffix for path in files} == {".gz", ".jpg"}
    assert max(path.stat().st_size for path in files if path.suffix == ".jpg") <= 150_000
    assert sum(path.stat().st_size for path in files) < 1_500_000


@needs_results
@pytest.mark.slow
def test_repeated_cell_matches_the_committed_result() -> None:
    """Digits, seed 0: the figure in the README can be reproduced."""
    configuration = detection_benchmark.cell("digits", 0.05, 0)
    found = [row for row in rows.read("detection") if row["cell"] == configuration]
    again = detection_benchmark.measure(configuration, Path())
    assert again["recipe"] == found[0]["recipe"]
    assert again["wrong"] == found[0]["wrong"]
    assert again["suspicion"]["auroc"] == pytest.approx(found[0]["suspicion"]["auroc"], abs=0.002)
    for name in found[0]["scores"]:
        assert again["scores"][name]["auroc"] == pytest.approx(found[0]["scores"][name]["auroc"], abs=0.02), name
