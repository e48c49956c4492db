from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curv_issues.bench.plots import draw_curves, draw_histograms, draw_plots, draw_rates
from curv_issues.errors import AuditError
from tests.bench.cells import make_cell


def test_files(tmp_path: Path) -> None:
    cells = [make_cell("uniform:0.1"), make_cell("uniform:0.2"), make_cell("none"), make_cell("longtail:10+uniform:0.1")]
    paths = draw_plots(cells, tmp_path / "plots")
    assert sorted(path.name for path in paths) == sorted(
        [
            f"{kind}-{noise}.png"
            for kind in ("curves", "histograms", "curvature")
            for noise in ("uniform-0.1", "uniform-0.2", "longtail-10+uniform-0.1")
        ]
        + ["rates-uniform.png"]
    )
    for path in paths:
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert len(picture.convert("L").getcolors(100_000) or []) > 10  # not empty


def test_curves_show_what_was_measured() -> None:
    cell = make_cell()
    roc, precision = draw_curves(cell).axes
    assert [line.get_label() for line in roc.lines] == ["default", "margin"]
    assert roc.lines[0].get_xydata().tolist() == cell["methods"]["default"]["curves"]["roc"]
    assert precision.lines[1].get_xydata().tolist() == cell["methods"]["margin"]["curves"]["precision_recall"]


def test_a_histogram_for_every_method() -> None:
    cell = make_cell(methods=("default", "margin", "el2n", "forgetting", "residual"))
    titles = [axis.get_title() for axis in draw_histograms(cell).axes if axis.get_title()]
    assert titles == list(cell["methods"])


def test_rates_are_means_over_the_seeds() -> None:
    rates = {rate: [make_cell(f"uniform:{rate}", seed=seed) for seed in (0, 1)] for rate in (0.2, 0.1)}
    (axis,) = draw_rates(rates).axes
    found = dict(axis.lines[0].get_xydata().tolist())
    assert list(found) == [0.1, 0.2]
    aurocs = [cell["methods"]["default"]["detection"]["auroc"] for cell in rates[0.1]]
    assert abs(found[0.1] - sum(aurocs) / 2) < 1e-12


def test_a_path_is_no_formula_and_a_failed_method_no_line(tmp_path: Path) -> None:
    cells = [make_cell(f"uniform:{rate}") for rate in (0.1, 0.2, 0.3)]
    cells[1]["methods"]["margin"] |= dict.fromkeys(("detection", "curves", "histogram"))
    for cell in cells:
        cell["cell"]["dataset"]["source"] = "pay$\\frac$here\x1b\udcff"
    assert len(draw_plots(cells, tmp_path / "plots")) == 3 * 3 + 1


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("in the way")
    with pytest.raises(AuditError, match="cannot be written"):
        draw_plots([make_cell()], tmp_path / "plots")
