"""Class-conditional label noise: labels of each affected class are flipped to one other class."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from curv_issues.data.base import LabeledData
from curv_issues.errors import UsageError
from curv_issues.noise.base import Planted
from curv_issues.noise.checks import check_labels, check_rate, make_generator

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_MAPPING: dict[str | int, str | int] = {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
}


def flip_labels_asymmetric(
    labels: np.ndarray,
    rate: float,
    *,
    class_names: Sequence[str] | None = None,
    num_classes: int | None = None,
    mapping: Mapping[str | int, str | int] | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Flip a fraction of the labels of each affected class to the class that it is mapped to.

    Without a mapping, data with the class names of CIFAR-10 use that of Patrini et al. 2017 (truck to automobile, bird to
    airplane, deer to horse, cat and dog to each other; the other five classes stay clean). All other data map each class
    to the next, and the last to the first.

    Args:
        labels: integers in [0, k), shape (n,). Not modified.
        rate: fraction of each *affected* class to flip, in [0, 1]; round(rate * m) labels of a class with m samples.
        class_names: the k names; needed only if `mapping` uses them, or for the mapping of CIFAR-10.
        num_classes: number of classes k; default: the number of names, else the largest label + 1.
        mapping: affected class -> its confusable class, each by name or by index.
        seed: seed of the random choice, an integer >= 0.

    Returns:
        The noisy labels, int64 (n,), and whether each label was flipped, bool (n,).

    Raises:
        UsageError: labels are not integers in [0, k), rate is not in [0, 1], there are fewer than 2 classes, `class_names`
            and `num_classes` contradict each other, the mapping is empty, names an unknown class or one class twice, or maps
            a class to itself, or the seed is not an integer >= 0.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1, 2], 100)
        >>> noisy, is_flipped = flip_labels_asymmetric(labels, 0.2, class_names=["cat", "dog", "eel"], mapping={"cat": "dog"})
        >>> int(is_flipped.sum()), set(labels[is_flipped].tolist()), set(noisy[is_flipped].tolist())
        (20, {0}, {1})
    """
    if class_names is not None and num_classes not in (None, len(class_names)):
        raise UsageError(f"num_classes is {num_classes}, but there are {len(class_names)} class_names; pass only one of them.")
    labels, num_classes = check_labels(labels, num_classes if class_names is None else len(class_names))
    check_rate(rate)
    if mapping is None and class_names is not None and set(class_names) == set(CIFAR10):
        mapping = CIFAR10_MAPPING
    elif mapping is None:
        mapping = {label: (label + 1) % num_classes for label in range(num_classes)}
    targets = _as_indices(mapping, class_names, num_classes)

    generator = make_generator(seed)
    noisy, is_flipped = labels.copy(), np.zeros(len(labels), dtype=bool)
    for label, target in sorted(targets.items()):  # sorted, so that the order of the mapping does not change the choice
        members = np.flatnonzero(labels == label)
        chosen = generator.choice(members, size=round(rate * len(members)), replace=False)
        noisy[chosen] = target
        is_flipped[chosen] = True
    return noisy, is_flipped


def plant(data: LabeledData, rate: float, *, seed: int) -> Planted:
    """Return the data with `flip_labels_asymmetric` applied to its labels, using the mapping for its class names."""
    labels, is_flipped = flip_labels_asymmetric(data.labels, rate, class_names=data.class_names, seed=seed)
    return Planted(replace(data, labels=labels), is_flipped)


def _as_indices(mapping: Mapping[str | int, str | int], class_names: Sequence[str] | None, num_classes: int) -> dict[int, int]:
    if not isinstance(mapping, Mapping) or not mapping:
        raise UsageError(f"mapping must map at least one class to another, got {mapping!r}.")
    targets: dict[int, int] = {}
    for source, target in mapping.items():
        label, other = _as_index(source, class_names, num_classes), _as_index(target, class_names, num_classes)
        if label == other:
            raise UsageError(f"mapping maps class {source!r} to itself; expected another class.")
        if label in targets:
            raise UsageError(f"mapping has class {source!r} twice, by name and by index.")
        targets[label] = other
    return targets


def _as_index(class_: str | int, class_names: Sequence[str] | None, num_classes: int) -> int:
    if isinstance(class_, str):
        if class_names is None:
            raise UsageError(f"mapping names the class {class_!r}, but there are no class_names; pass them, or use indices.")
        if class_ not in class_names:
            raise UsageError(f"mapping names the unknown class {class_!r}; expected one of: {', '.join(class_names)}.")
        return list(class_names).index(class_)
    if isinstance(class_, bool) or not isinstance(class_, numbers.Integral) or not 0 <= class_ < num_classes:
        raise UsageError(f"mapping contains {class_!r}; expected a class name or an index from 0 to {num_classes - 1}.")
    return int(class_)
