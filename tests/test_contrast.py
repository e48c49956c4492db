from __future__ import annotations

import pytest
import torch
from torch import nn

from curv_issues.curvature import input_loss_curvature, label_contrast_curvature, rademacher_directions, strongest_others
from tests import reference
from tests.small import inputs_and_labels, smooth_net


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("form", ["squared", "norm"])
def test_matches_the_reference_for_both_labels(form: str) -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels(6)
    directions = rademacher_directions(3, (1, 2, 4), generator=gen(7), dtype=torch.float64)
    got = label_contrast_curvature(network, inputs, labels, step=0.1, form=form, directions=directions)  # type: ignore[arg-type]
    rivals = []
    for image, label in zip(inputs, labels.tolist(), strict=True):
        logits = network(image[None])[0].tolist()
        rivals.append(max((k for k in range(3) if k != label), key=logits.__getitem__))
    expected = reference.curvature(network, inputs, labels, directions, 0.1, form)
    torch.testing.assert_close(got.curvature, expected, rtol=1e-7, atol=1e-12)
    expected = reference.curvature(network, inputs, torch.tensor(rivals), directions, 0.1, form)
    torch.testing.assert_close(got.rival_curvature, expected, rtol=1e-7, atol=1e-12)
    assert len({tuple(pair) for pair in zip(labels.tolist(), rivals, strict=True)}) > 2  # several cases are covered


def test_part_of_the_given_label_is_the_published_estimate() -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels()
    got = label_contrast_curvature(network, inputs, labels, num_matvecs=4, step=1e-2, generator=gen(3))
    plain = input_loss_curvature(network, inputs, labels, num_matvecs=4, step=1e-2, generator=gen(3))
    torch.testing.assert_close(got.curvature, plain.curvature)
    torch.testing.assert_close(got.gradient, plain.gradient)
    torch.testing.assert_close(got.logits, plain.logits)


def test_softmax_regression_has_the_same_curvature_for_every_label() -> None:
    """Its logits are linear in the image, so there is no kink term, and the exact Hessian does not contain the label."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 3)).double().eval()
    inputs, labels = inputs_and_labels()
    got = label_contrast_curvature(network, inputs, labels, num_matvecs=2, step=1e-3, generator=gen())
    torch.testing.assert_close(got.curvature, got.rival_curvature)
    assert (got.curvature > 0).all()


@pytest.mark.parametrize("num_matvecs", [1, 3])
def test_one_forward_pass_serves_both_labels(num_matvecs: int) -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels()
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    label_contrast_curvature(network, inputs, labels, num_matvecs=num_matvecs, generator=gen())
    assert len(calls) == 1 + num_matvecs


def test_single_sample_equals_the_same_sample_in_a_batch() -> None:
    network, (inputs, labels) = smooth_net(), inputs_and_labels()
    directions = rademacher_directions(2, (1, 2, 4), generator=gen(), dtype=torch.float64)
    whole = label_contrast_curvature(network, inputs, labels, directions=directions)
    for i in range(5):
        alone = label_contrast_curvature(network, inputs[i : i + 1], labels[i : i + 1], directions=directions)
        torch.testing.assert_close(alone.rival_curvature, whole.rival_curvature[i : i + 1], rtol=1e-9, atol=0)


def test_strongest_other_class_is_never_the_given_one() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [-5.0, -6.0, -7.0], [0.0, 0.0, 9.0]])
    assert strongest_others(logits, torch.tensor([0, 1, 0, 2])).tolist() == [1, 0, 1, 0]


def test_evaluation_mode_is_required() -> None:
    network, (inputs, labels) = smooth_net().train(), inputs_and_labels()
    with pytest.raises(ValueError, match=r"needs a model in evaluation mode; call model\.eval\(\) first"):
        label_contrast_curvature(network, inputs, labels, generator=gen())
    with pytest.raises(ValueError, match="step must be positive, got 0"):
        label_contrast_curvature(network.eval(), inputs, labels, step=0, generator=gen())
