"""The plots of memorization and privacy: what they show, and whether the files are those of the results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks import memorization_plots as plots
from tests.benchmarks import needs_results

PAGE = Path(plots.__file__).parents[1] / "docs" / "memorization.md"


@needs_results
@pytest.mark.parametrize("name", plots.PLOTS)
def test_files_show_the_committed_results(name: str) -> None:
    assert plots.stored_hash(name) == plots.hash_of(plots.PLOTS[name]()), "run python -m benchmarks.memorization_plots"


@needs_results
def test_the_page_shows_every_plot() -> None:
    assert set(re.findall(r"\(images/(memorization-[\w-]+\.png)\)", PAGE.read_text())) == {
        plots.path_of(name).name for name in plots.PLOTS
    }


def test_bins_and_line() -> None:
    axes = Figure().subplots()
    plots.draw_bins(axes, {"x": [1, 2], "y": [3, 5], "half_width": [0.5, 1], "slope": 2, "intercept": 1})
    line = axes.get_lines()[-1]
    np.testing.assert_allclose(line.get_xydata(), [[1, 3], [2, 5]])
    (segments,) = [bars.get_segments() for bars in axes.collections]
    np.testing.assert_allclose([segment[:, 1] for segment in segments], [[2.5, 3.5], [4, 6]])


def cell(values: list[float]) -> dict[str, Any]:
    """Return a row with the correlation of curvature by epoch."""
    entry = {"quantity": "input_curvature", "kind": "epoch", "samples": "all"}
    others = [
        {**entry, "epoch": 1, "spearman": 9.0, **change}
        for change in ({"samples": "top"}, {"kind": "cumulative"}, {"quantity": "loss"})
    ]
    return {"by_epoch": [*others, *({**entry, "epoch": epoch, "spearman": value} for epoch, value in enumerate(values, 1))]}


def test_correlations_are_averaged_over_the_seeds() -> None:
    epochs, values = plots.followed([cell([0.1, 0.2]), cell([0.3, 0.6])], "input_curvature", "epoch")
    assert epochs == [1, 2]
    np.testing.assert_allclose(values, [0.2, 0.4])


def test_the_hash_is_that_of_the_numbers() -> None:
    def figure(values: list[float]) -> Figure:
        made = Figure()
        made.subplots().plot([1, 2], values)
        return made

    assert plots.hash_of(figure([1, 2])) == plots.hash_of(figure([1, 2]))
    assert plots.hash_of(figure([1, 2])) != plots.hash_of(figure([1, 2.1]))
