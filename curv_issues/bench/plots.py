"""Plot a benchmark from its cells. Needs matplotlib, which the extra `plots` installs."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curv_issues.bench.results import writing
from curv_issues.bench.table import by_noise
from curv_issues.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 8
COLUMNS = 4  # of histograms
COLOURS = {"right": "tab:blue", "wrong": "tab:red"}
LEGENDS = {"right": "correct labels", "wrong": "planted errors"}
SUSPECT = {"high": ("suspect \N{RIGHTWARDS ARROW}", 0.98, "right"), "low": ("\N{LEFTWARDS ARROW} suspect", 0.02, "left")}
"""By direction of a score: the mark at the suspect end of its histogram, its position and its alignment."""


class Plot(NamedTuple):
    """A written plot.

    Attributes:
        path: the PNG file.
        title: title in one line.
        noise: noise of the cells that it shows; None: several.
    """

    path: Path
    title: str
    noise: str | None


def can_draw() -> bool:
    """Return whether matplotlib is installed."""
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError:
        return False
    return True


def draw_plots(results: Sequence[dict[str, Any]], folder: Path) -> list[Plot]:
    """Write all plots of the cells as PNG files, and return them.

    `curves`: ROC and precision-recall by method. `histograms`: the scores of correct samples and planted errors, as in figure
    5 of Garg et al. 2023. `curvature`: curvature over the epochs, as in their figures 6 and 8. These show the first seed, in
    one file per noise. `rates`: AUROC over the noise rate, mean and standard deviation over the seeds, if a kind has several.
    """
    written = []
    for noise, cells in by_noise(results).items():
        if cells[0]["methods"]["default"]["curves"] is None:
            continue  # nothing was planted
        slug = re.sub(r"[^\w.+-]+", "-", noise)[-60:]
        for name, title, draw in (
            ("curves", "ROC and precision-recall curves", draw_curves),
            ("histograms", "Histograms of the scores", draw_histograms),
            ("curvature", "Input curvature by epoch", draw_curvature),
        ):
            written.append(Plot(_save(draw(cells[0]), folder / f"{name}-{slug}.png"), title, noise))
    for kind, rates in _by_kind(results).items():
        if len(rates) > 1:
            written.append(Plot(_save(draw_rates(rates), folder / f"rates-{kind}.png"), f"AUROC by noise rate, {kind}", None))
    return written


def draw_curves(cell: dict[str, Any]) -> Figure:
    """Draw the ROC and precision-recall curves of the methods with the highest AUROC."""
    figure, ((roc, precision),) = _figure(1, 2, (12, 4.6))
    for name in _best(cell):
        curves = cell["methods"][name]["curves"]
        (line,) = roc.plot(*np.array(curves["roc"]).T, label=name)
        # With ties, recall moves in steps, and the precision between two points is that of the second.
        points = np.array(curves["precision_recall"])
        points = points[: np.searchsorted(points[:, 0], 1.0) + 1]  # precision only falls after full recall
        precision.plot(*points.T, drawstyle="steps-pre", color=line.get_color(), label=name)
        precision.plot(*points[0], "o", color=line.get_color(), markersize=4)
    roc.plot([0, 1], [0, 1], "--", color="grey", linewidth=1, label="chance")
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    precision.set(xlabel="recall", ylabel="precision", title="Precision and recall", xlim=(-0.02, 1.02), ylim=(0, 1.02))
    _legend_beside(figure, roc)
    return _titled(figure, cell)


def draw_histograms(cell: dict[str, Any]) -> Figure:
    """Draw the histograms of all scores, of correct samples and of planted errors, each with maximum height 1."""
    names = [name for name, method in cell["methods"].items() if method["histogram"] is not None]
    figure, axes = _figure(-(-len(names) // COLUMNS), COLUMNS, (3.2 * COLUMNS + 1.5, 2.2 * -(-len(names) // COLUMNS) + 0.4))
    for axis, name in zip(axes.flat, names, strict=False):
        _draw_histogram(axis, cell["methods"][name], name)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    _legend_beside(figure, axes.flat[0])
    return _titled(figure, cell)


def draw_curvature(cell: dict[str, Any]) -> Figure:
    """Draw the mean curvature of correct samples and of planted errors by epoch, and its AUROC."""
    by_epoch = cell["curvature_by_epoch"]
    epochs = np.arange(1, len(by_epoch["auroc"]) + 1)
    figure, ((mean, auroc),) = _figure(1, 2, (11, 4))
    for kind, color in COLOURS.items():
        mean.plot(epochs, _numbers(by_epoch[kind]), "o-", color=color, label=LEGENDS[kind])
    mean.set(xlabel="epoch", ylabel="mean input curvature", yscale="log", title="Curvature over training")
    _legend_beside(figure, mean)
    auroc.plot(epochs, _numbers(by_epoch["auroc"]), "o-", color="black")
    auroc.set(xlabel="epoch", ylabel="AUROC of that epoch's curvature", title="Detection by a single epoch")
    return _titled(figure, cell)


def draw_rates(rates: dict[float, list[dict[str, Any]]]) -> Figure:
    """Draw AUROC over the noise rate: mean over the seeds, with bars of one standard deviation if there are several."""
    figure, axes = _figure(1, 1, (8.5, 4.6))
    axis = axes.item()
    ordered = sorted(rates)
    first = rates[ordered[0]][0]
    for name in _best(first):
        means, deviations = zip(*(_mean_auroc(rates[rate], name) for rate in ordered), strict=True)
        axis.errorbar(ordered, means, yerr=deviations, fmt="o-", capsize=3, label=name)
    axis.set(xlabel="noise rate", ylabel="AUROC")
    seeds = max(map(len, rates.values()))
    spread = f", mean ± standard deviation over {seeds} seeds" if seeds > 1 else ""
    axis.set_title(visible(f"{_short(first['cell']['dataset']['source'])}{spread}"), fontsize=10, parse_math=False)
    _legend_beside(figure, axis)
    return figure


def _mean_auroc(cells: Sequence[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return mean and standard deviation over the cells in which the method did not fail; NaN and 0 if undefined."""
    found = [cell["methods"][name]["detection"] for cell in cells]
    values = [detection["auroc"] for detection in found if detection]
    return float(np.mean(values or [np.nan])), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _best(cell: dict[str, Any]) -> list[str]:
    """Return the default and the methods with the highest AUROC."""
    others = [name for name, method in cell["methods"].items() if name != "default" and method["detection"] is not None]
    others.sort(key=lambda name: -cell["methods"][name]["detection"]["auroc"])
    return ["default", *others[: MOST_LINES - 1]]


