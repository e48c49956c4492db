from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import curv_issues.bench.cell as bench_cell
import curv_issues.bench.run as bench_run
from curv_issues.baselines import BASELINES
from curv_issues.baselines.base import BaselineResult
from curv_issues.bench.cell import measure_cell
from curv_issues.bench.methods import Methods, parse_methods
from curv_issues.bench.metrics import detection
from curv_issues.bench.run import Plan, finished_cells, run_bench
from curv_issues.data.features import from_features
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.options import FindingOptions, TrainingOptions
from curv_issues.progress import Progress
from curv_issues.trackers import LABEL_NOISE_SCORES, SCORES
from curv_issues.trackers.base import Need
from curv_issues.training.run import run_probe
from tests.bench.cells import make_cell
from tests.small import linear_probe, make_data

DATA = make_data(120, 3, seed=1)
OPTIONS = TrainingOptions(epochs=3, probe=linear_probe)


def measured(methods: Methods, noise: str = "uniform:0.1") -> dict[str, Any]:
    return measure_cell(DATA, parse_noise(noise), 0, options=OPTIONS, methods=methods)


@pytest.fixture(scope="module")
def cell() -> dict[str, Any]:
    return measured(parse_methods("all", num_samples=0, with_features=False))


def test_every_method_is_measured(cell: dict[str, Any]) -> None:
    expected = {"default", *SCORES, *LABEL_NOISE_SCORES, *(score for info in BASELINES.values() for score in info.scores)}
    assert set(cell["methods"]) == expected
    assert (cell["n"], cell["wrong"]) == (120, 12)
    for name, method in cell["methods"].items():
        assert 0 <= method["detection"]["auroc"] <= 1, name
        assert method["cost"] > 0, name
        assert sum(method["histogram"]["wrong"]) == 12
    flags = {name for name, method in cell["methods"].items() if method["flagged"] is not None}
    assert flags == {"default", *(info.headline for info in BASELINES.values() if info.flags)}
    json.dumps(cell, allow_nan=False)


def test_features_are_measured_with_their_cross_fitting() -> None:
    rng = np.random.default_rng(0)
    data = from_features(rng.normal(size=(80, 4)) + np.repeat([[0.0], [3.0]], 40, axis=0), np.repeat([0, 1], 40))
    methods = parse_methods("held_out_loss, margin", num_samples=80, with_features=True)
    found = measure_cell(data, parse_noise("uniform:0.1"), 0, options=TrainingOptions(epochs=4), methods=methods)
    crossed = 1 + found["seconds"]["cross_fit"] / found["seconds"]["train"]
    assert found["methods"]["held_out_loss"]["cost"] == found["methods"]["default"]["cost"] >= crossed * 0.99
    assert found["methods"]["margin"]["cost"] < crossed
    assert found["decision"]["ranking"]["parts"] == ("cumulative_loss", "held_out_loss", "p_wrong")


def test_costs_are_multiples_of_the_training_without_input_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Input gradients make the run 1.5 times as long, so a baseline of the same length costs 1.5."""
    plain: list[float] = []

    def of_a_baseline(name: str, run: Any, *others: Any) -> dict[str, Any]:
        plain.append(others[-2] / run.seconds["train"])
        return {}

    monkeypatch.setattr(bench_cell, "_results_of_baseline", of_a_baseline)
    passes = {**dict.fromkeys(Need, 1.0), Need.TRAINING: 0.0, Need.TRAINING_GRADIENT: 0.5}
    measure_cell(
        DATA,
        parse_noise("uniform:0.1"),
        0,
        options=OPTIONS,
        methods=parse_methods("margin,ssft", num_samples=0, with_features=False),
        passes=passes,
    )
    assert plain == [pytest.approx(1 / 1.5)]


def test_cost_of_a_baseline_uses_its_own_plain_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The main run may be slower (the first in the process) or faster (alone on the machine)."""
    values = np.linspace(0, 1, len(DATA))
    result = BaselineResult({"ssft": values}, flagged=None, trainings=2, seconds=10.0, plain_seconds=4.0)
    monkeypatch.setattr("curv_issues.baselines.ssft.second_split_forgetting", lambda *_arguments, **_options: result)
    assert measured(Methods((), ("ssft",)))["methods"]["ssft"]["cost"] == 2.5


