from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import curv_issues.training.loop
from curv_issues.curvature import rademacher_directions
from curv_issues.errors import AuditError
from curv_issues.inputs.base import AugmentedBatch, Inputs, ProbeSpec
from curv_issues.inputs.images import ImageInputs, split_evenly, to_inputs
from curv_issues.trackers.base import Need, Observation, Quantity
from curv_issues.trackers.quantities import QUANTITIES, Loss, Margin
from curv_issues.trackers.reference_margin import ReferenceMargin
from curv_issues.trackers.scores import make_quantities, make_score
from curv_issues.training.loop import WARM_UP, one_cycle, train_probe
from curv_issues.training.optimizer import MOMENTUM
from curv_issues.training.recipe import Recipe
from curv_issues.training.scoring import scoring_pass
from curv_issues.training.state import TrainingState
from tests import reference
from tests.small import CPU, RECIPE, linear_probe, make_data, mlp_probe, seeded, spec_of

DATA = make_data(41)
INPUTS, LABELS = ImageInputs(DATA.images), torch.from_numpy(DATA.labels)
IMAGES = INPUTS.pixels


def train(
    probe: nn.Module,
    *,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    n: int = 41,
    quantities: Sequence[Quantity] = (),
    inputs: Inputs | None = None,
    **options: Any,
) -> nn.Module:
    inputs = ImageInputs(DATA.images[:n]) if inputs is None else inputs
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        state = TrainingState(probe, recipe, seed=seed, quantities=quantities)
        train_probe(state, inputs, LABELS[:n], device=CPU, **options)
    return probe


class DoubleInputs(ImageInputs):
    """Image inputs in float64."""

    def augmented(self, index: Tensor, device: torch.device, **how: Any) -> AugmentedBatch:
        seen = super().augmented(index, device, **how)
        return replace(seen, inputs=seen.inputs.double())


def fresh(build: Any = mlp_probe) -> Any:
    return seeded(0, lambda: build(spec_of(DATA)))


def changed(**changes: Any) -> Recipe:
    return Recipe(**{**vars(RECIPE), **changes})


def same_weights(left: nn.Module, right: nn.Module) -> bool:
    pairs = zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class Recorder(Quantity):
    """Keep every observation."""

    name = "recorder"
    needs = Need.TRAINING

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs)
        self.batches: list[tuple[int, Observation]] = []

    def measure(self, batch: Observation) -> Tensor:
        return batch.losses

    def observe(self, epoch: int, batch: Observation) -> None:
        super().observe(epoch, batch)
        self.batches.append((epoch, batch))


def test_weights_are_bit_identical_with_and_without_trackers_and_scoring() -> None:
    plain = train(fresh(), recipe=changed(flip=True, shift=1))
    watched = fresh()
    trackers = [quantity(41, 2) for quantity in QUANTITIES.values()]

    def score(epoch: int) -> None:
        directions = rademacher_directions(2, (1, 8, 8), generator=torch.Generator().manual_seed(epoch))
        scoring_pass(watched, INPUTS, LABELS, trackers, epoch=epoch, device=CPU, directions=directions, step=1e-2, form="squared")

    train(watched, recipe=changed(flip=True, shift=1), quantities=trackers, on_epoch=score, on_step=lambda *_: None)
    assert same_weights(plain, watched)
    first = {"training_gradient_change": (1,)}  # there is nothing to compare the first epoch with
    assert all(tracker.measured == first.get(tracker.name, (0, 1)) for tracker in trackers)
    assert not any(np.isnan(tracker.history).any() for tracker in trackers)


def test_weights_depend_on_the_seed() -> None:
    first = train(fresh(), recipe=changed(shift=2))
    assert same_weights(first, train(fresh(), recipe=changed(shift=2)))
    assert not same_weights(first, train(fresh(), recipe=changed(shift=2), seed=1))
    assert not same_weights(first, train(fresh(), recipe=changed(shift=1)))


