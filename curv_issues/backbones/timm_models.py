"""Backbones `timm:NAME`: a pretrained model of timm, with its own data configuration."""

from __future__ import annotations

from curv_issues.backbones.base import Backbone
from curv_issues.backbones.loading import cached_on_hub, hub_folder, import_library, missing_weights, unknown_name
from curv_issues.errors import UsageError, first_line


def load(name: str) -> Backbone:
    """Return a pretrained model of timm without its classifier.

    Args:
        name: such as "resnet18" or "resnet18.a1_in1k"; also "hf-hub:ORG/NAME" and "local-dir:FOLDER", as timm takes them.

    Raises:
        UsageError: timm is not installed, the model is unknown or has no pretrained weights, or they cannot be had.
    """
    timm = import_library("timm", extra="timm", kind="timm")
    if ":" not in name:
        architecture, _, tag = name.partition(".")
        tagged = timm.list_pretrained()
        if not timm.is_model(architecture) or (tag and name not in tagged):
            raise unknown_name("timm", name, [*timm.list_models(), *tagged])
        if not any(each.partition(".")[0] == architecture for each in tagged):
            raise UsageError(f"timm has no pretrained weights of {name}; see timm.list_pretrained().")
    try:
        model = timm.create_model(name, pretrained=True, num_classes=0).eval()
    except OSError as error:
        cached = [f"timm:{each.removeprefix('timm/')}" for each in cached_on_hub() if each.startswith("timm/")]
        raise missing_weights(f"timm:{name}", error, cached, folder=hub_folder()) from error
    except Exception as error:  # whatever timm or the Hub raise
        raise UsageError(f"timm:{name} cannot be loaded: {first_line(error)}.") from error
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    return Backbone(
        model,
        resolution=config["input_size"][-1],
        preprocess=transform,
        name=f"timm:{name}",
        identity=f"timm {timm.__version__}, {dict(sorted(config.items()))}",
    )
