"""The studies: their arithmetic against references, their settings, and a small run of each."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import beyond, command, comparison, decide_anew, estimator, ranking, recipe, rows, schedule, transformer, watch
from benchmarks.feature_tables import transformer_table
from curv_issues.baselines import BASELINES
from curv_issues.bench.methods import parse_methods
from curv_issues.curvature import rademacher_directions
from curv_issues.noise.spec import parse_noise
from curv_issues.options import TrainingOptions
from curv_issues.probes.base import ProbeSpec
from curv_issues.trackers import SCORES
from tests import reference
from tests.small import inputs_and_labels, smooth_net


def directions(count: int) -> torch.Tensor:
    return rademacher_directions(count, (1, 2, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_changes_average_to_the_estimator() -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels(4)
    squared = estimator.changes(network, inputs, labels, directions(3), 1e-2)
    assert squared.shape == (3, 4)
    expected = reference.curvature(network, inputs, labels, directions(3), 1e-2, "squared")
    torch.testing.assert_close(squared.mean(0), expected, rtol=1e-7, atol=1e-12)


def test_the_exact_hessian_is_the_limit_of_small_steps() -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels(4)
    got = estimator.exact(network, inputs, labels, directions(2))
    torch.testing.assert_close(got, estimator.changes(network, inputs, labels, directions(2), 1e-6), rtol=1e-4, atol=1e-9)
    for i in range(4):
        hessian = reference.sample_hessian(network, inputs[i], int(labels[i]))
        assert got[0, i].item() == pytest.approx((hessian @ directions(2)[0].flatten()).square().sum().item())


def test_every_variant_has_a_value_for_every_sample() -> None:
    network, (inputs, labels) = smooth_net().float(), inputs_and_labels(4)
    many = directions(20).float()
    found = estimator.look_at(network, inputs.float(), labels, many, grid=True)
    assert {name for name in found if name.startswith("h ")} == {
        *(f"h {step:g}, 4 directions, {form}" for step in estimator.STEPS for form in ("squared", "norm")),
        *(f"h 0.01, {count} directions, squared" for count in estimator.COUNTS),
    }
    assert all(values.shape == (4,) for values in found.values())
    few = estimator.look_at(network, inputs.float(), labels, many[:4], grid=False)
    assert set(few) < set(found)
    for name, values in few.items():
        torch.testing.assert_close(values, found[name], msg=name)


def test_within_bins_is_chance_for_a_copy_of_the_binned_score() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(20_000) < 0.2
    free = rng.normal(size=20_000) + 2 * truth
    bins = (np.argsort(np.argsort(free)) * beyond.BINS) // 20_000
    noisy_copy = free + rng.normal(size=20_000)
    inside = beyond.within_bins(noisy_copy, truth, bins)
    other = beyond.within_bins(rng.normal(size=20_000) + truth, truth, bins)
    assert inside is not None
    assert other is not None
    assert 0.45 < inside < 0.62
    assert other > 0.7
    assert beyond.within_bins(free, np.zeros(20_000, dtype=bool), bins) is None


def test_fitted_combination_beats_a_mean_of_ranks() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(2_000) < 0.3
    good, noise = rng.normal(size=2_000) + 3 * truth, rng.normal(size=2_000)
    assert beyond.taught([good, noise], truth)["auroc"] > beyond.ranked([good, noise], truth)["auroc"] + 0.02
    assert beyond.taught([noise], truth)["auroc"] < 0.6  # it predicts samples that it was not trained on


def test_rare_samples_are_distinguished_from_wrong_ones() -> None:
    labels = np.repeat([0, 1], [100, 5])
    truth = np.arange(105) < 10
    suspect = {"good": truth * 1.0, "takes rare for wrong": (labels == 1) * 1.0}
    assert beyond._rare(suspect, truth, labels) == {"good": 1.0, "takes rare for wrong": 0.0}
    assert beyond._rare(suspect, truth, np.arange(105) % 2) is None


def test_ranking_variants_average_different_values() -> None:
    margins, losses = np.array([[4.0, 1.0, -9.0], [1.0, 4.0, 9.0]]), np.array([[0.0, 3.0, 0.0], [3.0, 0.0, 0.0]])
    final = np.array([-7.0, 7.0])
    found = ranking.ways(margins, losses, final, epochs=2, memorised=0.1)
    assert {name: values.tolist() for name, values in found.items()} == {
        ranking.DEFAULT: [-2.0, -3.0],
        "equal weights": [-2.5, -2.5],
        "weights 1, 4, 9, ...": [pytest.approx(-8 / 5), pytest.approx(-17 / 5)],
        "the later half": [-1.0, -4.0],
        "weights 1, 2, 3, ... of all epochs": [pytest.approx(21 / 6), pytest.approx(-36 / 6)],
        "margin (AUM: all epochs, equal)": [pytest.approx(4 / 3), pytest.approx(-14 / 3)],
        "loss, weights 1, 2, 3, ...": [2.0, 1.0],
        "default + final margin": [2.0, 1.0],
        "cumulative loss + margin + final margin": [pytest.approx((1.5 + 2 + 2) / 3), pytest.approx((1.5 + 1 + 1) / 3)],
    }
    memorised = ranking.ways(margins, losses, -final, epochs=2, memorised=0.15)
    assert memorised["default + final margin"].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("name", ["GELU", "Softplus"])
def test_smooth_probes_have_no_kink(name: str) -> None:
    network = beyond._with_activation(name)(ProbeSpec(num_classes=3, shape=(1, 16, 16), mean=(0.5,), std=(0.2,)))
    kinds = {type(module).__name__ for module in network.modules()}
    assert name in kinds
    assert "ReLU" not in kinds
    assert network(torch.rand(2, 1, 16, 16)).shape == (2, 3)


def test_directions_of_blocks() -> None:
    from curv_issues.training import run

    with beyond._directions(8):
        coarse = run.rademacher_directions(2, (3, 32, 32), generator=torch.Generator().manual_seed(0))
    assert coarse.shape == (2, 3, 32, 32)
    assert set(coarse.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(coarse, nn.functional.interpolate(coarse[..., ::8, ::8], scale_factor=8))
    assert run.rademacher_directions is rademacher_directions


def test_settings_can_be_run() -> None:
    for setting in beyond.SETTINGS.values():
        parse_noise(setting["noise"])
        TrainingOptions(**setting.get("options", {}))
    for cell in comparison.cells():
        parse_noise(cell["noise"])
    known = {*SCORES, *BASELINES}
    assert set(comparison.METHODS.split(",")) <= known
    baselines = ("confident_learning", "knn_label_score")
    for cell in comparison.cells():
        # the paper of CSL compares with SSFT at these rates and on duplicates
        rates = ("uniform:0.01", "uniform:0.02", "uniform:0.05", "uniform:0.1")
        with_ssft = cell["group"] == "duplicates" or cell["noise"] in rates
        methods = parse_methods(comparison.methods_of(cell), num_samples=50_000, with_features=False)
        assert methods.baselines == ((*baselines, "ssft") if with_ssft else baselines)


def test_settings_of_the_papers_are_covered() -> None:
    listed = comparison.cells()
    assert len({json.dumps(cell) for cell in listed}) == len(listed)
    for name in ("mnist", "cifar10", "cifar100"):
        for rate in (0.01, 0.02, 0.04, 0.05, 0.06, 0.08, 0.1):
            cells = [c for c in listed if (c["dataset"], c["noise"], c["size"]) == (name, f"uniform:{rate}", 10_000)]
            assert sorted(cell["seed"] for cell in cells) == [0, 1, 2]
        full = {c["noise"] for c in listed if (c["dataset"], c["size"], c["group"]) == (name, "full", "published")}
        assert full == {"uniform:0.1", "uniform:0.01"}
    assert {c["seed"] for c in estimator.cells()}.isdisjoint({0, 1, 2})


@pytest.mark.slow
def test_decisions_made_again_match_a_full_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "TrainingOptions", functools.partial(TrainingOptions, epochs=2))
    monkeypatch.setattr("curv_issues.findings.cutoff.LEAST_TRAINING", 0.0)  # otherwise nothing is flagged after two epochs
    monkeypatch.setattr(comparison, "METHODS", "cumulative_loss,margin,final_margin,residual")
    monkeypatch.setattr(decide_anew, "provenance", lambda: {"commit": "later"})
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    cell = comparison.cell("human", "digits", "uniform:0.1", 0, size=400)
    whole = comparison.measure(cell, tmp_path) | {"cell": cell, "config_hash": "7", "made_by": {"commit": "earlier"}}
    old = json.loads(json.dumps(whole))
    old["methods"]["default"]["flagged"], old["decision"] = None, None
    rows.put("comparison", old)
    monkeypatch.setattr("sys.argv", ["decide_anew", str(tmp_path)])
    decide_anew.main()
    (updated,) = rows.read("comparison")
    assert updated.pop("decided_by") == {"commit": "later"}
    assert updated == json.loads(json.dumps(whole))
    assert whole["methods"]["default"]["flagged"]["flagged"] > 0
    old["methods"]["margin"]["detection"]["auroc"] -= 1e-9
    rows.put("comparison", old)
    decide_anew.main()
    assert rows.read("comparison") == [old]
    assert "not changed: its training gives different scores here" in capsys.readouterr().out


@pytest.mark.parametrize(
    "module",
    [*(pytest.param(module, marks=pytest.mark.slow) for module in (comparison, estimator)), beyond, ranking, recipe, schedule],
)
def test_small_runs(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr(module, "TrainingOptions", functools.partial(TrainingOptions, epochs=2))
    monkeypatch.setattr("sys.argv", ["benchmark", str(tmp_path), "--smoke"])
    if module is comparison:
        monkeypatch.setattr(comparison, "METHODS", "margin,training_gradient,knn_label_score")
    module.main()
    (result,) = rows.read(f"smoke/{module.__name__.removeprefix('benchmarks.')}")
    if module is comparison:
        assert set(result["methods"]) == {"default", "margin", "training_gradient", "knn_label_score", "ssft"}
        assert result["methods"]["margin"]["detection"]["auroc"] > 0.8
        assert "curves" not in result["methods"]["margin"]
    elif module is estimator:
        assert len(result["variants"]["residual"]["by_epoch"]) == len(result["scored_epochs"]) == 2
        assert result["variants"]["residual"]["mean"]["auroc"] > 0.6
    elif module is recipe:
        assert result["cell"]["dataset"] == "digits"
        assert result["default"]["auroc"] > 0.7
    elif module is ranking:
        assert all(found["auroc"] > 0.6 for found in result["ways"].values())
        assert result["unmemorised_epochs"] <= result["epochs"] == 2
    elif module is schedule:
        assert result["recipe_epochs"] == len(result["by_epoch"]) == len(result["by_schedule"]) == 2
        assert result["by_schedule"]["1"] in result["by_epoch"]
        assert result["cumulative_loss"]["auroc"] > 0.6
    else:
        assert set(result["forms"]) == set(beyond.FORMS)
        assert result["best_free"] in beyond.FREE
        assert result["fusion"]["auroc"] > 0.7


def test_a_small_run_of_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["watch", str(tmp_path), "--smoke"])
    watch.main()
    (result,) = rows.read("smoke/watch")
    assert result["added_within"] == pytest.approx(
        (result["observe_seconds"] + result["end_epoch_seconds_per_step"]) / result["step_seconds"]
    )
    low, high = result["added_paired_interval"]
    assert low <= result["added_paired"] <= high


@pytest.mark.slow
def test_a_small_run_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    short = ["--max-samples", "300", "--epochs", "2"]
    monkeypatch.setattr(command, "COMMANDS", {name: [*options, *short] for name, options in command.COMMANDS.items()})
    monkeypatch.setattr(command, "PLAIN", command.PLAIN.replace("TrainingOptions()", "TrainingOptions(epochs=2)"))
    monkeypatch.setattr("sys.argv", ["command", str(tmp_path), "--smoke"])
    command.main()
    (result,) = rows.read("smoke/command")
    assert set(result["runs"]) == {"audit", "audit --no-duplicates"}
    for name, found in result["runs"].items():
        assert found["recipe"]["epochs"] == 2
        assert ("compare" in found["seconds"]) == (name == "audit")
        assert 1e8 < found["peak_memory"] < 1e10
        assert found["ratio_imports_apart"] == pytest.approx(
            (found["whole_command_seconds"] - result["import_seconds"]) / result["plain_training_seconds"]
        )


def test_transformer_for_small_images() -> None:
    network = transformer.vit(ProbeSpec(num_classes=7, shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.2,) * 3))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert network.patch_embed.num_patches == 64
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(0.7e6, rel=0.05)


@pytest.mark.slow
def test_a_small_run_of_the_transformer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["transformer", str(tmp_path), "--smoke"])
    transformer.main()
    results = rows.read("smoke/transformer")
    assert [result["cell"]["probe"] for result in results] == ["convnet", "vit"]
    header, _, first, second = transformer_table(results).splitlines()
    assert header.count("|") == first.count("|") == second.count("|")
    assert first.startswith("| convnet | 1 | 0.9")