def test_every_sample_is_seen_once_per_epoch_in_a_new_order() -> None:
    recorder = Recorder(41, 2)
    train(fresh(), quantities=[recorder])
    orders = [torch.cat([batch.index for epoch, batch in recorder.batches if epoch == wanted]) for wanted in (0, 1)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(41))
    assert orders[0].tolist() != orders[1].tolist()
    for _, batch in recorder.batches:
        assert torch.equal(batch.labels, LABELS[batch.index])
        assert batch.logits.shape == (len(batch.index), 3)
        assert batch.logits.dtype == torch.float32
        assert not batch.logits.requires_grad
        assert batch.gradient is None
        assert batch.curvature is None


def test_training_on_some_samples_equals_training_on_those_alone() -> None:
    part = torch.tensor([3, 4, 9, 10, 22, 30, 31, 39])
    events: list[int] = []
    recorder = Recorder(41, RECIPE.epochs)
    network = train(fresh(), samples=part, quantities=[recorder], on_step=lambda *step: events.append(step[2]))
    assert set(events) == {8}
    for epoch in range(RECIPE.epochs):
        seen = torch.cat([batch.index for number, batch in recorder.batches if number == epoch])
        assert sorted(seen.tolist()) == part.tolist()
    alone = fresh()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        train_probe(TrainingState(alone, RECIPE, seed=0), ImageInputs(DATA.images[part]), LABELS[part], device=CPU)
    assert same_weights(network, alone)
    assert same_weights(train(fresh(), samples=torch.arange(41)), train(fresh()))


def test_matches_sgd_written_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nesterov momentum, weight decay and the one-cycle rate, with the gradient of softmax regression in closed form."""
    monkeypatch.setattr(curv_issues.training.loop, "compute_type", lambda device: torch.float32)
    recorder, recipe = Recorder(41, 3), changed(epochs=3, weight_decay=0.01)
    probe = fresh(linear_probe).double()
    weight = probe[1].weight.detach().clone()
    bias = probe[1].bias.detach().clone()
    logits = []
    handle = probe.register_forward_hook(lambda _module, _inputs, output: logits.append(output.detach()))
    train(probe, recipe=recipe, quantities=[recorder], inputs=DoubleInputs(DATA.images))
    handle.remove()

    x, velocity, steps = IMAGES.reshape(41, -1).double() / 255, [0.0, 0.0], 3 * 3
    assert len(recorder.batches) == steps
    for step, (_, batch) in enumerate(recorder.batches):
        rows = x[batch.index]
        output = rows @ weight.T + bias
        torch.testing.assert_close(logits[step], output, rtol=1e-6, atol=1e-6)
        residual = output.softmax(1) - nn.functional.one_hot(LABELS[batch.index], 3)
        gradients = [residual.T @ rows / len(rows) + 0.01 * weight, residual.mean(0) + 0.01 * bias]
        velocity = [MOMENTUM * v + g for v, g in zip(velocity, gradients, strict=True)]
        rate = recipe.learning_rate * one_cycle(step / steps)
        weight = weight - rate * (gradients[0] + MOMENTUM * velocity[0])
        bias = bias - rate * (gradients[1] + MOMENTUM * velocity[1])
    torch.testing.assert_close(probe[1].weight.detach(), weight, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(probe[1].bias.detach(), bias, rtol=1e-5, atol=1e-6)


def test_training_scores_come_from_the_training_forward_pass() -> None:
    names = ("cumulative_loss", "margin")
    quantities = make_quantities(names, 41, 2)
    recorder = Recorder(41, 2)
    train(fresh(), quantities=[recorder, *quantities.values()])
    logits = np.full((2, 41, 3), np.nan)
    for epoch, batch in recorder.batches:
        logits[epoch, batch.index.numpy()] = batch.logits.numpy()
    for name, expected in zip(names, (reference.cumulative_loss, reference.area_under_margin), strict=True):
        np.testing.assert_allclose(make_score(name, quantities), expected(logits, DATA.labels), rtol=1e-4, atol=1e-5)


def test_input_gradients_are_mapped_back_to_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a linear probe, the gradient of softmax regression with respect to its input is W^T (p - e)."""
    monkeypatch.setattr(curv_issues.training.loop, "compute_type", lambda device: torch.float32)

    class Gradients(Recorder):
        needs = Need.TRAINING_GRADIENT

    probe, recorder, weights = fresh(linear_probe), Gradients(41, 1), []
    probe.register_forward_hook(lambda *_: weights.append(probe[1].weight.detach().clone()))
    train(probe, recipe=changed(epochs=1, flip=True), quantities=[recorder])
    mirrored = 0
    for weight, (_, batch) in zip(weights, recorder.batches, strict=True):
        residual = batch.logits.softmax(1) - nn.functional.one_hot(batch.labels, 3)
        plain = (residual @ weight).reshape(-1, 1, 8, 8)
        assert batch.gradient is not None
        for got, straight in zip(batch.gradient, plain, strict=True):
            flipped = torch.allclose(got, straight.flip(2), rtol=1e-4, atol=1e-6)
            assert flipped or torch.allclose(got, straight, rtol=1e-4, atol=1e-6)
            mirrored += flipped
    assert 5 < mirrored < 36


