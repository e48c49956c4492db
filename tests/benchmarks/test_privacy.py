"""The benchmark of differential privacy."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import privacy, rows


def test_cells() -> None:
    cells = privacy.cells()
    assert len({str(cell) for cell in cells}) == len(cells) == 21
    assert {cell["epsilon"] for cell in cells} == {1, 2, 4, 8, 16, 32, None}


@pytest.mark.slow
def test_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opacus", reason="needs the extra privacy")
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["privacy", str(tmp_path), "--smoke"])
    privacy.main()
    found = {row["cell"]["epsilon"]: row for row in rows.read("smoke/privacy")}
    assert found[None]["privacy"] is None
    assert found[8]["privacy"]["epsilon"] <= 8
    assert found[None]["accuracy"]["trained"] > found[8]["accuracy"]["trained"]
    assert set(found[8]["means"]) == {"memorization", "curvature", "loss"}
