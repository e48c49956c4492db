"""What the names of folders say: a split, a kind of files, or a class."""

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
"""Name of a folder or file in lower case -> what the split is called."""

WRAPPERS = frozenset({"images", "image", "imgs", "img", "data", "dataset", "photos", "pictures", "jpg", "jpeg", "png"})
"""Names in lower case of a folder that alone holds a whole dataset."""

_KINDS_OF_FILES = """annotation annotations docs example examples extra ground groundtruth gt label labels mask masks meta metadata
    pred sample samples segmentation segmentations set thumbnails thumbs trimap trimaps truth
    unlabeled unlabelled unsup unsupervised"""
_NO_CLASS = frozenset([*SPLIT_NAMES, *WRAPPERS, *_KINDS_OF_FILES.split()])


def say_no_class(names: Iterable[str]) -> bool:
    """Return whether names of folders say the kind of files or the split and nothing else: images, masks, train_images, test1."""
    found = [_words(name) for name in names]
    are_numbered_labels = all(words == ["label"] for words in found)  # label_0, label_1
    return not are_numbered_labels and all(words and _NO_CLASS.issuperset(words) for words in found)


def differ_by_split_only(names: Iterable[str]) -> bool:
    """Return whether names of folders are equal but for the split or the kind of files: cars_train, cars_test."""
    found = [_words(name) for name in names]
    rests = {tuple(word for word in words if word not in _NO_CLASS) for words in found}
    return len(rests) == 1 and rests != {()} and all(not _NO_CLASS.isdisjoint(words) for words in found)


def _words(name: str) -> list[str]:
    return re.findall("[^\\W\\d_]+", name.lower())