def test_cells_of_one_run_share_the_costs_of_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1, 100))
    monkeypatch.setattr("curv_issues.bench.costs.measure_passes", lambda *_: dict.fromkeys(Need, float(next(calls))))
    cells = run_bench(DATA, replace(PLAN, seeds=1), tmp_path)
    assert [set(cell["passes"].values()) for cell in cells] == [{1.0}, {1.0}]


def test_scores_are_those_of_one_run_compared_with_the_truth(cell: dict[str, Any]) -> None:
    planted = apply_noise(DATA, parse_noise("uniform:0.1"), seed=0)
    run = run_probe(planted.data, replace(OPTIONS, measure="all", curvature_epochs=3))
    assert run is not None
    for name, info in SCORES.items():
        sign = 1 if info.direction == "high" else -1
        assert cell["methods"][name]["detection"] == detection(planted.is_error, sign * run.scores[name]), name
    assert cell["recipe"]["scored_epochs"] == cell["recipe"]["epochs"] == 3  # after every epoch, as published
    by_epoch = cell["curvature_by_epoch"]
    np.testing.assert_allclose(by_epoch["wrong"], run.trajectories["input_curvature"][planted.is_error].mean(0), rtol=1e-5)


def test_costs_are_multiples_of_the_plain_training(cell: dict[str, Any]) -> None:
    cost = {name: method["cost"] for name, method in cell["methods"].items()}
    assert cost["margin"] == cost["cumulative_loss"] == cost["forgetting"] == 1
    passes = cell["passes"]
    assert cost["input_curvature"] == pytest.approx(1 + passes["CURVATURE"], abs=1e-3)  # a pass after each epoch
    assert cost["label_contrast"] == pytest.approx(1 + passes["CONTRAST"], abs=1e-3)
    assert cost["final_loss"] == pytest.approx(1 + passes["EVALUATION"] / 3, abs=1e-3)  # after the last of three
    assert cost["training_gradient"] == pytest.approx(1 + passes["TRAINING_GRADIENT"], abs=1e-3)


def test_only_requested_methods_are_measured() -> None:
    found = measured(Methods(scores=("margin",), baselines=()), "none")
    assert list(found["methods"]) == ["default", "margin"]
    assert found["methods"]["margin"]["detection"] is None
    assert found["methods"]["default"]["flagged"]["wrong"] == found["wrong"] == 0


@pytest.mark.parametrize(("cut_off", "expected"), [("10%", 12), (0.0, 120)])
def test_default_uses_the_chosen_cut_off(cut_off: str | float, expected: int) -> None:
    noise, methods = parse_noise("uniform:0.1"), Methods(scores=(), baselines=())
    found = measure_cell(DATA, noise, 0, options=OPTIONS, methods=methods, finding=FindingOptions(cut_off=cut_off))
    assert found["methods"]["default"]["flagged"]["flagged"] == expected
    assert found["decision"]["cut_off"]["note"] is None


def test_failed_baseline_is_reported_and_others_continue() -> None:
    few = make_data(9, 3)
    found = measure_cell(
        few,
        parse_noise("uniform:0.4"),
        0,
        options=OPTIONS,
        methods=Methods(scores=("margin",), baselines=("knn_label_score", "confident_learning")),
    )
    assert found["methods"]["knn_label_score"]["detection"] is None
    assert found["methods"]["knn_label_score"]["failed"]
    assert found["methods"]["cl_self_confidence"]["detection"] is not None


