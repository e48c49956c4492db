"""The benchmark of the images of test sets: a small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import held_out_images, rows


def test_fractions_of_the_highest_and_of_all() -> None:
    found = held_out_images.fractions(np.array([True, False, False, True]), np.array([0, 1]))
    assert found == {"highest": 0.5, "all": 0.5}
    assert held_out_images.fractions(np.array([True, False, False, False]), np.array([1, 2])) == {"highest": 0.0, "all": 0.25}


def test_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    found = held_out_images.measure({"dataset": "digits", "seed": 0}, Path("nowhere"))
    assert len(set(found["rows"])) == len(found["given"]) == 60
    data, test = held_out_images.split({"dataset": "digits", "seed": 0}, Path("nowhere"))
    assert set(found["rows"]) <= set(test.rows.tolist())
    assert not set(data.rows.tolist()) & set(test.rows.tolist())
    assert len(data) + len(test) == 1_797
    assert found["median_curvature"]["highest"] > found["median_curvature"]["all"]
    assert found["wrong"]["highest"] >= found["wrong"]["all"]
    assert (found["auroc_of_wrong"] is None) == (found["wrong"]["all"] == 0)
    assert (tmp_path / "smoke" / "highest-test-digits.jpg").exists()
