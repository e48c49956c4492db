"""Committed results stay valid: the same seed gives the labels and subsets of the code that made them (commit 83a223d)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from benchmarks import common
from curv_issues.noise.demo import digits_with_errors
from curv_issues.noise.long_tail import long_tailed
from curv_issues.noise.spec import apply_noise, parse_noise
from curv_issues.noise.uniform import flip_labels
from tests.small import make_data

BALANCED = np.arange(50_000) % 10
UNEVEN = np.repeat(np.arange(7), [1, 2, 3, 50, 400, 1000, 77])


def sha256(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(np.ascontiguousarray(values).astype("<i8").tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("labels", "rate", "num_classes", "seed", "expected"),
    [
        (BALANCED, 0.1, 10, 0, "e2e42a5f8da6842ef58b7bdcf7b9d7c447765164ec2d5cb1caf1ce99c67863bd"),
        (BALANCED, 0.4, 10, 2, "d2a24cf035f62c593bac3038a75b0c35554463d51abb5cd9146564665b51a019"),
        (UNEVEN, 0.05, 9, 1, "1684d2dcfdd8d8e6d4336f356887ad533286be9a88d430a32958b017ca2a596f"),
        (UNEVEN, 1.0, None, 3, "5988be40343630e5681b44e1f8f790ba7baef9bbd911e49895ef9faea5f6a8ab"),
    ],
)
def test_flips(labels: np.ndarray, rate: float, num_classes: int | None, seed: int, expected: str) -> None:
    assert sha256(*flip_labels(labels, rate, num_classes=num_classes, seed=seed)) == expected


@pytest.mark.parametrize(
    ("size", "seed", "expected"),
    [
        (100, 0, "39a37fab53eae2fc09782d51662c516f1fcf6e75fec5d130b20f302836a326c1"),
        (333, 2, "9bbf785ddecb81ebbbfdb7867f52575e9e013e39edc34e8dc940094ae1c82f12"),
    ],
)
def test_stratified_parts(size: int, seed: int, expected: str) -> None:
    assert sha256(common.stratified(make_data(1200, 4), size, seed).rows) == expected


@pytest.mark.parametrize(
    ("ratio", "seed", "expected"),
    [
        (100, 0, "fa846ad51c076d462472b5a05d62afbe4b674b22fb5a1ac70f055817f33ee9f2"),
        (10, 1, "f01403eab94aa633e62bec06ec752b5b9aefbcb48bb60eff781df66bde465d62"),
        (2.5, 7, "e17d3eaec30d2bdb22fed9ff326e5d2074bb7523f24a5f0d976980b799e0cb45"),
    ],
)
def test_long_tails(ratio: float, seed: int, expected: str) -> None:
    assert sha256(long_tailed(make_data(1200, 4), ratio, seed=seed).rows) == expected


def test_a_long_tail_with_flips() -> None:
    expected = "01bfef25ca8ad9266c874d6799bbb184fd34ce258b75e5a230fbc421733c4c60"
    planted = apply_noise(make_data(1200, 4), parse_noise("longtail:100+uniform:0.1"), seed=5)
    assert sha256(planted.data.rows, planted.data.labels, planted.is_error) == expected
    noisy, truth = common.plant(long_tailed(make_data(1200, 4), 100, seed=5), 0.1, 5)
    assert sha256(noisy.rows, noisy.labels, truth) == expected


def test_ten_classes() -> None:
    rows = common.ten_classes(make_data(120, 20), 1).rows
    assert sha256(rows) == "82a8f5076b682b623ac81e24f96cb5fd32e1da4101a1644eac46c5246d1365f7"


def test_digits() -> None:
    data, is_flipped, _ = digits_with_errors(rate=0.05, seed=1)
    clean = digits_with_errors(rate=0)[0]
    noisy, truth = common.plant(clean, 0.05, 1)
    for labels, found in ((data.labels, is_flipped), (noisy.labels, truth)):
        assert sha256(labels, found) == "8c574b7c7a859bc8fd67c10ebaf710c23187163e8b0fd0033772e9c080f0f79f"
