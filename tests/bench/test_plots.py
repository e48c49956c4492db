from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from curv_issues.bench.metrics import curves, histogram
from curv_issues.bench.plots import draw_curvature, draw_curves, draw_histograms, draw_plots, draw_rates
from curv_issues.errors import AuditError
from tests.bench.cells import make_cell


def test_files_of_plots(tmp_path: Path) -> None:
    cells = [make_cell("uniform:0.1"), make_cell("uniform:0.2"), make_cell("none"), make_cell("longtail:10+uniform:0.1")]
    plots = draw_plots(cells, tmp_path / "plots")
    assert [plot.noise for plot in plots] == ["uniform:0.1"] * 3 + ["uniform:0.2"] * 3 + ["longtail:10+uniform:0.1"] * 3 + [None]
    paths = [plot.path for plot in plots]
    assert sorted(path.name for path in paths) == sorted(
        [
            f"{kind}-{noise}.png"
            for kind in ("curves", "histograms", "curvature")
            for noise in ("uniform-0.1", "uniform-0.2", "longtail-10+uniform-0.1")
        ]
        + ["rates-uniform.png"]
    )
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 200
            assert len(image.convert("L").getcolors(100_000) or []) > 10  # not empty


def test_curves_show_what_was_measured() -> None:
    cell = make_cell()
    roc, precision = draw_curves(cell).axes
    assert [line.get_label() for line in roc.lines] == ["default", "margin", "chance"]
    assert roc.lines[0].get_xydata().tolist() == cell["methods"]["default"]["curves"]["roc"]
    assert roc.lines[2].get_xydata().tolist() == [[0, 0], [1, 1]]
    (margin,) = (line for line in precision.lines if line.get_label() == "margin")
    measured = cell["methods"]["margin"]["curves"]["precision_recall"]
    shown = margin.get_xydata().tolist()
    assert shown == measured[: len(shown)]
    assert [recall for recall, _ in shown].index(1.0) == len(shown) - 1
    assert margin.get_drawstyle() == "steps-pre"


def test_tied_scores_give_one_point_per_value() -> None:
    """With two values, the first point is precision 1/2 at recall 1/2, not precision 1 at a lower recall."""
    truth, values = np.arange(8) < 4, np.array([1.0, 1, 0, 0, 1, 1, 0, 0])
    cell = make_cell()
    cell["methods"]["default"]["curves"] = curves(truth, values)
    line = draw_curves(cell).axes[1].lines[0]
    assert line.get_xydata().tolist() == [[0.5, 0.5], [1.0, 0.5]]


def test_every_method_has_a_histogram() -> None:
    cell = make_cell(methods=("default", "margin", "el2n", "forgetting", "residual"))
    titles = [axis.get_title() for axis in draw_histograms(cell).axes if axis.get_title()]
    assert titles == list(cell["methods"])


def test_histograms_mark_the_suspect_end_and_use_the_scale_of_their_bins() -> None:
    cell = make_cell()
    truth, values = np.arange(200) < 20, np.geomspace(1e-4, 10, 200)
    cell["methods"]["margin"] |= {"direction": "low", "histogram": histogram(truth, values)}
    default, margin = draw_histograms(cell).axes[:2]
    (mark,), (mark_of_margin,) = default.texts, margin.texts
    assert (mark.get_text(), mark_of_margin.get_text()) == ("suspect →", "← suspect")
    assert mark.get_position()[0] > 0.5 > mark_of_margin.get_position()[0]
    assert (default.get_xscale(), margin.get_xscale()) == ("linear", "log")


@pytest.mark.parametrize("draw", [draw_curves, draw_histograms, draw_curvature])
def test_legends_are_beside_the_plots_and_titles_without_folders(draw: Callable[[dict[str, Any]], Figure]) -> None:
    cell = make_cell("file:/home/me/labels.csv:worst")
    cell["cell"]["dataset"]["source"] = "/home/me/photos/"
    figure = draw(cell)
    assert [axis.get_legend() for axis in figure.axes] == [None] * len(figure.axes)
    assert len(figure.legends) == 1
    assert figure.get_suptitle() == "photos, file:labels.csv:worst, seed 0"


def test_rates_are_means_over_the_seeds() -> None:
    rates = {rate: [make_cell(f"uniform:{rate}", seed=seed) for seed in (0, 1)] for rate in (0.2, 0.1)}
    (axis,) = draw_rates(rates).axes
    found = dict(axis.lines[0].get_xydata().tolist())
    assert list(found) == [0.1, 0.2]
    aurocs = [cell["methods"]["default"]["detection"]["auroc"] for cell in rates[0.1]]
    assert found[0.1] == pytest.approx(np.mean(aurocs))
    bar = axis.containers[0].lines[2][0].get_segments()[0]  # from below to above the mean
    assert bar[:, 1].tolist() == pytest.approx([np.mean(aurocs) - np.std(aurocs, ddof=1), np.mean(aurocs) + np.std(aurocs, ddof=1)])
    assert axis.get_title() == "digits, mean ± standard deviation over 2 seeds"


def test_paths_with_dollar_signs_and_failed_methods_are_drawn(tmp_path: Path) -> None:
    cells = [make_cell(f"uniform:{rate}") for rate in (0.1, 0.2, 0.3)]
    cells[1]["methods"]["margin"] |= dict.fromkeys(("detection", "curves", "histogram"))
    for cell in cells:
        cell["cell"]["dataset"]["source"] = "pay$\\frac$here\x1b\udcff"
    assert len(draw_plots(cells, tmp_path / "plots")) == 3 * 3 + 1


def test_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("in the way")
    with pytest.raises(AuditError, match="cannot be written"):
        draw_plots([make_cell()], tmp_path / "plots")
