from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from curv_issues.curvature import rademacher_directions, strongest_others
from curv_issues.device import has_bfloat16
from curv_issues.inputs.base import Inputs
from curv_issues.inputs.images import ImageInputs, to_inputs
from curv_issues.probes.convnet import ConvNet
from curv_issues.trackers import SCORES
from curv_issues.trackers.base import Need, Quantity
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.training import scoring
from curv_issues.training.scoring import embed_mirrored, evaluating, predict, predict_logits, scoring_pass
from tests import reference
from tests.small import CPU, linear_probe, make_data, mlp_probe, seeded, spec_of

DATA = make_data(31, 4, side=16, channels=3)
INPUTS, LABELS = ImageInputs(DATA.images), torch.from_numpy(DATA.labels)
IMAGES = INPUTS.pixels
DIRECTIONS = rademacher_directions(2, (3, 16, 16), generator=torch.Generator().manual_seed(0))
BY_NEED = {need: [n for n, i in SCORES.items() if QUANTITIES[i.quantity].needs is need] for need in Need}


def probe(build: Any = ConvNet) -> Any:
    return seeded(0, lambda: build(spec_of(DATA)))


def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "compute_type", lambda device, *, step=None: torch.float32)


def score(network: nn.Module, names: Any = SCORES, *, inputs: Inputs = INPUTS, **changes: Any) -> dict[str, Quantity]:
    trackers: dict[str, Quantity] = {name: QUANTITIES[SCORES[name].quantity](31, 1) for name in names}
    options = {"directions": DIRECTIONS, "step": 1e-2, "form": "squared", **changes}
    scoring_pass(network, inputs, LABELS, list(trackers.values()), epoch=0, device=CPU, **options)
    return trackers