PLAN = Plan(tuple(map(parse_noise, ("uniform:0.1", "none"))), 2, Methods(("margin",), ()), OPTIONS)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The (noise, seed) of each measured cell; the results are made up."""
    calls: list[tuple[str, int]] = []

    def measure(data: Any, noise: Any, seed: int, **_: Any) -> dict[str, Any]:
        calls.append((noise.text, seed))
        return {key: value for key, value in make_cell(noise.text, seed).items() if key not in ("cell", "made_by")}

    monkeypatch.setattr(bench_run, "measure_cell", measure)
    return calls


def test_cells_are_ordered_by_seed_then_noise(made: list[tuple[str, int]], tmp_path: Path) -> None:
    events: list[Progress] = []
    results = run_bench(DATA, PLAN, tmp_path, progress=events.append)
    assert made == [("uniform:0.1", 0), ("none", 0), ("uniform:0.1", 1), ("none", 1)]
    assert [(result["cell"]["noise"], result["cell"]["seed"]) for result in results] == made
    assert len(list((tmp_path / "cells").glob("*.json"))) == 4
    assert [(p.stage, p.done, p.total) for p in events] == [("cells", done, 4) for done in range(5)]
    for result in results:
        assert {"torch", "numpy"} <= set(result["made_by"]["versions"])
        assert result["cell"]["dataset"]["fingerprint"] == DATA.fingerprint
        assert result["cell"]["options"]["probe"] == "linear_probe"


def test_finished_cells_are_not_measured_again(made: list[tuple[str, int]], tmp_path: Path) -> None:
    first = run_bench(DATA, PLAN, tmp_path)
    next(iter((tmp_path / "cells").glob("none-seed1-*.json"))).unlink()
    made.clear()
    assert [cell["cell"] for cell in run_bench(DATA, PLAN, tmp_path)] == [cell["cell"] for cell in first]
    assert made == [("none", 1)]


def test_a_damaged_cell_is_measured_again_with_a_note(
    made: list[tuple[str, int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = run_bench(DATA, PLAN, tmp_path)
    (damaged,) = (tmp_path / "cells").glob("none-seed1-*.json")
    damaged.write_text(damaged.read_text()[:100])
    made.clear()
    with caplog.at_level("INFO", logger="curv_issues"):
        assert [cell["cell"] for cell in run_bench(DATA, PLAN, tmp_path)] == [cell["cell"] for cell in first]
    assert made == [("none", 1)]
    (note,) = caplog.messages
    assert note == f"{damaged} is corrupt or has another version: renamed to {damaged.name}.damaged, run again."
    assert len(finished_cells(DATA, PLAN, tmp_path)) == 4


def test_scores_without_values_fail_alone() -> None:
    """A change between epochs needs two epochs."""
    options = replace(OPTIONS, epochs=1)
    methods = Methods(("margin", "training_gradient_change"), ())
    found = measure_cell(DATA, parse_noise("uniform:0.1"), 0, options=options, methods=methods)["methods"]
    assert found["training_gradient_change"]["detection"] is None
    assert found["training_gradient_change"]["failed"] == "it has no value for 120 of 120 samples; train longer (--epochs)"
    assert found["margin"]["detection"]["auroc"] > 0
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": Methods(("margin", "el2n"), ())},
        {"options": TrainingOptions(epochs=4, probe=linear_probe)},
        {"finding": FindingOptions(cut_off="5%")},
        {"finding": FindingOptions(precision=0.9)},
    ],
)
def test_other_options_give_other_cells(made: list[tuple[str, int]], tmp_path: Path, changes: dict[str, Any]) -> None:
    run_bench(DATA, PLAN, tmp_path)
    made.clear()
    changed = replace(PLAN, **changes)
    assert finished_cells(DATA, changed, tmp_path) == []
    run_bench(DATA, changed, tmp_path)
    assert len(made) == 4
    made.clear()
    run_bench(make_data(121, 3), PLAN, tmp_path)
    assert len(made) == 4


def test_an_interruption_keeps_finished_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: Any, **__: Any) -> dict[str, Any]:
        if list((tmp_path / "cells").glob("*.json")):
            raise KeyboardInterrupt
        return {"methods": {}}

    monkeypatch.setattr(bench_run, "measure_cell", measure)
    with pytest.raises(KeyboardInterrupt):
        run_bench(DATA, PLAN, tmp_path)
    (cell,) = finished_cells(DATA, PLAN, tmp_path)
    assert (cell["cell"]["noise"], cell["cell"]["seed"]) == ("uniform:0.1", 0)
    assert [path.suffix for path in (tmp_path / "cells").iterdir()] == [".json"]


def test_neighbours_are_those_of_the_features_beside_images() -> None:
    both = replace(DATA, features=np.random.default_rng(0).normal(size=(len(DATA), 3)).astype(np.float32))  # that know nothing
    methods, noise = Methods(scores=(), baselines=("knn_label_score",)), parse_noise("uniform:0.1")
    found = {
        chosen: measure_cell(both, noise, 0, options=replace(OPTIONS, epochs=1, input=chosen), methods=methods)
        for chosen in ("auto", "both", "images")
    }
    precision = {name: one["methods"]["knn_label_score"]["detection"]["average_precision"] for name, one in found.items()}
    assert precision["auto"] == precision["both"] < 0.3
    assert precision["images"] > 0.9
