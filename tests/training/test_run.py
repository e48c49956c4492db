from __future__ import annotations

import itertools
import random
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import curv_issues.training.run
from curv_issues.data.base import LabeledData
from curv_issues.errors import AuditError, UsageError
from curv_issues.inputs.base import ProbeSpec
from curv_issues.options import TrainingOptions
from curv_issues.progress import Progress
from curv_issues.trackers import SCORES, ScoreInfo
from curv_issues.trackers.base import Need, Observation, Tracker
from curv_issues.training.run import ProbeRun, build_probe, check_probe, run_probe
from curv_issues.training.state import TrainingState
from tests.small import CPU, linear_probe, make_data, mlp_probe, seeded, spec_of

DATA = make_data(50, side=8)


def run(data: LabeledData = DATA, *, trackers: Any = (), progress: Any = None, **options: Any) -> ProbeRun:
    found = run_probe(data, TrainingOptions(**{"epochs": 2, "measure": "all", **options}), trackers=trackers, progress=progress)
    assert found is not None
    return found


def same(left: ProbeRun, right: ProbeRun, *, scores: Any = SCORES) -> bool:
    arrays = [(left.scores[name], right.scores[name]) for name in scores]
    arrays += [(left.pred_probs, right.pred_probs), (left.embeddings, right.embeddings)]
    return all(np.array_equal(a, b) for a, b in arrays)


COUNTING = ("forgetting", "first_learned", "learning_time")  # scores that count epochs


def test_contents_of_a_run() -> None:
    found = run(epochs=4, curvature_epochs=2, probe=mlp_probe)
    assert list(found.scores) == list(found.score_metadata) == list(SCORES)
    for name, values in found.scores.items():
        assert values.shape == (50,), name
        assert values.dtype == np.float64
        assert np.isfinite(values).all(), name
        assert np.unique(values).size > (1 if name in COUNTING else 40), name
        assert found.score_metadata[name] == SCORES[name].metadata()
    assert set(found.trajectories) == {"loss", "margin", "training_gradient", "input_curvature", "label_contrast"}
    assert all(values.shape == (50, 4) for values in found.trajectories.values())
    assert np.isnan(found.trajectories["input_curvature"]).all(axis=0).tolist() == [True, False, True, False]
    assert not np.isnan(found.trajectories["loss"]).any()
    np.testing.assert_allclose(found.scores["cumulative_loss"], found.trajectories["loss"].sum(1), rtol=1e-5)
    assert found.pred_probs.shape == (50, 3)
    assert found.embeddings.shape == (50, 16)
    assert (found.complete, found.epochs_done, found.recipe.epochs) == (True, 4, 4)
    assert found.recipe.curvature_epochs == (1, 3)
    assert set(found.seconds) == {"train", "score"}
    assert all(value >= 0 for value in found.seconds.values())
    assert (found.device, found.compute_type) in {("cpu", "float32"), ("cpu", "bfloat16"), ("cuda", "bfloat16")}


@pytest.mark.parametrize("probe", ["convnet", mlp_probe])
def test_same_seed_gives_the_same_result(probe: Any) -> None:
    first = run(probe=probe, seed=3)
    torch.rand(7)  # noise in the global states must not matter
    random.random()
    assert same(first, run(probe=probe, seed=3))
    other = run(probe=probe, seed=4)
    assert not any(np.array_equal(first.scores[name], other.scores[name]) for name in SCORES)


def test_scoring_does_not_change_training() -> None:
    training = [name for name in SCORES if name in ("cumulative_loss", "margin", "final_loss", "final_margin")]
    plain = run(probe=mlp_probe, epochs=3, curvature_epochs=1)
    changes: list[dict[str, Any]] = [{"curvature_epochs": 3}, {"num_matvecs": 4}, {"form": "norm"}]
    for change in changes:
        other = run(probe=mlp_probe, epochs=3, **{"curvature_epochs": 1, **change})
        assert same(plain, other, scores=training)
        assert not np.array_equal(plain.scores["input_curvature"], other.scores["input_curvature"])


def test_each_measurement_and_seed_has_its_own_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    monkeypatch.setattr(curv_issues.training.run, "scoring_pass", lambda *_args, directions, **_options: drawn.append(directions))
    for seed in (0, 0, 1):
        run(epochs=3, curvature_epochs=2, num_matvecs=3, seed=seed, probe=linear_probe)
    assert [directions.shape for directions in drawn] == [(3, 1, 8, 8)] * 6
    first, second, again, _, third, fourth = drawn
    assert torch.equal(first, again)
    different = [first, second, third, fourth]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(different, 2))


def test_global_random_state_is_unchanged() -> None:
    def states() -> tuple[Any, ...]:
        numpy_state: Any = np.random.get_state()
        return torch.get_rng_state().tolist(), numpy_state[1].tolist(), numpy_state[2], random.getstate()

    before = states()
    run(probe=mlp_probe)
    assert states() == before
    with pytest.raises(AuditError):
        run(learning_rate=1e30, epochs=8, probe=linear_probe)
    assert states() == before


