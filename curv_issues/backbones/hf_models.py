"""Backbones `hf:ORG/NAME`: a vision model of the Hugging Face Hub, or of a local folder, with its image processor."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from curv_issues.backbones.base import Backbone
from curv_issues.backbones.loading import cached_on_hub, hub_folder, import_library, missing_weights
from curv_issues.errors import UsageError, first_line


def load(name: str) -> Backbone:
    """Return a vision model without its classifier; of a model of images and text, such as CLIP, the vision part.

    The features are the pooled output. If the checkpoint has no weights of the pooling layer, or the model has none, they are
    the first (CLS) token, or the mean of a feature map.

    Args:
        name: Hub id "ORG/NAME", or a folder written by `save_pretrained`.

    Raises:
        UsageError: transformers is not installed, the weights cannot be had, or this is not a vision model.
    """
    transformers = import_library("transformers", extra="hf", kind="hf")
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name)
        model, loaded = transformers.AutoModel.from_pretrained(name, output_loading_info=True, dtype=torch.float32)
    except OSError as error:
        cached = [f"hf:{each}" for each in cached_on_hub() if not each.startswith("timm/")]
        raise missing_weights(f"hf:{name}", error, cached, folder=hub_folder()) from error
    except Exception as error:  # whatever transformers or the Hub raise
        raise UsageError(f"hf:{name} cannot be loaded as a vision model: {first_line(error)}.") from error
    missing = set(loaded["missing_keys"])
    untrained_pooler = {key for key in missing if "pooler" in key}
    if missing - untrained_pooler:
        raise UsageError(f"hf:{name} has no weights of {min(missing - untrained_pooler)}; expected a complete vision model.")

    def preprocess(image: Image.Image) -> Tensor:
        return processor(images=image, return_tensors="pt")["pixel_values"][0]

    pooled = not untrained_pooler
    return Backbone(
        _Features(getattr(model, "vision_model", model), pooled=pooled).eval(),
        preprocess=preprocess,
        name=f"hf:{name}",
        identity=f"transformers {transformers.__version__}, {' '.join(processor.to_json_string().split())}, pooled {pooled}",
    )


class _Features(nn.Module):
    """A vision model that returns one vector per image."""

    def __init__(self, model: nn.Module, *, pooled: bool) -> None:
        super().__init__()
        self.model, self.pooled = model, pooled

    def forward(self, images: Tensor) -> Tensor:
        """Return features (b, d)."""
        output: Any = self.model(pixel_values=images)
        pooled = getattr(output, "pooler_output", None)
        if pooled is not None and self.pooled:
            return pooled.flatten(1)
        last = output.last_hidden_state
        return last[:, 0] if last.ndim == 3 else last.mean((2, 3))
