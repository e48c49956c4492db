from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import duplicate_tables
from benchmarks.duplicate_tables import by_eye, leakage_table, natural_table, scale_table


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "verdicts.csv"
    path.write_text("sheet,rows,same,remark\nnatural-mnist,3 8,yes,\nnatural-mnist,1 2 5,no,two sevens\nagainst-cifar10,8 3,yes,\n")
    monkeypatch.setattr(duplicate_tables, "VERDICTS", path)


def natural(*groups: list[int]) -> dict[str, Any]:
    return {
        "cell": {"group": "natural", "dataset": "mnist", "seed": 0},
        "threshold": 0.95,
        "groups": [{"rows": list(rows), "given": [], "similarity": 1.0} for rows in groups],
        "same_label_groups": 1_234,
    }


@pytest.mark.usefixtures("judged")
def test_verdicts_by_eye() -> None:
    assert by_eye("natural-mnist", [(3, 8), (1, 2, 5)]) == "1 of 2"
    assert by_eye("natural-mnist", [(3, 8), (8, 3)]) == "1 of 1, 1 not looked at"
    assert by_eye("natural-mnist", []) == "0 of 0"
    assert natural_table([natural([3, 8], [1, 2, 5], [4, 9])]).splitlines()[2:] == [
        "| MNIST | 0.950 | 3 | 1 of 2, 1 not looked at | 1,234 |"
    ]


@pytest.mark.usefixtures("judged")
def test_pairs_across_splits() -> None:
    cell = {
        "cell": {"group": "against", "dataset": "cifar10"},
        "threshold": 0.9,
        "pairs": 1_500,
        "test_pictures": 1_200,
        "differing_labels": 0,
        "sample": [[8, 3, 0.99, False]],
        "recall_by_judgment": {"1": [0.916, 249]},
    }
    assert leakage_table([cell]).splitlines()[2:] == [
        "| pairs found (threshold 0.900) | 1,500 |",
        "| test images among them | 1,200 |",
        "| pairs with differing labels | 0 |",
        "| right by eye, of 1 random pairs | 1 of 1 |",
        "| found of the 249 pairs that people judged as 1 | 0.916 |",
    ]


def test_search_times_are_relative_to_the_smallest_dataset() -> None:
    def cell(n: int, **seconds: float) -> dict[str, Any]:
        stages = {name: {"details": value, "candidates": value, "comparison": 0.0} for name, value in seconds.items()}
        searches = {name: {"processor_seconds": found} for name, found in stages.items()}
        return {"cell": {"group": "scale", "n": n}, "searches": searches, "recall_of_exact": 0.9951}

    lines = scale_table([cell(500_000, approximate=30, exact=200), cell(50_000, approximate=3, exact=4)]).splitlines()
    assert lines[2:] == [
        "| 50,000 | approximate | 3 s | 3 s | 0 s | 6 s | 1.0 | 0.9951 |",
        "| 50,000 | exact | 4 s | 4 s | 0 s | 8 s | 1.0 |  |",
        "| 500,000 | approximate | 30 s | 30 s | 0 s | 60 s | 10.0 | 0.9951 |",
        "| 500,000 | exact | 200 s | 200 s | 0 s | 400 s | 50.0 |  |",
    ]


def test_highest_curvatures_by_seed() -> None:
    def cell(setting: str, seed: int, members: int, count: int) -> dict[str, Any]:
        scores = {"input_curvature": {"count": count}, "label_contrast": {"count": count + 1}}
        return {"cell": {"group": "highest", "setting": setting, "seed": seed}, "members": members, "scores": scores}

    table = duplicate_tables.highest_table([cell("long", 1, 52, 3), cell("recipe", 0, 50, 0), cell("long", 0, 51, 2)])
    assert table.splitlines()[2:] == ["| recipe | 50 | 0 | 1 |", "| long | 51, 52 | 2, 3 | 3, 4 |"]
