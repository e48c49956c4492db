from __future__ import annotations

from typing import Any

from benchmarks.feature_tables import backbone_table
from benchmarks.study_tables import NOTHING


def photos(noise: str, aurocs: dict[str, float], **part: None) -> dict[str, Any]:
    ways = {way: {"rankings": {"default": {"auroc": auroc, "average_precision": auroc / 2}}} for way, auroc in aurocs.items()}
    return {"cell": {"dataset": "clothing", "noise": noise, "seed": 0, **part}, "ways": ways}


def test_backbone_table() -> None:
    assert backbone_table([]) == NOTHING
    aurocs = {"pixels": 0.5, "features": 0.9, "both": 0.94}
    others = [photos("uniform:0.1", aurocs), photos("uniform:0.05", dict.fromkeys(aurocs, 0.1), part=None)]
    table = backbone_table([photos("uniform:0.05", aurocs), *others]).splitlines()
    assert table[2:] == ["| clothing photos, uniform:0.05 | 1 | 0.900 / 0.450 | 0.940 / 0.470 | 0.500 / 0.250 |"]
