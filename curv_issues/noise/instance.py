"""Instance-dependent label noise: towards the classes that a small model confuses an image with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.base import LabeledData
from curv_issues.data.folds import stratified_folds
from curv_issues.errors import UsageError
from curv_issues.noise.base import Planted
from curv_issues.noise.checks import check_labels, check_rate, make_generator

FOLDS = 5
SIDE = 8
# Added to all probabilities, so that any number of samples can be chosen even if the model is certain.
_LEAST = 1e-6
_BLOCK = 4096


def flip_labels_by_instance(
    images: np.ndarray, labels: np.ndarray, rate: float, *, num_classes: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Flip labels of images that a small model finds hard, to the class that it confuses them with.

    The model is linear discriminant analysis with shrunk covariance on 8x8 average-pooled pixels; p(class) of a sample comes
    from a model fitted without it (5 folds). Exactly round(rate * n) of all n samples are drawn without replacement, with
    weights 1 - p(label), so classes are affected unequally. The new label is drawn from p over the other classes. A class
    with fewer than 5 members is not modelled: no label is flipped to it, and its own samples get the average weight.
    50,000 images of 32x32x3 take well under a minute.

    The idea follows Chen et al. 2021 (AAAI), who take the probabilities from a deep network.

    Args:
        images: numbers, (n, h, w, c) or (n, h, w), of any scale; read in blocks, so they may be memory-mapped. Or features
            (n, d), which are used as they are.
        labels: integers in [0, num_classes), shape (n,). Not modified.
        rate: fraction of all samples to flip, in [0, 1].
        num_classes: number of classes k; default: the largest label + 1.
        seed: seed of folds and choice, an integer >= 0.

    Returns:
        The noisy labels, int64 (n,), and whether each label was flipped, bool (n,).

    Raises:
        UsageError: the images have a wrong shape or number, labels are not integers in [0, num_classes), rate is not in
            [0, 1], fewer than 2 classes have 5 members or more, or the seed is not an integer >= 0.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1], 50)
        >>> images = labels[:, None, None] * 100 + np.random.default_rng(0).integers(0, 100, (100, 8, 8))
        >>> noisy, is_flipped = flip_labels_by_instance(images, labels, 0.1, seed=0)
        >>> int(is_flipped.sum()), bool((noisy != labels).sum() == 10)
        (10, True)
    """
    labels, num_classes = check_labels(labels, num_classes)
    check_rate(rate)
    images = _check_images(images, len(labels))
    generator = make_generator(seed)
    noisy, is_flipped = labels.copy(), np.zeros(len(labels), dtype=bool)
    size = round(rate * len(labels))
    if size == 0:
        return noisy, is_flipped

    features = images.astype(np.float32) if images.ndim == 2 else pool_pixels(images)
    others = _confusion(features, labels, num_classes, generator)
    # Taking the largest of log(weight) + Gumbel noise draws without replacement in proportion to the weights.
    keys = np.log(_hardness(others, labels)) + generator.gumbel(size=len(labels))
    chosen = np.sort(np.argsort(-keys, kind="stable")[:size])
    cumulative = np.cumsum(others[chosen], axis=1)
    drawn = generator.random((size, 1)) * cumulative[:, -1:]
    noisy[chosen] = (cumulative <= drawn).sum(axis=1)
    is_flipped[chosen] = True
    return noisy, is_flipped


def plant(data: LabeledData, rate: float, *, seed: int) -> Planted:
    """Return the data with `flip_labels_by_instance` applied to its labels."""
    samples = data.features if data.images is None else data.images
    assert samples is not None
    labels, is_flipped = flip_labels_by_instance(samples, data.labels, rate, num_classes=data.num_classes, seed=seed)
    return Planted(replace(data, labels=labels), is_flipped)


def pool_pixels(images: np.ndarray) -> np.ndarray:
    """Return the means over an 8x8 grid of cells of nearly equal size: (n, h, w, c) -> float32 (n, 8 * 8 * c).

    A side below 8 pixels is not pooled.
    """
    n, height, width, channels = images.shape
    rows, columns = (np.arange(min(SIDE, side)) * side // min(SIDE, side) for side in (height, width))
    cells = np.diff([*rows, height])[:, np.newaxis] * np.diff([*columns, width])
    pooled = np.empty((n, len(rows), len(columns), channels), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        block = np.asarray(images[start : start + _BLOCK], dtype=np.float32)
        sums = np.add.reduceat(np.add.reduceat(block, rows, axis=1), columns, axis=2)
        pooled[start : start + _BLOCK] = sums / cells[..., np.newaxis]
    return pooled.reshape(n, -1)


def _confusion(features: np.ndarray, labels: np.ndarray, num_classes: int, generator: np.random.Generator) -> np.ndarray:
    """Return out-of-fold class probabilities, with 0 for the sample's own class: float64 (n, k)."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    modelled = np.flatnonzero(np.bincount(labels, minlength=num_classes) >= FOLDS)
    if len(modelled) < 2:
        raise UsageError(
            f"Instance-dependent noise needs at least two classes with {FOLDS} or more samples; found {len(modelled)}."
        )
    is_modelled = np.isin(labels, modelled)
    fold_of = stratified_folds(labels, FOLDS, generator=generator)
    others = np.zeros((len(labels), num_classes))
    for fold in range(FOLDS):
        fitted, held_out = is_modelled & (fold_of != fold), np.flatnonzero(fold_of == fold)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features[fitted], labels[fitted])
        if len(held_out):
            others[np.ix_(held_out, modelled)] = model.predict_proba(features[held_out]) + _LEAST
    others[np.arange(len(labels)), labels] = 0
    return others


def _hardness(others: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return 1 - p(label), (n,); for classes that are not modelled, the mean of all others."""
    hardness = others.sum(axis=1)
    modelled = np.bincount(labels, minlength=others.shape[1])[labels] >= FOLDS
    hardness[~modelled] = hardness[modelled].mean()
    return hardness


def _check_images(images: np.ndarray, n: int) -> np.ndarray:
    if not isinstance(images, np.ndarray) or images.ndim not in (2, 3, 4) or not np.issubdtype(images.dtype, np.number):
        found = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise UsageError(f"images must be an array of numbers of shape (n, h, w, c) or (n, h, w), or features (n, d), got {found}.")
    if len(images) != n:
        raise UsageError(f"Expected one label per image, got {counted(len(images), 'image')} and {counted(n, 'label')}.")
    if 0 in images.shape[1:]:
        raise UsageError(f"images must have at least one pixel, got shape {images.shape}.")
    return images[..., np.newaxis] if images.ndim == 3 else images