def test_no_input_gradient_is_computed_for_trackers_of_logits() -> None:
    recorder = Recorder(41, 2)
    probe, wanted = fresh(), []
    probe.register_forward_pre_hook(lambda _module, inputs: wanted.append(inputs[0].requires_grad))
    train(probe, quantities=[recorder])
    assert not any(wanted)


def test_evaluation_trackers_do_not_observe_the_training_pass() -> None:
    class Later(Recorder):
        needs = Need.EVALUATION

    later = Later(41, 2)
    train(fresh(), quantities=[later])
    assert later.batches == []


def test_step_and_epoch_callbacks() -> None:
    events: list[tuple[Any, ...]] = []
    recorder = Recorder(41, 2)
    epoch_event = lambda epoch: events.append((epoch,))  # noqa: E731
    train(fresh(), quantities=[recorder], on_step=lambda *step: events.append(step), on_epoch=epoch_event)
    assert [step[:3] for step in events] == [
        *((0, done, 41) for done in (14, 28, 41)),
        (0,),
        *((1, done, 41) for done in (14, 28, 41)),
        (1,),
    ]
    means = [step[3] for step in events if len(step) == 4]
    assert means[2] == pytest.approx(float(recorder.history[:, 0].mean()), rel=1e-4)
    assert means[5] == pytest.approx(float(recorder.history[:, 1].mean()), rel=1e-4)


def test_training_learns() -> None:
    probe = train(fresh(), recipe=changed(epochs=10)).eval()
    assert (probe(to_inputs(IMAGES, CPU)).argmax(1) == LABELS).float().mean() > 0.95


@pytest.mark.parametrize(("n", "batch_size"), [(33, 16), (33, 32), (17, 16), (3, 2), (2, 512), (7, 512)])
def test_batch_normalisation_never_gets_a_single_sample(n: int, batch_size: int) -> None:
    train(fresh(), recipe=changed(batch_size=batch_size), n=n)


def test_batches_are_those_of_split_evenly() -> None:
    recorder = Recorder(41, 1)
    train(fresh(), recipe=changed(epochs=1), quantities=[recorder])
    sizes = [len(batch.index) for _, batch in recorder.batches]
    assert sizes == [len(part) for part in split_evenly(torch.arange(41), 16)] == [14, 14, 13]


def test_nan_loss_gives_a_one_line_error() -> None:
    with pytest.raises(AuditError) as caught:
        train(fresh(linear_probe), recipe=changed(learning_rate=1e30, epochs=4))
    text = str(caught.value)
    assert text.startswith(("The loss became nan in epoch ", "The loss became inf in epoch "))
    assert text.endswith(" at learning rate 1e+30; train again with a lower learning rate.")
    assert "\n" not in text


def test_training_mode_is_restored_after_scoring() -> None:
    modes = []
    probe = fresh()
    probe.register_forward_pre_hook(lambda module, _inputs: modes.append(module.training))
    train(probe, on_epoch=lambda _epoch: probe.eval() and None)
    assert modes == [True] * 6


def test_data_are_unchanged() -> None:
    images, labels = copy.deepcopy(IMAGES), copy.deepcopy(LABELS)
    train(fresh(), recipe=changed(flip=True, shift=2))
    assert torch.equal(images, IMAGES)
    assert torch.equal(labels, LABELS)


