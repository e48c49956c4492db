"""The benchmark of memorization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import memorization, rows


def test_bins_of_a_line() -> None:
    x = np.repeat(np.arange(40.0), 25)
    noise = np.tile([1.0, -1.0, 0.5, -0.5, 0.0], 200)
    found = memorization.binned(x, 3 * x - 2 + noise, bins=10)
    assert sum(found["n"]) == 1_000
    assert len(found["n"]) == 10
    assert found["slope"] == pytest.approx(3, abs=0.01)
    assert found["intercept"] == pytest.approx(-2, abs=0.1)
    assert found["r2_of_bins"] == pytest.approx(1, abs=1e-4)
    assert 0.99 < found["r2"] < 1
    assert found["half_width"][0] > 0


def test_bins_of_few_values_and_of_a_constant() -> None:
    x = np.repeat([0.0, 1.0, 2.0], 50)
    found = memorization.binned(x, np.random.default_rng(0).normal(size=150))
    assert found["x"] == [0, 1, 2]
    assert found["n"] == [50, 50, 50]
    uneven = memorization.binned(np.repeat([0.0, 1.0, 2.0], [2, 3, 95]), np.arange(100.0))
    assert (uneven["n"], uneven["x"]) == ([2, 3, 95], [0, 1, 2])
    flat = memorization.binned(np.ones(30), np.arange(30.0))
    assert (flat["n"], flat["y"], flat["r2"]) == ([30], [14.5], 0)


def test_course_of_the_most_memorized() -> None:
    history = np.array([[1, 2], [3, 5], [5, 9]], dtype=np.float16)
    assert memorization.course(history, np.array([True, False, True])) == {"most": [3.0, 5.5], "others": [3.0, 5.0]}


def test_cells() -> None:
    cells = memorization.cells()
    assert len({str(cell) for cell in cells}) == len(cells) == 1 + 13 + 9
    assert cells[0]["part"] is None


@pytest.mark.slow
def test_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["memorization", str(tmp_path), "--smoke"])
    memorization.main()
    found = {row["cell"]["group"]: row for row in rows.read("smoke/memorization")}
    similarity, dynamics = found["similarity"], found["dynamics"]
    assert {row["score"] for row in similarity["scores"]} >= {"suspicion", "input_curvature", "cumulative_loss"}
    assert set(similarity["relations"]) == {f"{x}, {y}" for x, y in memorization.RELATIONS}
    assert dynamics["membership"]["epochs"] == list(range(1, dynamics["membership"]["epochs"][-1] + 1))
