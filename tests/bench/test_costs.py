from __future__ import annotations

from typing import Any

import pytest
import torch

import curv_issues.bench.costs as costs
from curv_issues.bench.costs import PassCosts, cost_of_score, measure_passes
from curv_issues.options import TrainingOptions
from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Need
from tests.small import make_data


@pytest.mark.slow
def test_every_kind_of_pass_is_measured_without_side_effects() -> None:
    state = torch.get_rng_state()
    passes = measure_passes(make_data(200, side=16, channels=3), TrainingOptions(epochs=2))
    assert set(passes) == set(Need)
    assert passes[Need.TRAINING] == 0
    assert all(value > 0 for need, value in passes.items() if not need.in_training)
    assert torch.equal(torch.get_rng_state(), state)


def test_costs_of_scores() -> None:
    passes = {
        Need.TRAINING: 0.0,
        Need.TRAINING_GRADIENT: 0.1,
        Need.EVALUATION: 0.2,
        Need.GRADIENT: 0.5,
        Need.CURVATURE: 1.0,
        Need.CONTRAST: 2.0,
    }
    found = {name: cost_of_score(name, passes, epochs=10, scored_epochs=5) for name in SCORES}
    assert found["margin"] == found["forgetting"] == 1
    assert found["training_gradient"] == pytest.approx(1.1)
    assert found["evaluation_loss"] == pytest.approx(1 + 0.2 * 5 / 10)
    assert found["final_loss"] == found["inconfidence"] == pytest.approx(1 + 0.2 / 10)  # the last pass is enough
    assert found["input_curvature"] == pytest.approx(1.5)
    assert found["label_contrast"] == pytest.approx(2.0)


def test_ratios_are_robust_to_a_slower_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine becomes ten times slower, and one pass takes very long."""
    now, slowness, done = 0.0, 1.0, 0
    lengths = {need: 1.0 + 0.25 * need for need in Need}

    def run_pass(need: Need) -> None:
        nonlocal now, slowness, done
        done += 1
        slowness = 10.0 if done > 20 else 1.0
        now += lengths[need] * slowness * (50 if done == 6 else 1)

    monkeypatch.setattr(costs.time, "perf_counter", lambda: now)
    found = costs._median_ratios(run_pass)
    assert found == {need: pytest.approx(lengths[need]) for need in Need if need is not Need.TRAINING}


def test_passes_are_measured_once_per_dataset_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def measure(data: Any, _options: TrainingOptions) -> dict[Need, float]:
        sizes.append(len(data))
        return {Need.CURVATURE: float(len(sizes))}

    monkeypatch.setattr(costs, "measure_passes", measure)
    measured = PassCosts()
    found = [measured(make_data(n), TrainingOptions())[Need.CURVATURE] for n in (60, 90, 60, 90)]
    assert (found, sizes) == ([1.0, 2.0, 1.0, 2.0], [60, 90])
