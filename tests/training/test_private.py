"""Training with differential privacy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import curv_issues
from curv_issues import AuditResult, UsageError, audit_features, load_probe
from curv_issues.inputs.features import FeatureInputs
from curv_issues.options import TrainingOptions
from curv_issues.training import private
from curv_issues.training.private import Privacy, made_private, plan_privacy, train_privately
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import run_probe
from curv_issues.training.state import TrainingState

pytest.importorskip("opacus", reason="needs the extra privacy")
CPU = torch.device("cpu")
N, D, K = 40, 6, 3
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(N, D)).astype(np.float32) * 3
LABELS = RNG.integers(0, K, N)


def step_once(monkeypatch: pytest.MonkeyPatch, *, noise: float, rate: float) -> tuple[nn.Module, nn.Module, float]:
    """Return a network before and after one private step, and its learning rate."""
    monkeypatch.setattr(private, "plan_privacy", lambda *_: Privacy(1.0, 1e-5, noise, 1.0, rate, 1))
    monkeypatch.setattr(private, "AT_ONCE", 7)
    torch.manual_seed(0)
    probe = nn.Sequential(nn.Linear(D, 5), nn.Tanh(), nn.Linear(5, K))
    before = nn.Sequential(nn.Linear(D, 5), nn.Tanh(), nn.Linear(5, K))
    before.load_state_dict(probe.state_dict())
    options = TrainingOptions(private=1.0, epochs=1, batch_size=10, learning_rate=0.5, weight_decay=0.0, seed=0)
    recipe = make_recipe(options, num_samples=N, shape=(D,))
    train_privately(TrainingState(probe, recipe, seed=0), FeatureInputs(FEATURES), torch.from_numpy(LABELS), device=CPU)
    return before, probe, 0.5 * 0.1 * 1.9  # the cycle starts at a tenth; Nesterov's first step is 1.9 gradients


def test_a_step_without_noise_is_the_mean_of_clipped_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, rate = step_once(monkeypatch, noise=0.0, rate=1.0)
    total = [torch.zeros_like(weight) for weight in before.parameters()]
    norms = []
    inputs = FeatureInputs(FEATURES).batch(torch.arange(N), CPU)
    for row, label in zip(inputs, torch.from_numpy(LABELS), strict=True):
        loss = functional.cross_entropy(before(row[None]), label[None])
        gradients = torch.autograd.grad(loss, list(before.parameters()))
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm())
        for sum_, gradient in zip(total, gradients, strict=True):
            sum_ += gradient * min(1.0, 1.0 / float(norms[-1]))
    assert min(norms) < 1 < max(norms)
    for old, new, sum_ in zip(before.parameters(), after.parameters(), total, strict=True):
        torch.testing.assert_close(new, old - rate * sum_ / N, rtol=1e-4, atol=1e-5)


def test_an_empty_batch_adds_noise_of_the_planned_size(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = []
    for _ in range(30):
        before, after, rate = step_once(monkeypatch, noise=2.0, rate=0.0)
        pairs = zip(before.parameters(), after.parameters(), strict=True)
        changes += [(new - old).detach().flatten() / rate for old, new in pairs]
    assert torch.cat(changes).std().item() == pytest.approx(2.0, rel=0.1)  # an expected batch of none counts as one


@pytest.mark.parametrize(("noise", "rate"), [(2.0, 0.0), (0.0, 0.5)], ids=["noise", "batches"])
def test_neither_follows_from_the_seed(noise: float, rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (dict(step_once(monkeypatch, noise=noise, rate=rate)[1].named_parameters()) for _ in range(2))
    assert not any(torch.equal(first[name], second[name]) for name in first)


def test_whole_runs_with_one_seed_differ() -> None:
    options = TrainingOptions(private=5.0, epochs=2, seed=0, curvature_epochs=1)
    data = curv_issues.from_features(FEATURES, LABELS)
    runs = [run_probe(data, options), run_probe(data, options)]
    first, second = (run.weights for run in runs if run is not None and run.weights is not None)
    assert not any(np.array_equal(first[name], second[name]) for name in first)


def test_features_are_not_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.inputs.features.NormalScores", None)  # cannot be called
    data = curv_issues.from_features(np.exp(FEATURES), LABELS)
    assert any("far from all others" in note for note in data.source.notes)
    assert run_probe(data, TrainingOptions(private=5.0, epochs=1)) is not None
    with pytest.raises(TypeError):
        run_probe(data, TrainingOptions(epochs=1))


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_a_plan_spends_what_is_asked_for(epsilon: float) -> None:
    plan = plan_privacy(epsilon, 10_000, 512, 10)
    assert 0.97 * epsilon <= plan.epsilon <= epsilon
    assert plan.delta == 1e-5
    assert plan.sample_rate == 0.0512
    assert plan.steps == 200
    assert plan_privacy(2 * epsilon, 10_000, 512, 10).noise_multiplier < plan.noise_multiplier
    assert plan_privacy(epsilon, 10_000, 512, 40).noise_multiplier > plan.noise_multiplier
    assert plan_privacy(epsilon, 1_000_000, 2_048, 2).delta == 5e-7


def test_an_epsilon_that_no_noise_reaches() -> None:
    with pytest.raises(UsageError, match=r"--private \(private\) 1e-09 is too low for 200 steps"):
        plan_privacy(1e-9, 10_000, 512, 10)


def test_layers_that_mix_samples_are_replaced() -> None:
    found = made_private(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2)))
    assert [type(module).__name__ for module in found] == ["Conv2d", "GroupNorm", "ReLU", "Flatten", "Linear"]
    assert not found[2].inplace


def test_an_audit_keeps_the_weights_and_says_what_is_private(tmp_path: Path) -> None:
    images = RNG.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    data = curv_issues.from_arrays(images, np.arange(60) % 3)
    result = curv_issues.audit(data, private=3.0, epochs=2, device="cpu", progress=False, duplicates=False)
    privacy = result.summary["privacy"]
    assert privacy["epsilon"] <= 3
    assert privacy["delta"] == 1e-5
    assert "weights" in privacy["private"]
    assert any("scores, findings and images reveal single samples" in note for note in result.summary["notes"])
    for history in result.trajectories.values():
        assert np.isfinite(history).any()
    assert np.isfinite(result.trajectories["margin"]).all()
    result.save(tmp_path / "out")
    assert result.probe is not None
    loaded = AuditResult.load(tmp_path / "out")
    probe = load_probe(loaded)
    seen = data.inputs("images").batch(torch.arange(60), CPU)
    with torch.no_grad():
        probabilities = probe(seen).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, result.pred_probs, atol=0.02)
    with pytest.raises(UsageError, match="weights are those of another network"):
        load_probe(loaded, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    (tmp_path / "out" / "probe.npz").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"corrupt|probe"):
        AuditResult.load(tmp_path / "out")


def test_weights_are_kept_if_the_search_for_duplicates_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(sys.modules["curv_issues.auditing.audit"], "compare_images", fail)
    kept: list[AuditResult] = []
    data = curv_issues.from_arrays(RNG.integers(0, 255, (30, 8, 8), dtype=np.uint8), np.arange(30) % 3)
    with pytest.raises(RuntimeError, match="no memory"):
        curv_issues.audit(data, private=3.0, epochs=1, device="cpu", progress=False, on_result=kept.append)
    assert kept[0].probe is not None
    assert kept[0].summary["privacy"]["epsilon"] <= 3


def test_a_usual_audit_has_no_probe() -> None:
    result = audit_features(FEATURES, LABELS, epochs=1, duplicates=False, device="cpu", progress=False)
    assert result.probe is None
    with pytest.raises(UsageError, match="The result has no probe"):
        load_probe(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"private": 0.0}, "private"),
        ({"private": -1.0}, "private"),
        ({"private": 1.0, "epochs": 0, "probe": nn.Linear(2, 2)}, r"leave --epochs 0 \(epochs=0\) out"),
        ({"private": 1.0, "fine_tune": True, "backbone": "timm:resnet18"}, r"leave --fine-tune \(fine_tune\) out"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingOptions(**options)  # type: ignore[arg-type]


def test_without_opacus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.options.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package opacus; pip install 'curv-issues\[privacy\]'"):
        TrainingOptions(private=1.0)
