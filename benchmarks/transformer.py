"""Does curvature find wrong labels with a transformer as the probe? An untrained ViT and the convnet on CIFAR-10.

    python -m benchmarks.transformer DATASETS              all cells: about 2 hours of one core
    python -m benchmarks.transformer DATASETS --smoke      the same code on digits

`vit` is timm's vit_tiny_patch16_224 for images of 32 pixels in patches of 4, with half its depth and half its width (6 blocks of 96
units, 3 heads, 0.7 million weights), so that 20 epochs are affordable. Both probes are trained for the same number of epochs;
curvature is measured after four of them. The learning rate of the transformer (0.03 of 0.1, 0.03, 0.01) was that with the lowest
training loss on 1,500 images of CIFAR-100.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timm.models import VisionTransformer

from benchmarks.common import load, make_cells, measure_scores, stratified
from curv_issues.bench.methods import parse_methods
from curv_issues.inputs.base import ProbeSpec
from curv_issues.options import TrainingOptions

SEEDS = (0, 1, 2)
PART = 10_000
EPOCHS = 20
SCORED_EPOCHS = 4
NOISE = "uniform:0.1"
LEARNING_RATES = {"convnet": None, "vit": 0.03}
METHODS = "margin,cumulative_loss,residual,input_curvature,loss_sensitivity,training_gradient,forgetting,final_loss"


def cells() -> list[dict[str, Any]]:
    """Return all cells, seed by seed."""
    return [cell(probe, seed) for seed in SEEDS for probe in LEARNING_RATES]


def cell(probe: str, seed: int, dataset: str = "cifar10", epochs: int = EPOCHS) -> dict[str, Any]:
    """Return the configuration of one run."""
    return {"dataset": dataset, "noise": NOISE, "probe": probe, "seed": seed, "epochs": epochs, "rate": LEARNING_RATES[probe]}


def vit(spec: ProbeSpec) -> VisionTransformer:
    """Return a vision transformer for small images, with untrained weights."""
    return VisionTransformer(
        img_size=spec.resolution,
        in_chans=spec.channels,
        patch_size=4,
        embed_dim=96,
        depth=6,
        num_heads=3,
        num_classes=spec.num_classes,
    )


def measure(configuration: dict[str, Any], root: Path) -> dict[str, Any]:
    """Plant errors, train the probe, and compare its scores."""
    data, seed = load(configuration["dataset"], root), configuration["seed"]
    if len(data) > PART:
        data = stratified(data, PART, seed)
    options = TrainingOptions(
        probe=vit if configuration["probe"] == "vit" else configuration["probe"],
        epochs=configuration["epochs"],
        learning_rate=configuration["rate"],
        curvature_epochs=min(SCORED_EPOCHS, configuration["epochs"]),
    )
    methods = parse_methods(METHODS, num_samples=len(data), with_features=False)
    return measure_scores(data, configuration["noise"], seed, options=options, methods=methods)


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "transformer",
        cells(),
        measure,
        smoke=[cell(probe, 0, "digits", 2) for probe in LEARNING_RATES],
        show=lambda result: {
            name: f"{method['detection']['auroc']:.4f}/{method['detection']['average_precision']:.3f}"
            for name, method in result["methods"].items()
        },
    )


if __name__ == "__main__":
    main()
