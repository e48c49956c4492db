"""A pretrained network that is trained with a new head, on images at its resolution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from curv_issues import Backbone, UsageError, audit, from_arrays, rejudge
from curv_issues.auditing.audit import image_resolution
from curv_issues.backbones import hf_models
from curv_issues.backbones.fine_tuning import FIRST_RATE, TRUNK_RATE, FineTuned, fine_tuned, input_side, normalisation
from curv_issues.inputs.base import ProbeSpec
from curv_issues.noise.uniform import flip_labels
from curv_issues.options import TrainingOptions
from curv_issues.training.recipe import make_recipe
from tests.backbones.stand_ins import Strips
from tests.small import make_arrays, seeded

SPEC = ProbeSpec(num_classes=3, shape=(3, 16, 16), mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3))
MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Deep(nn.Module):
    """Three layers; features (b, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.third(self.second(self.first(images).relu()).mean((2, 3)))


def strips(**others: Any) -> Backbone:
    return Backbone(Strips(), resolution=16, mean=MEAN, std=STD, **others)


def standardised(image: Image.Image) -> Tensor:
    """Preprocessing that depends on the whole image."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    return (pixels - pixels.mean()) / (pixels.std() + 1)


def test_logits_are_those_of_the_head_on_the_features() -> None:
    backbone, network = strips(), FineTuned(strips(), SPEC, side=None).eval()
    features = backbone.module((IMAGES - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1))
    scale = 1 / (1 + 1e-5) ** 0.5  # of a batch normalisation that has seen nothing
    torch.testing.assert_close(network(IMAGES), network.head(features * scale), rtol=1e-4, atol=1e-5)


def test_images_are_resized_only_if_no_resolution_is_asked_for() -> None:
    backbone = Backbone(Strips(), resolution=24, mean=MEAN, std=STD)
    resized, as_they_are = (seeded(0, lambda r=wanted: fine_tuned(backbone, resolution=r)(SPEC).eval()) for wanted in (None, 16))
    larger = functional.interpolate(IMAGES, (24, 24), mode="bicubic", antialias=True)
    torch.testing.assert_close(resized(IMAGES), as_they_are(larger))
    assert not torch.allclose(resized(IMAGES), as_they_are(IMAGES), atol=1e-4)


def test_grey_images_are_read_as_rgb() -> None:
    network = FineTuned(strips(), replace(SPEC, shape=(1, 16, 16)), side=None).eval()
    grey = IMAGES[:, :1]
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_first_layers_have_the_lowest_rates() -> None:
    network = FineTuned(Backbone(Deep(), resolution=16), SPEC, side=None)
    rates = network.rate_factors()
    trunk: Any = network.trunk
    found = [rates[layer.weight] for layer in (trunk.first, trunk.second, trunk.third)]
    assert found == pytest.approx([FIRST_RATE, (FIRST_RATE * TRUNK_RATE) ** 0.5, TRUNK_RATE], rel=0.2)
    assert found[0] < found[1] < found[2]
    assert set(rates) == set(network.trunk.parameters())  # the head has the rate of the run


@pytest.mark.parametrize("backbone", [strips(), strips(preprocess=lambda image: strips().tensor_of(image.resize((20, 20))))])
def test_normalisation_is_read_off_the_preprocessing(backbone: Backbone) -> None:
    mean, std = normalisation(backbone)
    np.testing.assert_allclose(mean, MEAN, rtol=1e-4)
    np.testing.assert_allclose(std, STD, rtol=1e-4)


def test_resolution_is_that_of_the_preprocessing() -> None:
    assert input_side(strips()) == 16
    assert input_side(strips(preprocess=lambda _: torch.zeros(3, 30, 30))) == 30
    with pytest.raises(UsageError, match=r"reads images of 30 x 20 pixels; --fine-tune needs square ones\.$"):
        input_side(strips(preprocess=lambda _: torch.zeros(3, 30, 20)))
    options = TrainingOptions(backbone=strips(), fine_tune=True)
    assert image_resolution(options) == 16
    assert image_resolution(replace(options, resolution=9)) == 9
    assert image_resolution(TrainingOptions(backbone=strips())) is None


@pytest.mark.parametrize("level", [standardised, lambda image: standardised(image) ** 3, lambda _: torch.zeros(3, 16, 16)])
def test_other_preprocessing_is_refused(level: Any) -> None:
    with pytest.raises(UsageError, match=r"^The preprocessing of the backbone Strips is not a normalisation of each channel, so "):
        normalisation(strips(preprocess=level))


def of_size(side: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 4))


def test_networks_that_cannot_be_trained_are_refused() -> None:
    frozen = Strips().requires_grad_(False)
    for module in (frozen, lambda images: images.mean((2, 3))):
        with pytest.raises(UsageError, match=r" cannot be trained; --fine-tune \(fine_tune\) needs an nn\.Module"):
            FineTuned(Backbone(module, resolution=16), SPEC, side=None)
    with pytest.raises(UsageError, match=r"^The backbone Sequential cannot read images of shape \(3, 16, 16\): "):
        FineTuned(Backbone(of_size(8), resolution=8), SPEC, side=None)
    with pytest.raises(UsageError, match=r"^The backbone Conv2d must return float features \(b, d\), got \(2, 4, 14, 14\)"):
        FineTuned(Backbone(nn.Conv2d(3, 4, 3), resolution=16), SPEC, side=None)


def test_a_method_is_trained_with_its_network() -> None:
    class Model(Strips):
        def extract(self, images: Tensor) -> Tensor:
            return super().forward(images)

        def forward(self, images: Tensor) -> Tensor:
            raise AssertionError("not called")

    model = Model()
    network = FineTuned(Backbone(model.extract, resolution=16), SPEC, side=None)
    network(IMAGES).sum().backward()
    assert model.linear.weight.grad is None
    trunk: Any = network.trunk
    assert trunk.linear.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": None}, "--fine-tune (fine_tune=True) trains a backbone; add --backbone (backbone)."),
        ({"probe": "mlp"}, "With --fine-tune (fine_tune=True), the backbone is the probe; leave --probe (probe) out."),
        (
            {"input": "features"},
            "With --fine-tune (fine_tune=True), the backbone is trained on images; --input (input) must be images or both, got "
            "'features'.",
        ),
        ({"epochs": 0}, "--fine-tune (fine_tune=True) needs at least one epoch, got epochs=0."),
        ({"fine_tune": 1}, "fine_tune must be True or False, got 1."),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainingOptions(**{"backbone": "timm:resnet18", "fine_tune": True, **options})
    assert str(caught.value) == message


def test_fewer_epochs_and_lower_rates() -> None:
    recipes = [
        make_recipe(TrainingOptions(backbone="timm:resnet18", fine_tune=chosen), num_samples=n, shape=(3, 64, 64))
        for n in (1_000, 500_000)
        for chosen in (True, False)
    ]
    assert [recipe.epochs for recipe in recipes] == [5, 40, 3, 3]
    assert [recipe.batch_size for recipe in recipes] == [16, 16, 32, 512]
    assert recipes[0].learning_rate == pytest.approx(recipes[1].learning_rate / 25)


@pytest.mark.parametrize("chosen", ["auto", "both"])
def test_audit(chosen: Any) -> None:
    images, truth = make_arrays(120, 3, side=16, channels=3)
    labels, is_flipped = flip_labels(truth, 0.1, seed=0)
    backbone = strips()
    before = [weight.clone() for weight in backbone.module.parameters()]  # type: ignore[attr-defined]
    data = from_arrays(images, labels, resolution=16)
    result = audit(data, backbone=backbone, fine_tune=True, input=chosen, epochs=8, learning_rate=0.2, progress=False)
    assert is_flipped[result.scores["suspicion"].argsort()[::-1][:6]].mean() > 0.6
    assert all(map(torch.equal, before, backbone.module.parameters()))  # type: ignore[attr-defined]
    assert result.summary["options"]["fine_tune"] is True
    assert result.summary["input"] == ("both" if chosen == "both" else "images")
    assert result.summary["pred_probs"] == ("out-of-sample" if chosen == "both" else "in-sample")
    assert (result.summary["dataset"]["num_features"] is None) == (chosen == "auto")


def test_images_reduced_too_far_are_reported() -> None:
    images, labels = make_arrays(60, 3, side=16, channels=3)
    options: dict[str, Any] = {"backbone": strips(), "fine_tune": True, "epochs": 2, "progress": False}
    note = (
        "The data hold images of 8 pixels, which were enlarged to the 16 pixels of the backbone, although 60 images are larger; "
        "give the dataset itself, or load it with resolution=16."
    )
    assert note in audit(from_arrays(images, labels, resolution=8), **options).summary["notes"]
    for data in (from_arrays(images, labels, resolution=16), from_arrays(images[:, ::2, ::2], labels, resolution=8)):
        assert note not in audit(data, **options).summary["notes"]


def test_features_beside_are_refused() -> None:
    images, labels = make_arrays(30, 3, side=16, channels=3)
    data = replace(from_arrays(images, labels), features=np.zeros((30, 4), np.float32))
    with pytest.raises(UsageError, match=r"^backbone and features do not go together: "):
        audit(data, backbone=strips(), fine_tune=True, progress=False)


def test_the_usual_epochs_are_enough_to_flag() -> None:
    images, truth = make_arrays(120, 3, side=16, channels=3)
    labels, _ = flip_labels(truth, 0.1, seed=0)
    data = from_arrays(images, labels, resolution=16)
    result = audit(data, backbone=strips(), fine_tune=True, learning_rate=0.2, progress=False)
    assert result.summary["epochs_done"] == 5
    assert not any("under-trained" in note for note in [*result.summary["notes"], *rejudge(result).summary["notes"]])
    assert rejudge(result).scores["suspicion"].equals(result.scores["suspicion"])


def vit_of_timm() -> Backbone:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    model = seeded(0, lambda: timm.create_model("test_vit", num_classes=0))
    config = timm.data.resolve_model_data_config(model)
    return Backbone(model, preprocess=timm.data.create_transform(**config, is_training=False))


def vit_of_transformers() -> Backbone:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    model = seeded(0, lambda: transformers.ViTModel(config, add_pooling_layer=False))
    return Backbone(
        hf_models._Features(model, pooled=False),
        preprocess=lambda image: processor(images=image, return_tensors="pt")["pixel_values"][0],
    )


@pytest.mark.parametrize(("make", "side"), [(vit_of_timm, 160), (vit_of_transformers, 32)])
def test_transformers_of_the_libraries_are_trained_at_their_resolution(make: Any, side: int) -> None:
    backbone = make()
    assert input_side(backbone) == side
    np.testing.assert_allclose(normalisation(backbone)[0], [0.5] * 3, atol=1e-3)
    network = fine_tuned(backbone, resolution=None)(SPEC)
    network(IMAGES).square().sum().backward()
    rates = network.rate_factors()
    blocks = [rates[weight] for name, weight in network.trunk.named_parameters() if "attn" in name or "attention" in name]
    assert blocks == sorted(blocks)
    assert blocks[0] < blocks[-1]
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.trunk.parameters() if weight.ndim > 1)
