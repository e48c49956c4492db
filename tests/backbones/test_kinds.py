"""Each kind of backbone, with small stand-ins for pretrained weights; errors are one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from curv_issues import UsageError
from curv_issues.backbones import BACKBONES, loading
from curv_issues.backbones.base import IMAGENET_MEAN, IMAGENET_STD, squashed
from curv_issues.backbones.extract import with_features
from curv_issues.backbones.identity import identify
from curv_issues.backbones.loading import load_backbone
from curv_issues.options import TrainingOptions
from tests.backbones.stand_ins import Strips, expected_features, photos, put_on_hub
from tests.small import seeded


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches of features, of torch and of the Hub; the last is returned."""
    from huggingface_hub import constants

    monkeypatch.setenv("CURV_ISSUES_CACHE", str(tmp_path / "features"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    hub = tmp_path / "hub"
    hub.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    return hub


def refused(name: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load_backbone(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_option_is_checked_without_slow_imports() -> None:
    program = (
        "import sys; from curv_issues.options import TrainingOptions; TrainingOptions(backbone='timm:resnet18'); "
        "print({'torch', 'timm', 'transformers', 'torchvision'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("value", ["resnet18", "timm:", "", 3, ["timm:resnet18"]])
def test_wrong_options_are_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^backbone must be KIND:NAME, such as timm:resnet18, with KIND one of timm, "):
        TrainingOptions(backbone=value)


def test_unknown_kind_lists_all() -> None:
    with pytest.raises(UsageError) as caught:
        TrainingOptions(backbone="tim:resnet18")
    assert str(caught.value) == f"Unknown kind of backbone 'tim'; choose one of: {', '.join(BACKBONES)}."


def test_missing_library_names_the_extra() -> None:
    with pytest.raises(UsageError, match=r"need the package no_such_library \(.*\); run pip install 'curv-issues\[timm\]'\.$"):
        loading.import_library("no_such_library", extra="timm", kind="timm")


def test_timm(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    safetensors = pytest.importorskip("safetensors.torch")
    assert refused("timm:test_resnet.r160_in1k").endswith(f"Cached in {caches}: none of this kind.")
    whole = seeded(0, lambda: timm.create_model("test_resnet")).eval()
    put_on_hub(caches, "timm/test_resnet.r160_in1k", {"model.safetensors": safetensors.save(whole.state_dict())})
    data, own = photos(6), load_backbone("timm:test_resnet")
    assert own.resolution == 160
    found = with_features(data, own, device="cpu").features

    def headless(images: torch.Tensor) -> torch.Tensor:
        return whole.forward_head(whole.forward_features(images), pre_logits=True)

    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(whole), is_training=False)
    np.testing.assert_allclose(found, expected_features(data, headless, transform), atol=2e-2)
    text = identify(own)
    assert text is not None
    assert text.startswith(f"timm:test_resnet (timm {timm.__version__}, {{'crop_mode': 'center'")
    assert "weights" in text
    assert refused("timm:resnet18.a1_in1k").endswith(f"Cached in {caches}: timm:test_resnet.r160_in1k.")
    assert "similar names: timm:resnet18" in refused("timm:resnet188")
    assert "similar names: timm:resnet18" in refused("timm:resnet18.a7_in1k")


def test_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, weights = "shufflenet_v2_x0_5", models.ShuffleNet_V2_X0_5_Weights.DEFAULT

    def no_network(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    assert refused(f"torchvision:{name}") == (
        f"The weights of torchvision:{name} cannot be had: no network. Cached in {folder}: none of this kind."
    )
    whole = seeded(0, lambda: models.get_model(name)).eval()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(whole.state_dict(), folder / weights.url.rpartition("/")[2])
    data, own = photos(6), load_backbone(f"torchvision:{name}")
    whole.fc = nn.Identity()
    found = with_features(data, own, device="cpu").features
    np.testing.assert_allclose(found, expected_features(data, whole, weights.transforms()), atol=2e-2)
    text = identify(own)
    assert text == identify(load_backbone(f"torchvision:{name}/IMAGENET1K_V1"))
    assert text is not None
    assert text.startswith(f"torchvision:{name}/IMAGENET1K_V1 (torchvision ")
    assert refused("torchvision:resnet18").endswith(f"Cached in {folder}: torchvision:{name}/IMAGENET1K_V1.")
    assert "similar names: torchvision:resnet18" in refused("torchvision:resnet_18")
    assert refused("torchvision:resnet18/V9") == ("Unknown weights 'V9' of torchvision:resnet18; choose one of: IMAGENET1K_V1.")


@pytest.mark.parametrize(("name", "size"), [("squeezenet1_1", 512), ("mobilenet_v3_small", 1024), ("googlenet", 1024)])
def test_classifiers_of_torchvision_are_removed(name: str, size: int) -> None:
    from curv_issues.backbones.torchvision_models import _remove_classifier

    settings = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model = models.get_model(name, **settings).eval()
    _remove_classifier(model)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, size)


@pytest.mark.parametrize("with_pooler", [True, False])
def test_hf(tmp_path: Path, caches: Path, with_pooler: bool) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8
    )
    whole = seeded(0, lambda: transformers.ViTModel(config, add_pooling_layer=with_pooler)).eval()
    processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    for part in (whole, processor):
        part.save_pretrained(tmp_path / "vit")
    data, own = photos(6), load_backbone(f"hf:{tmp_path / 'vit'}")
    found = with_features(data, own, device="cpu").features

    def features(images: torch.Tensor) -> torch.Tensor:
        output = whole(pixel_values=images)
        return output.pooler_output if with_pooler else output.last_hidden_state[:, 0]

    def tensor_of(image: Any) -> torch.Tensor:
        return processor(images=image, return_tensors="pt")["pixel_values"][0]

    np.testing.assert_allclose(found, expected_features(data, features, tensor_of), atol=2e-2)
    assert refused("hf:org/none").endswith(f"Cached in {caches}: none of this kind.")


def exported(path: Path, *, dynamic: bool, extra: dict[str, str] | None = None) -> nn.Module:
    network = Strips().eval()
    shapes = ({0: torch.export.Dim("b", min=1, max=20)},) if dynamic else None
    program = torch.export.export(network, (torch.zeros(5, 3, 16, 16),), dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files=extra)
    return network


@pytest.mark.parametrize("dynamic", [True, False])
def test_exported_program(tmp_path: Path, dynamic: bool) -> None:
    network = exported(tmp_path / "a.pt2", dynamic=dynamic)
    data, own = photos(7), load_backbone(f"file:{tmp_path / 'a.pt2'}")
    assert (own.resolution, own.batch_size) == (16, 20 if dynamic else 5)
    found = with_features(data, own, device="cpu").features
    wanted = expected_features(data, network, lambda image: squashed(image, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD))
    np.testing.assert_allclose(found, wanted, atol=2e-2)


def test_exported_program_with_its_own_normalisation(tmp_path: Path) -> None:
    own = json.dumps({"mean": [0, 0, 0], "std": [1, 1, 1]})
    exported(tmp_path / "a.pt2", dynamic=False, extra={"preprocessing.json": own})
    loaded = load_backbone(f"file:{tmp_path / 'a.pt2'}")
    assert (loaded.mean, loaded.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    exported(tmp_path / "b.pt2", dynamic=False, extra={"preprocessing.json": '{"mean": 3}'})
    assert "preprocessing.json of" in refused(f"file:{tmp_path / 'b.pt2'}")


def test_wrong_program_files_are_refused(tmp_path: Path) -> None:
    assert refused(f"file:{tmp_path / 'none.pt2'}").startswith("File ")
    (tmp_path / "text.pt2").write_text("text")
    assert "is not a program that torch.export.save has written" in refused(f"file:{tmp_path / 'text.pt2'}")
    program = torch.export.export(nn.Linear(4, 2), (torch.zeros(5, 4),))
    torch.export.save(program, tmp_path / "linear.pt2")
    assert "must have one input (b, 3, r, r) of a fixed resolution r, got (5, 4)." in refused(f"file:{tmp_path / 'linear.pt2'}")
