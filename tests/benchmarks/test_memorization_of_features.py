"""The benchmark of the estimator of memorization on features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import memorization_of_features as benchmark
from benchmarks import rows
from curv_issues.baselines.memorization import memorization_scores
from curv_issues.baselines.splits import balanced_subsets


def drawn(networks: int, *, seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return what networks predict that are right with 0.9 on samples they are trained on, else with 0 to 0.9."""
    random = np.random.default_rng(seed)
    is_trained = balanced_subsets(n, networks, 280, generator=random)
    chance = np.where(is_trained, 0.9, np.linspace(0, 0.9, n))
    return random.random(is_trained.shape) < chance, is_trained


def test_the_standard_error_is_the_deviation_over_repetitions() -> None:
    repeated = [drawn(60, seed=seed) for seed in range(200)]
    deviation = np.std([memorization_scores(*one) for one in repeated], axis=0)
    errors = np.mean([benchmark.standard_errors(*one) for one in repeated], axis=0)
    assert errors.mean() == pytest.approx(deviation.mean(), rel=0.05)
    np.testing.assert_allclose(errors[20:-20], deviation[20:-20], rtol=0.3)


def test_more_networks_agree_more() -> None:
    is_correct, is_trained = drawn(200, seed=0)
    reference = np.linspace(0.9, 0, 400)
    few, many, all_of_them = (benchmark.of_networks(is_correct, is_trained, count, reference) for count in (10, 100, 200))
    assert few["standard_error"] > 2 * many["standard_error"]
    assert few["spearman_with_as_many_others"] < many["spearman_with_as_many_others"]
    assert few["spearman_with_reference"] < many["spearman_with_reference"] < all_of_them["spearman_with_reference"]
    assert "spearman_with_as_many_others" not in all_of_them


@pytest.mark.slow
def test_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr(benchmark, "TRAININGS", tmp_path / "trainings")
    monkeypatch.setattr("sys.argv", ["memorization_of_features", str(tmp_path), "--smoke"])
    benchmark.main()
    (row,) = rows.read("smoke/memorization")
    assert [found["networks"] for found in row["by_networks"]] == [10, 20]
    assert row["accuracy"]["trained"] > row["accuracy"]["held_out"]
    (kept,) = (tmp_path / "trainings").iterdir()
    before = kept.read_bytes()
    benchmark.main()  # reads the kept networks
    assert kept.read_bytes() == before
    assert rows.read("smoke/memorization")[0]["by_networks"] == row["by_networks"]