def test_user_supplied_module_is_copied_with_its_frozen_weights() -> None:
    network = seeded(0, lambda: mlp_probe(spec_of(DATA)))
    network[1].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seen: dict[str, Any] = {}

    class Look(Tracker):
        name, needs, info = "look", Need.TRAINING, ScoreInfo("high", "d", "c", "s")

        def measure(self, batch: Observation) -> Tensor:
            return batch.losses

        def reduce(self, history: np.ndarray) -> np.ndarray:
            return history[:, -1]

    real = curv_issues.training.run.build_probe

    def keep(probe: object, spec: ProbeSpec) -> nn.Module:
        seen["copy"] = real(probe, spec)
        return seen["copy"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curv_issues.training.run, "build_probe", keep)
        found = run(probe=network, trackers=[Look])
    assert found.scores["look"].shape == (50,)
    assert found.score_metadata["look"]["direction"] == "high"
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(weight.grad is None for weight in network.parameters())
    trained = seen["copy"].state_dict()
    assert torch.equal(trained["1.weight"], before["1.weight"])
    assert not torch.equal(trained["5.weight"], before["5.weight"])
    assert same(found, run(probe=network))


def test_embeddings_beyond_float16_are_clipped() -> None:
    class Large(nn.Module):
        def __init__(self, spec: ProbeSpec) -> None:
            super().__init__()
            self.hidden, self.head = nn.Linear(1, 2), nn.Linear(2, spec.num_classes)
            nn.init.zeros_(self.head.weight)

        def forward(self, inputs: Tensor) -> Tensor:
            signs = torch.tensor([-1e6, 1e6], device=inputs.device)
            return self.head(self.hidden(inputs.flatten(1)[:, :1]) * 0 + signs)

    embeddings = run(probe=lambda spec: Large(spec), learning_rate=1e-9).embeddings
    assert np.unique(embeddings[:, 0]).tolist() == [-65504]
    assert np.unique(embeddings[:, 1]).tolist() == [65504]


def test_batch_normalisation_with_one_sample_left_over() -> None:
    assert np.isfinite(run(make_data(33), batch_size=16, probe=mlp_probe).scores["cumulative_loss"]).all()
    assert np.isfinite(run(make_data(7), batch_size=2).scores["cumulative_loss"]).all()


