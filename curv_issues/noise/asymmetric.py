"""Class-conditional label noise: each affected class is taken for one other class."""

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
    """Class-conditional label noise: a share of each affected class gets the class that it is mapped to.

    Without a mapping, data with the class names of CIFAR-10 get the one of Patrini et al. 2017 (truck to automobile, bird to
    airplane, deer to horse, cat and dog to each other; the other five classes stay clean), all other data that of each class
    to the next and the last to the first.

    Args:
        labels: integers in [0, k), shape (n,). Left as they are.
        rate: share of each *affected* class to flip, in [0, 1]; of one with m samples, round(rate * m) are flipped.
        class_names: the k names; needed only where `mapping` uses them, or for the mapping of CIFAR-10.
        num_classes: number of classes k; default: the number of names, else the largest label + 1.
        mapping: affected class -> the class it is taken for, each by name or by index.
        seed: of the choice, a whole number of at least 0.

    Returns:
        The noisy labels, int64 (n,), and the truth: bool (n,), True where the label was flipped.

    Raises:
        UsageError: labels are not integers in [0, k), rate is not in [0, 1], there are fewer than 2 classes, `class_names`
            and `num_classes` contradict each other, the mapping is empty, names a class there is not or one twice, or maps
            a class to itself, or the seed is no whole number of at least 0.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1, 2], 100)
        >>> noisy, is_flipped = flip_labels_asymmetric(labels, 0.2, class_names=["cat", "dog", "eel"], mapping={"cat": "dog"})
        >>> int(is_flipped.sum()), set(labels[is_flipped].tolist()), set(noisy[is_flipped].tolist())
        (20, {0}, {1})
    """
    if class_names is not None and num_classes not in (None, len(class_names)):
        raise UsageError(f"num_classes is {num_classes}, but there are {len(class_names)} class_names; leave out one of them.")
    labels, num_classes = check_labels(labels, num_classes if class_names is None else len(class_names))
    check_rate(rate)
    if mapping is None and class_names is not None and set(class_names) == set(CIFAR10):
        mapping = CIFAR10_MAPPING
    elif mapping is None:
        mapping = {label: (label + 1) % num_classes for label in range(num_classes)}
    targets = _as_indices(mapping, class_names, num_classes)

    generator = make_generator(seed)
    noisy, is_flipped = labels.copy(), np.zeros(len(labels), dtype=bool)
    for label, target in sorted(targets.items()):  # not in the order of the mapping, which must not change the choice
        members = np.flatnonzero(labels == label)
        chosen = generator.choice(members, size=round(rate * len(members)), replace=False)
        noisy[chosen] = target
        is_flipped[chosen] = True
    return noisy, is_flipped


def plant(data: LabeledData, rate: float, *, seed: int) -> Planted:
    """The data with `flip_labels_asymmetric` applied to its labels, by the mapping that goes with its class names."""
    labels, is_flipped = flip_labels_asymmetric(data.labels, rate, class_names=data.class_names, seed=seed)
    return Planted(replace(data, labels=labels), is_flipped)


def _as_indices(mapping: Mapping[str | int, str | int], class_names: Sequence[str] | None, num_classes: int) -> dict[int, int]:
    if not isinstance(mapping, Mapping) or not mapping:
        raise UsageError(f"mapping must lead from at least one class to another, got {mapping!r}.")
    targets: dict[int, int] = {}
    for source, target in mapping.items():
        label, other = _as_index(source, class_names, num_classes), _as_index(target, class_names, num_classes)
        if label == other:
            raise UsageError(f"mapping leads from class {source!r} to itself; expected another class.")
        if label in targets:
            raise UsageError(f"mapping holds class {source!r} twice, by name and by index.")
        targets[label] = other
    return targets


def _as_index(class_: str | int, class_names: Sequence[str] | None, num_classes: int) -> int:
    if isinstance(class_, str):
        if class_names is None:
            raise UsageError(f"mapping names the class {class_!r}, but there are no class_names; give them, or use indices.")
        if class_ not in class_names:
            raise UsageError(f"mapping names the class {class_!r}, which is none of: {', '.join(class_names)}.")
        return list(class_names).index(class_)
    if isinstance(class_, bool) or not isinstance(class_, numbers.Integral) or not 0 <= class_ < num_classes:
        raise UsageError(f"mapping holds {class_!r}; expected a class name or an index from 0 to {num_classes - 1}.")
    return int(class_)
