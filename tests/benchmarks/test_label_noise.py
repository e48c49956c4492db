from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import label_noise, rows
from benchmarks.noise_tables import count_table, flag_table, main_table, ranking_table


@pytest.mark.slow
def test_a_small_run_fills_a_row_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr(label_noise, "TRAININGS", tmp_path / "trainings")
    monkeypatch.setattr("sys.argv", ["label_noise", str(tmp_path), "--smoke"])
    label_noise.main()
    (result,) = rows.read("smoke/label_noise")
    found = result["ways"]["pixels"]
    assert found["rankings"]["default"]["auroc"] > 0.99
    assert found["flagged"]["0.7"]["flagged"] >= found["flagged"]["0.9"]["flagged"] > 0
    assert found["suggested_right"]["default"] > 0.9
    assert 0 <= found["calibration_error"] < 0.05
    assert found["estimate"]["low"] <= result["wrong"] <= found["estimate"]["high"]
    for table in (ranking_table, flag_table, count_table):
        header, _, row = table([result]).splitlines()
        assert row.startswith("| digits, uniform:0.1 | 1 | ")
        assert row.count("|") == header.count("|")
    trained = next((tmp_path / "trainings").iterdir()).stat().st_mtime_ns
    label_noise.main()  # from the kept training
    assert next((tmp_path / "trainings").iterdir()).stat().st_mtime_ns == trained


def test_rows_of_the_tables() -> None:
    def flagged(hits: int, count: int) -> dict[str, Any]:
        return {"wrong": 10, "flagged": count, "hits": hits, "precision": hits / max(count, 1), "recall": hits / 10}

    rankings = {
        name: {"auroc": 0.9, "average_precision": 0.5} for name in ("default", "without", "p_wrong", "with_curvature", "margin")
    }
    found = {
        "rankings": {**rankings, "cumulative_loss": {"auroc": 0.95, "average_precision": 0.4}},
        "flagged": {
            "auto": flagged(8, 10),
            "without": flagged(0, 0),
            "0.9": flagged(5, 5),
            "0.8": flagged(5, 5),
            "0.7": flagged(5, 5),
        },
        "calibration_error": 0.01,
        "estimate": {"num_errors": 12.4, "low": 8.0, "high": 15.0},
        "answers": [{"estimate": {"num_errors": 9.0, "low": 7.0, "high": 9.5}, "flagged": flagged(9, 12)}],
        "suggested_right": {"default": 0.7, "without": 0.6},
    }
    result = {
        "cell": {"dataset": "cifar10", "noise": "file:cifar10n.parquet:worst", "seed": 0},
        "wrong": 10,
        "ways": {"pixels": found},
    }
    start = "| CIFAR-10, worst | 1 | "
    single = "0.950 / 0.400 (cumulative_loss)"
    assert ranking_table([result]).splitlines()[2] == f"{start}{'0.900 / 0.500 | ' * 4}{single} | 0.700 | 0.600 |"
    assert flag_table([result]).splitlines()[2] == f"{start}0.80 (0.80) | 0 flagged | {'1.00 (0.50) | ' * 3}0.75 (0.90) |"
    assert count_table([result]).splitlines()[2] == f"{start}0.010 | 10 | 12 | 8 | 15 | 1 of 1 | 9 ± 0 | 0 of 1 |"
    both = {**result, "ways": {"pixels": found, "both": {**found, "rankings": {}}}}
    assert [row.split(" | ")[0] for row in flag_table([both]).splitlines()[2:]] == [
        "| CIFAR-10, worst, pixels",
        "| CIFAR-10, worst, both",
    ]
    assert len(ranking_table([both]).splitlines()) == 3
    whole = {**result, "cell": {**result["cell"], "part": None}, "n": 50_000}
    assert flag_table([whole]).splitlines()[2].startswith("| CIFAR-10, worst, n = 50,000 | 1 | ")
    with_features = {**whole, "ways": {"pixels": found, "features": found, "both": found}}
    assert main_table([result, with_features]).splitlines()[2:] == [
        "| CIFAR-10, those of people, worst of three (40%) | 50,000 | 1 | 0.900 | 0.500 | 0.80 | 0.80 | 0.70 |",
        "| CIFAR-10, those of people, worst of three (40%), with features | 50,000 | 1 | 0.900 | 0.500 | 0.80 | 0.80 | 0.70 |",
    ]


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