# A step of 0.01 divides the rounding of a gradient by 0.01 (float32: about 1e-7), so curvature has the widest tolerance.
TOLERANCE = {
    "float32": {
        "input_curvature": 1e-3,
        "loss_sensitivity": 1e-4,
        "final_loss": 1e-4,
        "final_margin": 1e-4,
        "residual": 1e-4,
        "evaluation_loss": 1e-4,
        "inconfidence": 1e-4,
        "max_inconfidence": 1e-4,
        "learning_time": 1e-4,
        "label_contrast": 2e-3,
        "label_contrast_difference": 2e-3,
    },
    "bfloat16": {
        "input_curvature": 0.2,
        "loss_sensitivity": 0.05,
        "final_loss": 0.05,
        "final_margin": 0.1,
        "residual": 0.05,
        "evaluation_loss": 0.05,
        "inconfidence": 0.05,
        "max_inconfidence": 0.05,
        "learning_time": 0.1,
        "label_contrast": 0.4,
        "label_contrast_difference": 0.4,
    },
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_scores_do_not_depend_on_the_batch_size(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if dtype == "bfloat16" and not has_bfloat16(CPU):
        pytest.skip("this processor has no bfloat16")
    if dtype == "float32":
        in_float32(monkeypatch)
    names = [name for need in Need if not need.in_training for name in BY_NEED[need]]
    assert set(names) == set(TOLERANCE[dtype])
    found = {}
    for size in (1, 7, 256):
        monkeypatch.setattr(scoring, "SCORING_BATCH", size)
        found[size] = score(probe(), names)
    for name, tolerance in TOLERANCE[dtype].items():
        whole = found[256][name].history[:, 0]
        assert np.isfinite(whole).all()
        for size in (1, 7):
            np.testing.assert_allclose(
                found[size][name].history[:, 0], whole, rtol=tolerance, atol=tolerance * np.abs(whole).mean(), err_msg=name
            )


def test_matches_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    in_float32(monkeypatch)

    class DoubleInputs(ImageInputs):
        def batch(self, index: torch.Tensor, device: torch.device) -> torch.Tensor:
            return super().batch(index, device).double()

    network = probe(mlp_probe).double()
    found = score(network, inputs=DoubleInputs(DATA.images), directions=DIRECTIONS.double())
    network.eval()
    inputs = to_inputs(IMAGES, CPU).double()
    logits = network(inputs).detach().numpy()[None]
    rivals = strongest_others(torch.from_numpy(logits[0]), LABELS)
    expected = {
        "final_loss": [v[0] for v in reference.over_epochs(reference.loss, logits, DATA.labels)],
        "final_margin": [v[0] for v in reference.over_epochs(reference.margin, logits, DATA.labels)],
        "residual": [v[0] for v in reference.over_epochs(reference.residual, logits, DATA.labels)],
        "loss_sensitivity": [
            reference.sample_gradient(network, x, int(y)).norm().item() for x, y in zip(inputs, LABELS, strict=True)
        ],
        "input_curvature": reference.curvature(network, inputs, LABELS, DIRECTIONS.double(), 1e-2, "squared").tolist(),
        "label_contrast_difference": (
            reference.curvature(network, inputs, LABELS, DIRECTIONS.double(), 1e-2, "squared")
            - reference.curvature(network, inputs, rivals, DIRECTIONS.double(), 1e-2, "squared")
        ).tolist(),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name].history[:, 0], values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_form_and_step_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    in_float32(monkeypatch)
    squared = score(probe(), ["input_curvature"], directions=DIRECTIONS[:1])["input_curvature"].history
    norm = score(probe(), ["input_curvature"], directions=DIRECTIONS[:1], form="norm")["input_curvature"].history
    np.testing.assert_allclose(squared, (norm / 1e-2) ** 2, rtol=1e-3)
    other = score(probe(), ["input_curvature"], directions=DIRECTIONS[:1], step=0.3, form="norm")["input_curvature"].history
    assert not np.allclose(norm, other, rtol=0.1)


def test_a_small_step_is_computed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.device.has_bfloat16", lambda device: True)
    network, types = probe(), []
    network.head.register_forward_hook(lambda _module, _inputs, output: types.append(output.dtype))
    score(network, ["input_curvature"], step=1e-3)
    assert set(types) == {torch.float32}
    types.clear()
    score(network, ["input_curvature"], step=1e-2)
    assert set(types) == {torch.bfloat16}


class ForwardCounter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = probe(linear_probe), 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        assert not self.training
        return self.inner(inputs)


@pytest.mark.parametrize(
    ("need", "forwards", "backwards"),
    [
        (Need.TRAINING, 0, 0),
        (Need.TRAINING_GRADIENT, 0, 0),
        (Need.EVALUATION, 1, 0),
        (Need.GRADIENT, 1, 1),
        (Need.CURVATURE, 3, 3),
        (Need.CONTRAST, 3, 6),
    ],
)
def test_only_needed_passes_are_computed(need: Need, forwards: int, backwards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = []
    real = torch.autograd.grad

    def counted(*args: Any, **options: Any) -> Any:
        gradients.append(1)
        return real(*args, **options)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    network = ForwardCounter()
    names = [name for lower in Need if lower <= need for name in BY_NEED[lower]]
    trackers = score(network, names)
    assert network.calls == forwards
    assert len(gradients) == backwards
    for tracker in trackers.values():
        assert (tracker.measured == ()) == tracker.needs.in_training


def test_modes_gradients_and_weights_are_restored_after_errors() -> None:
    network = probe(mlp_probe)
    network[1].eval()
    network[1].weight.requires_grad_(False)
    state = {name: value.clone() for name, value in network.state_dict().items()}

    def check() -> None:
        assert [module.training for module in network.modules()] == [True, True, False, True, True, True, True]
        assert [weight.requires_grad for weight in network.parameters()] == [False, True, True, True, True, True]
        assert all(weight.grad is None for weight in network.parameters())
        for name, value in network.state_dict().items():
            assert torch.equal(value, state[name]), name

    score(network)
    check()
    predict(network, INPUTS, LABELS, device=CPU)
    check()

    def stop(*_: Any) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        score(network, on_batch=stop)
    check()

    def interrupted() -> None:
        with evaluating(network):
            assert not any(module.training for module in network.modules())
            assert not any(weight.requires_grad for weight in network.parameters())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    check()


def test_progress_and_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SCORING_BATCH", 10)
    events = []
    tracker = QUANTITIES["evaluation_loss"](31, 3)
    scoring_pass(
        probe(),
        INPUTS,
        LABELS,
        [tracker],
        epoch=2,
        device=CPU,
        directions=DIRECTIONS,
        step=1e-2,
        form="squared",
        on_batch=lambda done, total: events.append((done, total)),
    )
    assert events == [(10, 31), (20, 31), (30, 31), (31, 31)]
    assert tracker.measured == (2,)
    assert np.isfinite(tracker.history).all()


@pytest.mark.parametrize("size", [4, 256])
def test_predict_gives_probabilities_and_embeddings(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    in_float32(monkeypatch)
    monkeypatch.setattr(scoring, "SCORING_BATCH", size)
    network = probe()
    probabilities, embeddings, suggested = predict(network, INPUTS, LABELS, device=CPU)
    assert probabilities.shape == (31, 4)
    assert embeddings.shape == (31, 256)
    assert probabilities.dtype == embeddings.dtype == np.float16
    np.testing.assert_allclose(probabilities.astype(float).sum(1), 1, atol=2e-3)
    network.eval()
    with torch.no_grad():
        logits = network(to_inputs(IMAGES, CPU))
        again = network.head(torch.from_numpy(embeddings.astype(np.float32)))
    np.testing.assert_allclose(probabilities, logits.softmax(1).numpy(), atol=2e-3)
    for row, label, best in zip(logits.tolist(), LABELS.tolist(), suggested.tolist(), strict=True):
        assert best == max((k for k in range(4) if k != label), key=row.__getitem__)
    np.testing.assert_allclose(again.numpy(), logits.numpy(), atol=1e-2)
    assert not network.head._forward_pre_hooks


@pytest.mark.parametrize("size", [1, 4, 100])
def test_predict_logits_of_some_samples(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    in_float32(monkeypatch)
    monkeypatch.setattr(scoring, "SCORING_BATCH", size)
    network = probe().train()
    samples = torch.tensor([7, 0, 3, 11, 2])
    logits = predict_logits(network, INPUTS, samples, device=CPU)
    assert network.training
    assert logits.dtype == np.float32
    with torch.no_grad():
        expected = [network.eval()(to_inputs(IMAGES[[i]], CPU))[0].tolist() for i in samples.tolist()]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_suggestion_is_found_if_float16_rounds_to_zero() -> None:
    class Sure(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(1, 4)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.head(inputs.flatten(1)[:, :1]) * 0 + torch.tensor([-30.0, -29.0, 10.0, -28.0])

    probabilities, _, suggested = predict(Sure(), INPUTS, torch.full_like(LABELS, 2), device=CPU)
    assert (probabilities[:, [0, 1, 3]] == 0).all()
    assert (suggested == 3).all()


def test_mirrored_embeddings_are_those_of_flipped_images(monkeypatch: pytest.MonkeyPatch) -> None:
    in_float32(monkeypatch)
    network = probe()
    flipped = predict(network, ImageInputs(DATA.images[:, :, ::-1]), LABELS, device=CPU)[1]
    np.testing.assert_allclose(embed_mirrored(network, INPUTS, device=CPU), flipped, rtol=1e-2, atol=1e-3)
    assert not np.allclose(flipped, predict(network, INPUTS, LABELS, device=CPU)[1], rtol=1e-2, atol=1e-3)
