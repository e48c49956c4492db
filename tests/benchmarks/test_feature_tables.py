from __future__ import annotations

from typing import Any

from benchmarks.feature_tables import backbone_table
from benchmarks.study_tables import NOTHING


def photos(chosen: str, auroc: float, *, group: str = "photos") -> dict[str, Any]:
    found = {"auroc": auroc, "average_precision": auroc / 2}
    return {
        "cell": {"group": group, "dataset": "clothing", "noise": "uniform:0.05", "input": chosen},
        "methods": {"default": {"detection": found}, "margin": {"detection": {"auroc": 0.5, "average_precision": 0.1}}},
    }


def test_backbone_table() -> None:
    assert backbone_table([]) == NOTHING
    cells = [photos("features", 0.9), photos("both", 0.94), photos("features", 0.7, group="fine_tuning")]
    assert (
        backbone_table(cells).splitlines()[-1]
        == "| clothing photos, uniform:0.05 | 1 | 0.900 / 0.450 | 0.940 / 0.470 | 0.500 / 0.100 |"
    )
