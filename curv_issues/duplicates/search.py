"""Find pairs of duplicates: identical images by hash, near-duplicates by comparing the pixels of candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from curv_issues.data.base import LabeledData
from curv_issues.device import choose_device
from curv_issues.duplicates.alignment import Details, coarse_similarity, crop_similarity, quick_similarity, similarity
from curv_issues.duplicates.base import BYTES, FEATURES, NEAR, PER_PAIR, PIXELS, ComparedImages
from curv_issues.duplicates.candidates import Candidates, candidates_between, candidates_within
from curv_issues.duplicates.feature_search import as_similarity, compare_rows, compare_vectors
from curv_issues.duplicates.threshold import choose_threshold
from curv_issues.inputs.features import FeatureInputs
from curv_issues.inputs.images import as_pixels

CLOSEST = 8  # pairs per image that are compared at full resolution
HOPEFUL = 0.3  # crops are tried above this similarity over shifts, for at most four pairs per image
PROMISING = 0.6  # pairs are fully aligned above this similarity with crops, at most one pair per image
LEAST_ALIGNED = 2_000  # smaller datasets get the limits of this many images


def compare_within(
    data: LabeledData,
    *,
    features: np.ndarray | None = None,
    threshold: float | None = None,
    turned: bool = False,
    device: str = "auto",
    on_step: Callable[[int, int], None] | None = None,
) -> ComparedImages:
    """Compare the images of a dataset that may be duplicates.

    Identical images are found by hash and linked to the first copy; only that copy is compared further. Near-duplicate
    candidates are each image's nearest neighbours, and their pixels decide (`alignment.similarity`).

    Args:
        data: n samples; labels are ignored.
        features: float (n, d), such as a probe's embeddings, for more candidates. They find mirrored copies if the
            embeddings of each image and its mirror image are summed.
        threshold: minimum similarity of duplicates; None: choose it from the data.
        turned: whether to search for images turned by 90, 180 and 270 degrees too; costs about three times as much.
        device: as in `TrainingOptions`.
        on_step: called with (steps done, number of steps).
    """
    target = choose_device(device)
    first = first_copies(data.image_sha256)
    kept = np.flatnonzero(first == np.arange(len(data)))
    index = torch.from_numpy(kept)
    if data.images is None:
        near = compare_vectors(data.inputs().batch(index, target).cpu(), threshold=threshold, device=target)
    else:
        part = None if features is None else torch.from_numpy(np.asarray(features)[kept])
        images = as_pixels(data.images)
        details = Details(images, index, device=target)
        candidates = candidates_within(images, index, part, device=target, turned=turned)
        if on_step is not None:
            on_step(1, 2)
        near = compare_candidates(details, details, candidates, threshold)
    if on_step is not None:
        on_step(2, 2)
    copies = np.flatnonzero(first != np.arange(len(data)))
    identical = ComparedImages(
        first=first[copies],
        second=copies,
        similarity=np.ones(len(copies), np.float32),
        test=tests_of_identical(data, first[copies], data, copies),
        mirrored=np.zeros(len(copies), dtype=bool),
        turns=np.zeros(len(copies), dtype=np.int64),
        threshold=near.threshold,
    )
    return _joined(identical, replace(near, first=kept[near.first], second=kept[near.second]))


def compare_between(
    data: LabeledData, others: LabeledData, *, threshold: float | None = None, turned: bool = False, device: str = "auto"
) -> ComparedImages:
    """Compare images of two datasets that may be duplicates; `first` indexes `data`, `second` indexes `others`.

    Of several identical images in a dataset, only the first is compared.

    Args:
        data: n samples; labels are ignored.
        others: m samples, at the same resolution.
        threshold: minimum similarity of duplicates; None: choose it from the data.
        turned: whether to search for images turned by 90, 180 and 270 degrees too.
        device: as in `TrainingOptions`.
    """
    target = choose_device(device)
    kept, kept_2 = (np.unique(first_copies(each.image_sha256)) for each in (data, others))
    index, index_2 = torch.from_numpy(kept), torch.from_numpy(kept_2)
    if data.images is None or others.images is None:
        inputs = data.inputs()
        assert isinstance(inputs, FeatureInputs)  # both are features; see `check_comparable`
        assert others.features is not None
        vectors = inputs.standardise(torch.from_numpy(others.features[kept_2])).cpu()
        near = compare_vectors(inputs.batch(index, target).cpu(), vectors, threshold=threshold, device=target)
    else:
        images, gallery = as_pixels(data.images), as_pixels(others.images)
        candidates = candidates_between(images, index, gallery, index_2, device=target, turned=turned)
        near = compare_candidates(
            Details(images, index, device=target), Details(gallery, index_2, device=target), candidates, threshold
        )
    _, place, place_2 = np.intersect1d(
        data.image_sha256[kept].astype(str), others.image_sha256[kept_2].astype(str), return_indices=True
    )
    is_known = np.isin(near.first * len(kept_2) + near.second, place * len(kept_2) + place_2)
    near = near.taken(~is_known)
    identical = ComparedImages(
        first=kept[place],
        second=kept_2[place_2],
        similarity=np.ones(len(place), np.float32),
        test=tests_of_identical(data, kept[place], others, kept_2[place_2]),
        mirrored=np.zeros(len(place), dtype=bool),
        turns=np.zeros(len(place), dtype=np.int64),
        threshold=near.threshold,
    )
    return _joined(identical, replace(near, first=kept[near.first], second=kept_2[near.second]))


def compare_pairs(data: LabeledData, pairs: np.ndarray, *, turned: bool = False, device: str = "auto") -> ComparedImages:
    """Compare chosen pairs of images of a dataset at full resolution, in their order.

    Args:
        data: n samples.
        pairs: int64 (p, 2), positions of the images.
        turned: whether to compare in all eight orientations; otherwise as they are and mirrored.
        device: as in `TrainingOptions`.

    Returns:
        The pairs, with a threshold of 0.
    """
    target = choose_device(device)
    index, place = np.unique(pairs, return_inverse=True)
    places, count = torch.from_numpy(place.reshape(-1, 2)), len(pairs)
    codes = torch.zeros(count, dtype=torch.int64)
    if data.images is None:
        vectors = data.inputs().batch(torch.from_numpy(index), target).cpu()
        values = torch.from_numpy(as_similarity(*compare_rows(vectors, vectors, place.reshape(-1, 2))))
    else:
        details = Details(as_pixels(data.images), torch.from_numpy(index), device=target)
        tried = torch.arange(8 if turned else 2)[:, None].expand(-1, count)
        hints = [coarse_similarity(details, details, places, mirrored=code % 2 == 1, turns=code // 2) for code in tried]
        codes = torch.stack(hints).argmax(0)
        values = similarity(details, details, places, mirrored=codes % 2 == 1, turns=codes // 2)
    return ComparedImages(
        first=pairs[:, 0],
        second=pairs[:, 1],
        similarity=values.numpy(),
        test=np.full(count, NEAR, dtype=object),
        mirrored=(codes % 2 == 1).numpy(),
        turns=(codes // 2).numpy(),
        threshold=0.0,
    )


def first_copies(image_sha256: np.ndarray) -> np.ndarray:
    """Return the position of the first image with the same pixels, int64 (n,)."""
    _, first, inverse = np.unique(image_sha256.astype(str), return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def tests_of_identical(data: LabeledData, first: np.ndarray, others: LabeledData, second: np.ndarray) -> np.ndarray:
    """Return the strongest test that pairs of samples with the same content pass, object (p,)."""
    one, other = data.file_sha256[first], others.file_sha256[second]
    return np.where((one == other) & (one != ""), BYTES, FEATURES if data.images is None else PIXELS).astype(object)


def compare_candidates(first: Details, second: Details, candidates: Candidates, threshold: float | None) -> ComparedImages:
    """Return the candidates with their pixel similarities, each pair once."""
    values = _values(first, second, candidates)
    if threshold is None:
        threshold = choose_threshold(values[candidates.far.numpy()], len(values))
    order = np.argsort(-values, kind="stable")
    pairs = candidates.pairs.numpy()[order]
    keys = pairs[:, 0] * len(second) + pairs[:, 1]
    once = np.sort(np.unique(keys, return_index=True)[1])  # the better of both orientations, most similar first
    return ComparedImages(
        first=pairs[once, 0],
        second=pairs[once, 1],
        similarity=values[order][once],
        test=np.full(len(once), NEAR, dtype=object),
        mirrored=candidates.mirrored.numpy()[order][once],
        turns=candidates.turns.numpy()[order][once],
        threshold=float(threshold),
    )


def _values(first: Details, second: Details, candidates: Candidates) -> np.ndarray:
    """Return the similarities of the candidates, coarse to fine: refine only the most promising ones."""
    pairs, mirrored, turns = candidates.pairs, candidates.mirrored, candidates.turns
    images = max(len(first), len(second), LEAST_ALIGNED)
    hints = coarse_similarity(first, second, pairs, mirrored=mirrored, turns=turns)
    values = hints.clamp(max=HOPEFUL)  # the estimate is not a bound, so it alone must not make a duplicate
    closest = torch.argsort(hints, descending=True, stable=True)[: CLOSEST * images].sort().values  # read memory in order
    values[closest] = quick_similarity(first, second, pairs[closest], mirrored=mirrored[closest], turns=turns[closest])
    for least, most, compare in ((HOPEFUL, 4, crop_similarity), (PROMISING, 1, similarity)):
        nearer = torch.argsort(values, descending=True, stable=True)[: most * images]
        nearer = nearer[values[nearer] > least].sort().values
        found = compare(first, second, pairs[nearer], mirrored=mirrored[nearer], turns=turns[nearer])
        values[nearer] = torch.maximum(values[nearer], found)
    return values.numpy()


def _joined(one: ComparedImages, other: ComparedImages) -> ComparedImages:
    arrays: dict[str, Any] = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in PER_PAIR}
    return replace(one, **arrays)