def _by_kind(results: Sequence[dict[str, Any]]) -> dict[str, dict[float, list[dict[str, Any]]]]:
    """Return the cells with planted errors whose noise ends in a rate, by kind and rate."""
    found: dict[str, dict[float, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        kind, _, rate = result["cell"]["noise"].rpartition(":")
        if re.fullmatch(r"[0-9.e-]+", rate) and result["methods"]["default"]["detection"] is not None:
            found[re.sub(r"[^\w.+-]+", "-", kind)][float(rate)].append(result)
    return found


def _draw_histogram(axis: Axes, method: dict[str, Any], name: str) -> None:
    """Draw the histogram of one score."""
    edges = np.array(method["histogram"]["edges"])
    for kind, color in COLOURS.items():
        counts = np.array(method["histogram"][kind], dtype=float)
        heights = counts / max(1.0, counts.max())
        axis.stairs(heights, edges, fill=True, alpha=0.5, color=color, label=LEGENDS[kind])
    if edges[-1] - edges[-2] > 1.01 * (edges[1] - edges[0]):
        axis.set_xscale("log")  # the bins are logarithmic
    mark, place, alignment = SUSPECT[method["direction"]]
    axis.text(place, 0.97, mark, transform=axis.transAxes, ha=alignment, va="top", fontsize=7)
    axis.set_ylim(0, 1.25)  # room for the mark
    axis.set_title(name, fontsize=8)
    axis.tick_params(which="both", labelsize=6)
    axis.set_yticks([])


def _numbers(values: Sequence[float | None]) -> list[float]:
    """Return the values with NaN for None."""
    return [float("nan") if value is None else value for value in values]


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    from matplotlib.figure import Figure  # not pyplot, which needs global state and a window system

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _legend_beside(figure: Figure, axis: Axes) -> None:
    """Put the legend of one plot to the right of all plots."""
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", fontsize=8)


def _titled(figure: Figure, cell: dict[str, Any]) -> Figure:
    """Add dataset, noise and seed as the title, and return the figure."""
    title = f"{_short(cell['cell']['dataset']['source'])}, {_short(cell['cell']['noise'])}, seed {cell['cell']['seed']}"
    figure.suptitle(visible(title), fontsize=10, parse_math=False)  # a dollar sign in a name does not start a formula
    return figure


def _short(text: str) -> str:
    """Return a source or noise with the folders of its path removed: `file:labels.csv:worst` for `file:/data/labels.csv:worst`."""
    kind, colon, path = text.partition("file:")
    place = path if colon else kind
    last = re.split(r"[/\\]+", place.rstrip("/\\"))[-1] or place
    return f"{kind}{colon}{last}" if colon else last


def _save(figure: Figure, path: Path) -> Path:
    """Write a figure, and return its path."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    return path
