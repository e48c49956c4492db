"""User-supplied probes: by import path, from functions that take a spec, and with outputs that hold logits."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from curv_issues.errors import UsageError
from curv_issues.options import TrainingOptions
from curv_issues.probes.own import load_own_probe
from curv_issues.training.run import build_probe, run_probe
from tests.small import linear_probe, make_data, mlp_probe, seeded, spec_of

DATA = make_data(24)
SPEC = spec_of(DATA)
FACTORY = "tests.small:linear_probe"


def timm_model(pretrained: bool = False, **options: Any) -> nn.Module:
    raise AssertionError("called with the spec as `pretrained`")


def test_import_path_gives_the_same_training_as_the_function() -> None:
    assert load_own_probe(FACTORY) is linear_probe
    one = run_probe(DATA, TrainingOptions(probe=FACTORY, epochs=2))
    other = run_probe(DATA, TrainingOptions(probe=linear_probe, epochs=2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.scores["margin"], other.scores["margin"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:net", r"importing 'no_such_module' failed: No module named 'no_such_module'"),
        (":net", r"importing '' failed: Empty module name"),
        ("math:", r"'math:' must name a network or function in the module 'math', got None"),
        ("math:pi", r"must name a network or function in the module 'math', got 3.14"),
        ("tests.small:linear_prob", r"must name a network or function in the module 'tests.small', got None"),
    ],
)
def test_invalid_import_paths_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        TrainingOptions(probe=name)
    assert "\n" not in str(caught.value)


def test_failing_module_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_net.py").write_text("raise KeyError('a\\nb')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=r"^The probe 'failing_net:net' cannot be loaded, as importing 'failing_net' failed: 'a"):
        TrainingOptions(probe="failing_net:net")
    assert "failing_net" not in sys.modules


@pytest.mark.parametrize(
    "function",
    [
        torchvision.models.resnet18,
        torchvision.models.vit_b_16,
        torchvision.models.swin_t,
        timm_model,
        functools.partial(torchvision.models.resnet18, num_classes=3),
        lambda: linear_probe(SPEC),
        lambda spec, depth: linear_probe(spec),
    ],
)
def test_functions_that_take_no_spec_are_never_called(function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", lambda *_args, **_options: pytest.fail("started a download"))
    for use in (lambda: TrainingOptions(probe=function), lambda: build_probe(function, SPEC)):
        with pytest.raises(UsageError, match=r"must take one argument, a ProbeSpec, but its parameters are \(.*Wrap it"):
            use()


def test_advice_for_torchvision_works() -> None:
    net = build_probe(lambda spec: torchvision.models.resnet18(num_classes=spec.num_classes), SPEC)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    with pytest.raises(UsageError, match=r"lambda spec: resnet18\(num_classes=spec\.num_classes\)"):
        TrainingOptions(probe="torchvision.models:resnet18")


class Output(nn.Module):
    """A model as in transformers: it returns an object with `.logits`, and its input has another name."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> Any:
        return SimpleNamespace(loss=None, logits=self.body(pixel_values))


def test_model_that_returns_an_object_with_logits_trains_alike() -> None:
    plain = seeded(0, lambda: mlp_probe(SPEC))
    options: dict[str, Any] = {"epochs": 2, "measure": "all"}
    expected = run_probe(DATA, TrainingOptions(probe=plain, **options))
    for probe in (Output(plain), lambda spec: Output(copy.deepcopy(plain))):
        found = run_probe(DATA, TrainingOptions(probe=probe, **options))
        assert found is not None
        assert expected is not None
        for name, values in expected.scores.items():
            np.testing.assert_array_equal(found.scores[name], values, err_msg=name)
        np.testing.assert_array_equal(found.embeddings, expected.embeddings)
        np.testing.assert_array_equal(found.pred_probs, expected.pred_probs)
