from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import label_noise, rows
from benchmarks.noise_tables import label_noise_table


@pytest.mark.slow
def test_a_small_run_fills_a_row_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["label_noise", str(tmp_path), "--smoke"])
    label_noise.main()
    (result,) = rows.read("smoke/label_noise")
    assert result["rankings"]["default"]["auroc"] > 0.99
    assert result["flagged"]["0.7"]["flagged"] >= result["flagged"]["0.9"]["flagged"] > 0
    assert result["suggested_right"]["default"] > 0.9
    assert 0 <= result["calibration_error"] < 0.05
    header, _, row = label_noise_table([result]).splitlines()
    assert row.startswith("| digits, uniform:0.1 | 1 | ")
    assert row.count("|") == header.count("|")


def test_a_row_without_errors_counts_flags() -> None:
    nothing = {"wrong": 0, "flagged": 3, "hits": 0, "precision": 0.0, "recall": None}
    result = {
        "cell": {"dataset": "digits", "noise": "none", "seed": 0},
        "wrong": 0,
        "estimated": 2.4,
        "rankings": {},
        "flagged": {name: {**nothing, "flagged": 3 * (name == "auto")} for name in ("auto", "without", "0.9", "0.8", "0.7")},
        "calibration_error": 0.001,
        "suggested_right": {"default": None, "without": None},
    }
    row = label_noise_table([result]).splitlines()[2]
    assert row == "| digits, none | 1 |  |  |  | 3 flagged | 0 flagged | 0, 0, 0 | 0.001 | 0, 2 |  |  |"


def test_calibration_error_matches_a_slow_version() -> None:
    rng = np.random.default_rng(0)
    p_wrong = np.append(rng.random(200) ** 3, [0.0, 1.0])
    is_error = rng.random(202) < p_wrong**2
    total = 0.0
    for low in range(10):
        inside = (p_wrong * 10 >= low) & ((p_wrong * 10 < low + 1) | (low == 9))
        if inside.any():
            total += inside.sum() / 202 * abs(p_wrong[inside].mean() - is_error[inside].mean())
    assert label_noise.calibration_error(is_error, p_wrong) == pytest.approx(total)
