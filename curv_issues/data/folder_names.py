"""Tell from folder names whether they mean a split, a kind of file, or a class."""

from __future__ import annotations

import re
from collections.abc import Iterable

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Folder or file name in lower case -> split name."""

WRAPPERS = frozenset({"images", "image", "imgs", "img", "data", "dataset", "photos", "jpg", "jpeg", "png"})
"""Lower-case names of a folder that wraps a whole dataset."""

_KINDS_OF_FILES = """
    annotation annotations batch chunk depth devset docs example examples extra fold folds ground groundtruth gt hq hr input
    inputs ir label labels lq lr mask masks meta metadata nir output outputs part parts pred rgb sample samples segmentation
    segmentations set shard target targets testset thumbnails thumbs trainingset trainset trimap trimaps truth unlabeled
    unlabelled unsup unsupervised valset
"""
_CLASS = ("category", "class", "label", "object", "target")
_NEW_WORD = "(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
_PARTS = frozenset([*SPLIT_NAMES, *WRAPPERS, "batch", "chunk", "fold", "mask", "masks", "part", "pred", "set", "shard"])
_NO_CLASS = frozenset([*SPLIT_NAMES, *WRAPPERS, *_KINDS_OF_FILES.split(), *_CLASS])


def say_no_class(names: Iterable[str]) -> bool:
    """Return whether all these folder names mean a file kind or a split only: images, masks, train_images, test1."""
    found = [words_of(name) for name in names]
    are_numbered = len({tuple(words) for words in found}) == 1 and found[0][-1:] in [[word] for word in _CLASS]  # class_0, class_1
    return not are_numbered and all(words and _NO_CLASS.issuperset(words) for words in found)


def differ_by_split_only(names: Iterable[str]) -> bool:
    """Return whether all folder names contain a split or part, and two differ in nothing else: cars_train, cars_test."""
    found = [_without_split(name) for name in names]
    rests = [rest for rest, _ in found]
    return all(rest and split for rest, split in found) and len(set(rests)) < len(rests)


def _without_split(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words and numbers of a name, without and with split or part: cars_part_2 is (cars), (part, 2)."""
    words = re.findall(r"[^\W\d_]+|\d+", re.sub(_NEW_WORD, " ", name).lower())
    is_part = [word in _PARTS for word in words]
    if len(words) > 1 and words[-1].isdigit() and is_part[-2]:
        is_part[-1] = True
    return (
        tuple(word for word, part in zip(words, is_part, strict=True) if not part),
        tuple(word for word, part in zip(words, is_part, strict=True) if part),
    )


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case, without numbers: HR_images2, JPEGImages and trainA have two each."""
    return [word.lower() for word in re.findall("[^\\W\\d_]+", re.sub(_NEW_WORD, " ", name))]