def test_one_cycle_rises_to_its_peak_and_falls_to_zero() -> None:
    assert one_cycle(0) == pytest.approx(0.1)
    assert one_cycle(WARM_UP / 2) == pytest.approx(0.55)
    assert one_cycle(WARM_UP) == pytest.approx(1)
    assert one_cycle((1 + WARM_UP) / 2) == pytest.approx(0.5)
    assert max(range(1001), key=lambda step: one_cycle(step / 1000)) == 250
    assert one_cycle(1) == 0
    assert one_cycle(1.01) == 0  # a step beyond the last
    values = [one_cycle(i / 1000) for i in range(1001)]
    peak = values.index(max(values))
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)


def test_scores_use_given_labels_and_training_uses_training_labels() -> None:
    flipped = (LABELS + 1) % 3
    loss, recorder = Loss(41, RECIPE.epochs), Recorder(41, RECIPE.epochs)
    probe = fresh()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        state = TrainingState(probe, RECIPE, seed=0, quantities=[loss, recorder])
        train_probe(state, INPUTS, flipped, device=CPU, given=LABELS)
    as_trained = fresh()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        train_probe(TrainingState(as_trained, RECIPE, seed=0), INPUTS, flipped, device=CPU)
    assert same_weights(probe, as_trained)
    assert all(torch.equal(batch.labels, LABELS[batch.index]) for _, batch in recorder.batches)
    predicted = probe(to_inputs(IMAGES, CPU)).argmax(1)
    assert (predicted == flipped).float().mean() > (predicted == LABELS).float().mean()


class Dropping(nn.Module):
    """Draws from torch's global generator in training."""

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(spec.channels * spec.resolution**2, spec.num_classes))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs)


@pytest.mark.parametrize("build", [mlp_probe, Dropping])
@pytest.mark.parametrize("epochs_before", [1, 2])
def test_resumed_training_gives_identical_results(build: Any, epochs_before: int) -> None:
    class StoppedError(Exception):
        pass

    def stop(epoch: int) -> None:
        if epoch + 1 == epochs_before:
            torch.save(state.state_dict(), saved)
            raise StoppedError

    recipe = changed(epochs=4, flip=True, shift=1)
    names = ("cumulative_loss", "margin", "el2n", "training_gradient", "training_gradient_change")

    def begin(seed: int = 0) -> TrainingState:
        quantities = [*make_quantities(names, 41, recipe.epochs).values(), ReferenceMargin(41, recipe.epochs)]
        return TrainingState(fresh(build), recipe, seed=seed, quantities=quantities)

    whole, state, saved = begin(), begin(), io.BytesIO()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        train_probe(whole, INPUTS, LABELS, device=CPU)
        torch.default_generator.manual_seed(0)
        with pytest.raises(StoppedError):
            train_probe(state, INPUTS, LABELS, device=CPU, on_epoch=stop)
        resumed = begin(seed=5)
        torch.default_generator.manual_seed(9)
        saved.seek(0)
        resumed.load_state_dict(torch.load(saved, weights_only=True))
        assert resumed.epoch == epochs_before
        train_probe(resumed, INPUTS, LABELS, device=CPU)
    assert same_weights(whole.probe, resumed.probe)
    assert resumed.epoch == 4
    for left, right in zip(whole.quantities, resumed.quantities, strict=True):
        for name, array in left.state_dict().items():
            np.testing.assert_array_equal(array, right.state_dict()[name], err_msg=f"{left.name} {name}")


def test_state_of_another_training_is_refused() -> None:
    state = TrainingState(fresh(), RECIPE, seed=0, quantities=[Loss(41, 2)]).state_dict()
    with pytest.raises(ValueError, match="Expected the quantities margin, got loss"):
        TrainingState(fresh(), RECIPE, seed=0, quantities=[Margin(41, 2)]).load_state_dict(state)
    with pytest.raises(RuntimeError, match="Missing key"):
        TrainingState(fresh(Dropping), RECIPE, seed=0, quantities=[Loss(41, 2)]).load_state_dict(state)
    wrong = {**state, "optimizer": {"velocities": [None]}}
    with pytest.raises(ValueError, match="velocities do not match the parameters"):
        TrainingState(fresh(), RECIPE, seed=0, quantities=[Loss(41, 2)]).load_state_dict(wrong)
