from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import Tensor, nn

from curv_issues.curvature import input_gradient, input_loss_curvature, rademacher_directions
from curv_issues.device import autocast, has_bfloat16
from curv_issues.probes.base import ProbeSpec
from curv_issues.probes.convnet import ConvNet
from tests import reference
from tests.small import CPU, inputs_and_labels, seeded, smooth_net

EVERY_SIGN = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=8)), dtype=torch.float64).view(-1, 1, 2, 4)


class Quadratic(nn.Module):
    """The logit of class 0 is lower by about 200, so the loss of label 0 is exactly 200 + x^T A x / 2 in float64."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, inputs: Tensor) -> Tensor:
        x = inputs.flatten(1)
        value = ((x @ self.matrix) * x).sum(1) / 2
        return torch.stack([-200 - value, torch.zeros_like(value)], dim=1)


class Counted(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return self.network(inputs)


def symmetric(size: int) -> Tensor:
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return matrix + matrix.T


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_conv(dtype: torch.dtype = torch.float32) -> nn.Module:
    spec = ProbeSpec(num_classes=4, shape=(3, 16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)
    return seeded(0, lambda: ConvNet(spec)).to(dtype).eval()


def test_quadratic_loss_gives_the_norm_of_a_v_at_any_step() -> None:
    matrix = symmetric(8)
    inputs, _ = inputs_and_labels(3)
    directions = rademacher_directions(4, (1, 2, 4), generator=gen(), dtype=torch.float64)
    expected = torch.stack([(matrix @ v.flatten()).square().sum() for v in directions]).mean()
    for step in (1e-3, 0.1, 2.0):
        got = input_loss_curvature(Quadratic(matrix).eval(), inputs, torch.zeros(3).long(), step=step, directions=directions)
        torch.testing.assert_close(got.curvature, expected.expand(3), rtol=1e-8, atol=0)
        norm = input_loss_curvature(
            Quadratic(matrix).eval(), inputs, torch.zeros(3).long(), step=step, directions=directions, form="norm"
        )
        mean_norm = torch.stack([(matrix @ v.flatten()).norm() for v in directions]).mean()
        torch.testing.assert_close(norm.curvature, (step * mean_norm).expand(3), rtol=1e-8, atol=0)


def test_all_sign_vectors_give_the_trace_exactly_on_a_quadratic() -> None:
    matrix = symmetric(8)
    inputs, _ = inputs_and_labels(1)
    got = input_loss_curvature(Quadratic(matrix).eval(), inputs, torch.tensor([0]), step=0.1, directions=EVERY_SIGN)
    torch.testing.assert_close(got.curvature[0], (matrix @ matrix).trace(), rtol=1e-9, atol=0)


def test_closed_form_of_the_linear_softmax_network() -> None:
    network = seeded(0, lambda: nn.Sequential(nn.Flatten(), nn.Linear(8, 3))).double().eval()
    inputs, labels = inputs_and_labels(4)
    weight = network[1].weight
    expected = []
    for x in inputs:
        p = (weight @ x.flatten() + network[1].bias).softmax(0)
        hessian = weight.T @ (torch.diag(p) - torch.outer(p, p)) @ weight
        expected.append((hessian @ hessian).trace())
    got = input_loss_curvature(network, inputs, labels, step=1e-5, directions=EVERY_SIGN)
    torch.testing.assert_close(got.curvature, torch.stack(expected).detach(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_full_hessian_of_a_smooth_network(seed: int) -> None:
    network, (inputs, labels) = smooth_net(seed=seed), inputs_and_labels(4, seed=seed)
    got = input_loss_curvature(network, inputs, labels, step=1e-5, directions=EVERY_SIGN)
    torch.testing.assert_close(got.curvature, reference.trace_of_square(network, inputs, labels), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("form", ["squared", "norm"])
@pytest.mark.parametrize("step", [1e-3, 0.3])
def test_matches_the_reference(form: str, step: float) -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels(4)
    directions = rademacher_directions(3, (1, 2, 4), generator=gen(7), dtype=torch.float64)
    got = input_loss_curvature(network, inputs, labels, step=step, form=form, generator=gen(7), num_matvecs=3)  # type: ignore[arg-type]
    expected = reference.curvature(network, inputs, labels, directions, step, form)
    torch.testing.assert_close(got.curvature, expected, rtol=1e-7, atol=1e-12)
    for i in range(4):
        torch.testing.assert_close(got.gradient[i], reference.sample_gradient(network, inputs[i], int(labels[i])))
    torch.testing.assert_close(got.logits, network(inputs).detach())
    assert not any(part.requires_grad for part in got)


def test_error_falls_with_the_root_of_the_number_of_directions() -> None:
    # For Rademacher vectors, the variance of v^T M v is 2 sum of the squared off-diagonal elements of M = A^2.
    matrix = symmetric(8)
    square = matrix @ matrix
    truth = square.trace().item()
    deviation = math.sqrt(2 * (square.square().sum() - square.diagonal().square().sum()).item())
    inputs, _ = inputs_and_labels(1)
    network = Quadratic(matrix).eval()
    errors = {}
    for count in (4, 64):
        estimates = [
            input_loss_curvature(network, inputs, torch.tensor([0]), num_matvecs=count, generator=gen(seed)).curvature.item()
            for seed in range(40)
        ]
        errors[count] = math.sqrt(sum((value - truth) ** 2 for value in estimates) / 40)
        # the root mean square of 40 errors scatters by 1 / sqrt(80) = 11%: three times that
        assert errors[count] == pytest.approx(deviation / math.sqrt(count), rel=0.35)
        assert sum(estimates) / 40 == pytest.approx(truth, abs=4 * deviation / math.sqrt(40 * count))
    assert 2.5 < errors[4] / errors[64] < 6.4


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(6)), cut=st.integers(1, 5))
def test_curvature_does_not_depend_on_the_batch_or_order(order: list[int], cut: int) -> None:
    network = small_conv(torch.float64)
    inputs, labels = inputs_and_labels(6, 4, shape=(3, 16, 16))
    whole = input_loss_curvature(network, inputs, labels, num_matvecs=2, generator=gen())
    index = torch.tensor(order)
    for part in (index[:cut], index[cut:], index[:1]):
        got = input_loss_curvature(network, inputs[part], labels[part], num_matvecs=2, generator=gen())
        torch.testing.assert_close(got.curvature, whole.curvature[part], rtol=1e-9, atol=0)
        torch.testing.assert_close(got.gradient, whole.gradient[part], rtol=1e-9, atol=1e-15)


def test_gradient_is_that_of_the_summed_loss() -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels(4)
    doubled = input_gradient(network, inputs.repeat(2, 1, 1, 1), labels.repeat(2))[0]
    torch.testing.assert_close(doubled[:4], input_gradient(network, inputs, labels)[0])


@pytest.mark.parametrize("num_matvecs", [1, 5])
def test_unperturbed_gradient_is_computed_once(num_matvecs: int) -> None:
    network = Counted(smooth_net()).eval()
    inputs, labels = inputs_and_labels()
    input_loss_curvature(network, inputs, labels, num_matvecs=num_matvecs, generator=gen())
    assert network.calls == 1 + num_matvecs


@pytest.mark.parametrize("requires_grad", [False, True])
def test_weights_inputs_and_global_random_state_are_unchanged(requires_grad: bool) -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels()
    inputs.requires_grad_(requires_grad)
    before, state = inputs.detach().clone(), torch.get_rng_state()
    weights = [weight.clone() for weight in network.parameters()]
    with torch.no_grad():
        input_loss_curvature(network, inputs, labels, generator=gen())
    assert inputs.requires_grad is requires_grad
    assert inputs.grad is None
    assert torch.equal(inputs.detach(), before)
    assert torch.equal(torch.get_rng_state(), state)
    for weight, old in zip(network.parameters(), weights, strict=True):
        assert weight.grad is None
        assert torch.equal(weight, old)


def test_relu_network_without_a_near_kink_gives_the_label_free_form() -> None:
    network = seeded(3, lambda: nn.Sequential(nn.Flatten(), nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))).double().eval()
    inputs, _ = inputs_and_labels(4)
    hessians = [reference.softmax_hessian(network, x) for x in inputs]
    expected = torch.stack([(h @ h).trace() for h in hessians])
    for label in range(3):
        got = input_loss_curvature(network, inputs, torch.full((4,), label), step=1e-7, directions=EVERY_SIGN)
        torch.testing.assert_close(got.curvature, expected, rtol=1e-4, atol=0)
    far = [input_loss_curvature(network, inputs, torch.full((4,), y), step=1.0, directions=EVERY_SIGN) for y in range(3)]
    assert (far[0].curvature - far[1].curvature).abs().max() > 0.01 * far[0].curvature.max()  # kinks depend on the label


@pytest.mark.skipif(not has_bfloat16(CPU), reason="this processor has no bfloat16")
def test_bfloat16_ranks_like_float32_at_a_large_enough_step() -> None:
    network = small_conv()
    inputs, labels = inputs_and_labels(128, 4, shape=(3, 16, 16))
    exact = input_loss_curvature(network, inputs.float(), labels, num_matvecs=4, step=1e-2, generator=gen())
    with autocast(CPU, torch.bfloat16):
        coarse = input_loss_curvature(network, inputs.float(), labels, num_matvecs=4, step=1e-2, generator=gen())
    assert coarse.curvature.dtype == torch.float32
    assert spearmanr(exact.curvature, coarse.curvature).statistic > 0.8


def test_directions_are_signs_and_follow_the_generator() -> None:
    first = rademacher_directions(50, (3, 4, 4), generator=gen(1))
    assert first.shape == (50, 3, 4, 4)
    assert set(first.unique().tolist()) == {-1.0, 1.0}
    assert abs(first.mean().item()) < 4 / math.sqrt(first.numel())
    assert torch.equal(first, rademacher_directions(50, (3, 4, 4), generator=gen(1)))
    assert not torch.equal(first, rademacher_directions(50, (3, 4, 4), generator=gen(2)))
    assert rademacher_directions(1, (2,), generator=gen(), dtype=torch.float64).dtype == torch.float64


def test_evaluation_mode_is_required_of_every_module() -> None:
    inputs, labels = inputs_and_labels()
    network: Any = smooth_net()
    for part in (network, network[2]):
        network.eval()
        part.training = True
        with pytest.raises(ValueError, match=r"Curvature needs a model in evaluation mode; call model\.eval\(\) first"):
            input_loss_curvature(network, inputs, labels, generator=gen())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0.0, "generator": gen()}, "step must be positive, got 0.0"),
        ({"step": -1.0, "generator": gen()}, "step must be positive, got -1.0"),
        ({"step": math.nan, "generator": gen()}, "step must be positive, got nan"),
        ({"form": "cubed", "generator": gen()}, "form must be 'squared' or 'norm', got 'cubed'"),
        ({"num_matvecs": 0, "generator": gen()}, "num_matvecs must be >= 1, got 0"),
        ({}, "Pass a generator .*; global random state is never used"),
        ({"directions": torch.ones(1, 2, 4)}, r"directions must have shape \(num_matvecs, 1, 2, 4\), got \(1, 2, 4\)"),
        ({"directions": torch.ones(0, 1, 2, 4)}, r"directions must have shape .* got \(0, 1, 2, 4\)"),
    ],
)
def test_invalid_arguments_are_refused(options: dict, message: str) -> None:
    inputs, labels = inputs_and_labels()
    with pytest.raises(ValueError, match=message):
        input_loss_curvature(smooth_net(), inputs, labels, **options)
