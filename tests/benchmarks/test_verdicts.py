from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import label_noise, rows, verdicts
from benchmarks.verdict_tables import curvature_table, verdict_table
from benchmarks.verdicts import KINDS, build, foreign_images, telling_apart
from curv_issues.data.arrays import from_arrays


def test_built_samples_are_what_they_are_called() -> None:
    random = np.random.default_rng(0)
    data = from_arrays(random.integers(0, 256, (1_000, 32, 32, 3), dtype=np.uint8), np.arange(1_000) % 4)
    others = from_arrays(random.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8), np.arange(60) % 6)
    built = build(data, others, 0)
    assert np.bincount(built.kind).tolist() == [968, 20, 10, 15, 2]
    changed = (built.data.images[:1_000] != data.images).any(axis=(1, 2, 3))
    kinds = np.array(KINDS)[built.kind]
    assert set(kinds[:1_000][changed]) == {"ambiguous", "outlier"}
    assert (built.data.labels != built.true).tolist() == (kinds == "mislabeled").tolist()
    sizes = np.bincount(built.data.labels)
    assert set(sizes[built.data.labels[kinds == "rare"]]) == {3}
    assert build(data, others, 0).data.fingerprint == built.data.fingerprint != build(data, others, 1).data.fingerprint


def test_foreign_images_are_noise_and_digits() -> None:
    found = foreign_images(np.random.default_rng(0), (4, 16, 16, 3))
    assert (found.shape, found.dtype) == ((4, 16, 16, 3), np.uint8)
    is_digit = [(image[::2, ::2] == image[1::2, 1::2]).all() for image in found]
    assert is_digit == [True, True, False, False]


def test_telling_apart() -> None:
    names = np.array(["rare", "mislabeled", "right", "rare", "mislabeled"])
    scores = {"a": np.array([3.0, 1, 9, 2, 0]), "b": np.array([0.0, 1, 9, 0, 1])}
    assert telling_apart(names, "rare", scores, np.ones(5, dtype=bool)) == {"a": 1.0, "b": 0.0}
    assert telling_apart(names, "rare", scores, names != "rare") == {}
    assert telling_apart(names, "ambiguous", scores, np.ones(5, dtype=bool)) == {}


@pytest.mark.slow
def test_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr(label_noise, "TRAININGS", tmp_path / "trainings")
    monkeypatch.setattr("sys.argv", ["verdicts", str(tmp_path), "--smoke"])
    verdicts.main()
    (result,) = rows.read("smoke/verdicts")
    found = result["ways"]["pixels"]["verdicts"]
    assert {kind: sum(counts.values()) for kind, counts in found.items()} == {k: c for k, c in result["kinds"].items() if c}
    assert max(found["mislabeled"], key=found["mislabeled"].get) == "mislabeled"
    assert found["rare"].get("rare", 0) >= max(found["rare"].get(name, 0) for name in ("mislabeled", "ambiguous", "outlier"))


def test_rows_of_the_tables() -> None:
    scores = {"input_curvature": 0.2, "margin": 0.1, "cumulative_loss": 0.7, "p_wrong": 1.0}
    found = {
        "verdicts": {"right": {"": 90, "rare": 2}, "mislabeled": {"mislabeled": 5, "": 1}},
        "auroc": {"rare": scores, "ambiguous": {}},
        "auroc_of_most_suspect": {"rare": {}, "ambiguous": {}},
    }
    result = {"cell": {"dataset": "cifar10", "truth": "built", "seed": 0}, "ways": {"pixels": found}}
    assert verdict_table([result]).splitlines()[2:] == [
        "| CIFAR-10, built, pixels: right | 1 | 92 | 0 | 0 | 2 | 0 | 90 |",
        "| CIFAR-10, built, pixels: mislabeled | 1 | 6 | 5 | 0 | 0 | 0 | 1 |",
    ]
    assert curvature_table([result]).splitlines()[2:] == [
        "| CIFAR-10, built, pixels: rare or mislabeled | 1 | 0.800 | 0.900 (margin) |  |  |"
    ]
