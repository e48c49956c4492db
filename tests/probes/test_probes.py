"""Every probe in the table meets the contract."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from curv_issues.errors import UsageError
from curv_issues.plugins import load_attribute
from curv_issues.probes import PROBES
from curv_issues.probes.base import Normalise, ProbeSpec, find_head
from curv_issues.probes.convnet import ConvNet
from curv_issues.probes.resnet18 import ResNet18
from tests.small import seeded


def spec(*, channels: int = 3, side: int = 32, k: int = 7, mean: float = 0.4, std: float = 0.3) -> ProbeSpec:
    return ProbeSpec(num_classes=k, shape=(channels, side, side), mean=(mean,) * channels, std=(std,) * channels)


def build(name: str, probe_spec: ProbeSpec) -> nn.Module:
    return seeded(0, lambda: load_attribute(PROBES[name])(probe_spec))


@pytest.mark.parametrize("name", PROBES)
class TestContract:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("side", [8, 28, 32, 48, 64])
    def test_logits_and_gradients(self, name: str, side: int, channels: int) -> None:
        probe = build(name, spec(channels=channels, side=side))
        inputs = torch.rand(3, channels, side, side, generator=torch.Generator().manual_seed(0), requires_grad=True)
        logits = probe(inputs)
        assert logits.shape == (3, 7)
        nn.functional.cross_entropy(logits, torch.tensor([0, 3, 6])).backward()
        assert inputs.grad is not None
        assert inputs.grad.abs().sum() > 0
        for weight_name, weight in probe.named_parameters():
            assert weight.grad is not None, weight_name
            assert weight.grad.isfinite().all(), weight_name
            assert weight.grad.abs().sum() > 0, weight_name

    def test_logits_depend_on_their_own_image_only(self, name: str) -> None:
        probe = build(name, spec(side=8)).eval()
        inputs = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(probe(inputs)[1:2], probe(inputs[1:2]), rtol=1e-4, atol=1e-5)

    def test_probe_normalises_its_inputs(self, name: str) -> None:
        # an image in other units, with mean and deviation in those units, gives the same logits
        inputs = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            one = build(name, spec(side=8, mean=0.4, std=0.3)).eval()(inputs)
            same = build(name, spec(side=8, mean=0.45, std=0.15)).eval()(inputs / 2 + 0.25)
            other = build(name, spec(side=8, mean=0.1, std=0.9)).eval()(inputs)
        torch.testing.assert_close(one, same, rtol=1e-3, atol=1e-4)
        assert (one - other).abs().max() > 1e-2

    def test_head_is_the_last_layer(self, name: str) -> None:
        probe = build(name, spec())
        head = find_head(probe)
        assert isinstance(head, nn.Linear)
        assert head.out_features == 7
        seen = []
        head.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        assert probe(torch.rand(2, 3, 32, 32)) is seen[0]

    def test_weights_follow_torchs_generator(self, name: str) -> None:
        first, second = build(name, spec()), build(name, spec())
        for left, right in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
            assert torch.equal(left, right)

    def test_normalisation_is_a_buffer_and_not_a_weight(self, name: str) -> None:
        probe = build(name, spec())
        assert "normalise.mean" in probe.state_dict()
        assert not any("normalise" in weight for weight, _ in probe.named_parameters())


def test_normalise() -> None:
    layer = Normalise(ProbeSpec(num_classes=2, shape=(2, 8, 8), mean=(0.5, 0.25), std=(0.5, 0.125)))
    inputs = torch.stack([torch.full((8, 8), 1.0), torch.full((8, 8), 0.5)])[None]
    assert torch.equal(layer(inputs), torch.stack([torch.full((8, 8), 1.0), torch.full((8, 8), 2.0)])[None])


def test_resnet18_is_the_small_image_form() -> None:
    probe = ResNet18(spec(k=10))
    weights = sum(weight.numel() for weight in probe.parameters())
    assert 11.1e6 < weights < 11.25e6
    assert (probe.trunk.conv1.kernel_size, probe.trunk.conv1.stride) == ((3, 3), (1, 1))
    assert not any(isinstance(module, nn.MaxPool2d) for module in probe.modules())
    maps = []
    probe.trunk.layer1.register_forward_hook(lambda _module, _inputs, output: maps.append(output.shape))
    probe(torch.rand(2, 3, 32, 32))
    assert maps == [(2, 64, 32, 32)]  # full resolution where the large-image form has an eighth of it
    standard = sum(weight.numel() for weight in resnet18(weights=None, num_classes=10).parameters())
    assert standard - weights == 3 * 64 * (7 * 7 - 3 * 3)


def test_convnet_is_small() -> None:
    assert sum(weight.numel() for weight in ConvNet(spec(k=10)).parameters()) < 300_000


def test_head_of_a_user_supplied_module() -> None:
    last = nn.Linear(3, 2)
    assert find_head(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), last)) is last
    named: Any = nn.Sequential(nn.Linear(4, 3), last)
    named.head = named[0]
    assert find_head(named) is named[0]
    named.head = None
    assert find_head(named) is last
    convolution = nn.Sequential(nn.Conv2d(3, 2, 1))
    with pytest.raises(UsageError) as caught:
        find_head(convolution)
    assert str(caught.value) == (
        "The probe has neither a `head` nor an nn.Linear layer, so its embeddings cannot be found; name its last layer `head`."
    )
    convolution.head = convolution[0]
    assert find_head(convolution) is convolution[0]