def test_extreme_embeddings_stay_finite() -> None:
    def build(spec: ProbeSpec) -> nn.Module:
        class Huge(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = nn.Linear(64, spec.num_classes)

            def forward(self, inputs: Tensor) -> Tensor:
                return self.head((inputs.flatten(1) + 1) * 1e6) * 1e-7

        return Huge()

    embeddings = run(probe=build).embeddings
    assert embeddings.dtype == np.float16
    assert embeddings.max() == 65504


def interrupt_when(condition: Callable[[Progress], bool]) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if condition(progress):
            raise KeyboardInterrupt

    return on_progress


def test_an_interruption_keeps_the_finished_epochs() -> None:
    whole = run(epochs=5, curvature_epochs=5, probe=mlp_probe)
    cut = run(
        epochs=5,
        curvature_epochs=5,
        probe=mlp_probe,
        progress=interrupt_when(lambda p: p.stage == "train" and p.epoch == 4 and p.done > 3 * 50),
    )
    assert (cut.complete, cut.epochs_done) == (False, 3)
    for name, values in cut.trajectories.items():
        np.testing.assert_array_equal(values, whole.trajectories[name][:, :3])
    np.testing.assert_allclose(cut.scores["cumulative_loss"], whole.trajectories["loss"][:, :3].sum(1), rtol=1e-6)
    np.testing.assert_allclose(cut.scores["margin"], whole.trajectories["margin"][:, :3].mean(1), rtol=1e-5, atol=1e-6)
    assert all(np.isfinite(values).all() for values in cut.scores.values())
    assert cut.pred_probs.shape == (50, 3)


def test_an_interruption_before_the_first_measurement_evaluates_once() -> None:
    cut = run(epochs=5, curvature_epochs=1, progress=interrupt_when(lambda p: p.epoch == 3))
    assert (cut.complete, cut.epochs_done) == (False, 2)
    for name in ("final_loss", "final_margin", "residual", "cumulative_loss", "margin"):
        assert np.isfinite(cut.scores[name]).all(), name
    for name in ("input_curvature", "loss_sensitivity"):
        assert np.isnan(cut.scores[name]).all(), name
    assert cut.trajectories["input_curvature"].shape == (50, 2)


def test_an_interruption_while_scoring_drops_that_epoch() -> None:
    passes = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "score":
            passes.append(progress.done)
            if len(passes) == 2:
                raise KeyboardInterrupt

    cut = run(epochs=3, curvature_epochs=3, progress=on_progress)
    assert (cut.complete, cut.epochs_done) == (False, 1)
    assert passes == [50, 100]


def test_an_interruption_of_the_last_pass_keeps_the_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = run(), []

    def interrupt_once(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return predict(*args, **options)

    predict = curv_issues.training.run.predict
    monkeypatch.setattr(curv_issues.training.run, "predict", interrupt_once)
    cut = run()
    assert (cut.complete, cut.interrupted, cut.epochs_done) == (True, True, 2)
    assert same(whole, cut)


def test_an_interruption_in_the_first_epoch_leaves_nothing() -> None:
    options = TrainingOptions(epochs=3)
    assert run_probe(DATA, options, progress=interrupt_when(lambda p: p.epoch == 1)) is None


def test_progress_counts_all_work_of_a_stage() -> None:
    events: list[Progress] = []
    run(epochs=3, curvature_epochs=2, batch_size=32, progress=events.append)
    train = [p for p in events if p.stage == "train"]
    assert [p.done for p in train] == [25, 50, 75, 100, 125, 150]
    assert {p.total for p in train} == {150}
    assert [(p.epoch, p.epochs) for p in train] == [(1, 3), (1, 3), (2, 3), (2, 3), (3, 3), (3, 3)]
    assert all(p.loss is not None and p.loss > 0 for p in train)
    assert [(p.done, p.total) for p in events if p.stage == "score"] == [(50, 100), (100, 100)]


def spec() -> ProbeSpec:
    return spec_of(DATA)


def network(*layers: nn.Module, out: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, out))


class Raising(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.head = error, nn.Linear(2, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        raise self.error


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = network(), nn.Linear(64, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.body(inputs)


class Tuple(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        return (self.body(inputs),)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (network(out=4), r"must return logits of shape \(2, 3\) for two images, got \(2, 4\)"),
        (nn.Linear(8, 3), r"must return logits of shape \(2, 3\) for two images, got \(2, 1, 8, 3\)"),
        (Tuple(), r"must return logits of shape \(2, 3\) for two images, got tuple"),
        (nn.Sequential(nn.Conv2d(3, 3, 8), nn.Flatten(), nn.Linear(3, 3)), r"cannot read images of shape \(1, 8, 8\): "),
        (Raising(ValueError("no\nway")), r"cannot read images of shape \(1, 8, 8\): no$"),
        (Raising(TypeError()), r"cannot read images of shape \(1, 8, 8\): TypeError$"),
        (nn.Sequential(nn.Conv2d(1, 3, 8), nn.Flatten()), "neither a `head` nor an nn.Linear layer"),
        (Unused(), r"The probe's head \(Linear\), whose inputs are the embeddings, must be called once per batch"),
        (network().requires_grad_(False), "no trainable weights; expected at least one with requires_grad"),
        (lambda spec: "network", "The probe function must return an nn.Module, got str"),
        (lambda spec: network(out=5), r"must return logits of shape \(2, 3\) for two images, got \(2, 5\)"),
    ],
)
def test_unsuitable_probes_are_refused_before_training(probe: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curv_issues.training.run, "train_probe", lambda *_args, **_options: pytest.fail("trained"))
    with pytest.raises(UsageError, match=message) as caught:
        run(probe=probe)
    assert "\n" not in str(caught.value)


def test_check_probe_keeps_modes_and_statistics() -> None:
    probe = mlp_probe(spec())
    probe[2].eval()
    before = {name: value.clone() for name, value in probe.state_dict().items()}
    check_probe(probe, spec(), CPU)
    assert [module.training for module in probe] == [True, True, False, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in probe.state_dict().items())
    assert all(weight.requires_grad for weight in probe.parameters())


def test_build_probe_by_name_function_and_module() -> None:
    assert type(build_probe("convnet", spec())).__name__ == "ConvNet"
    assert isinstance(build_probe(mlp_probe, spec()), nn.Sequential)
    module: Any = network()
    copied: Any = build_probe(module, spec())
    assert copied is not module
    assert torch.equal(copied[1].weight, module[1].weight)
    assert copied[1].weight.data_ptr() != module[1].weight.data_ptr()


def test_invalid_trackers_and_devices_are_refused() -> None:
    with pytest.raises(UsageError, match="Expected a subclass of Tracker, got 3"):
        run(trackers=[3])
    with pytest.raises(UsageError, match="Device 'abacus' cannot be used here"):
        run(device="abacus")


def test_nan_outputs_after_the_last_step_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of the last step is finite, and the weights after it are not."""
    train = curv_issues.training.run.train_probe

    def blow_up(state: TrainingState, *arguments: Any, **options: Any) -> None:
        train(state, *arguments, **options)
        for weight in state.probe.parameters():
            weight.data.fill_(torch.nan)

    monkeypatch.setattr(curv_issues.training.run, "train_probe", blow_up)
    with pytest.raises(AuditError, match=r"^The outputs of the trained probe became nan at learning rate 100; train again"):
        run(probe=linear_probe, learning_rate=100.0)
