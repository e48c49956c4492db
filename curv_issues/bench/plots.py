"""Pictures of a benchmark, made from its cells alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.bench.results import writing
from curv_issues.bench.table import by_noise
from curv_issues.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 8
COLUMNS = 4


def draw_plots(results: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Write all plots of some cells as PNG files, and tell their paths.

    `curves`: ROC and precision-recall by method. `histograms`: the scores of right samples and planted ones, as in figure 5 of
    Garg et al. 2023. `curvature`: curvature over the epochs, as in their figures 6 and 8. These are of the first seed, a
    file a noise. `rates`: AUROC against the noise rate, mean over the seeds, where a kind has several rates.
    """
    written = []
    for noise, cells in by_noise(results).items():
        if cells[0]["methods"]["default"]["curves"] is None:
            continue  # nothing was planted
        slug = re.sub(r"[^\w.+-]+", "-", noise)[-60:]
        for name, draw in (("curves", draw_curves), ("histograms", draw_histograms), ("curvature", draw_curvature)):
            written.append(_save(draw(cells[0]), folder / f"{name}-{slug}.png"))
    for kind, rates in _by_kind(results).items():
        if len(rates) > 1:
            written.append(_save(draw_rates(rates), folder / f"rates-{kind}.png"))
    return written


def draw_curves(cell: dict[str, Any]) -> Figure:
    """ROC and precision-recall curves of the methods with the highest AUROC."""
    figure, ((roc, precision),) = _figure(1, 2, (11, 4.6))
    for name in _best(cell):
        curves = cell["methods"][name]["curves"]
        roc.plot(*np.array(curves["roc"]).T, label=name)
        precision.plot(*np.array(curves["precision_recall"]).T, label=name)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    precision.set(xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1.02))
    precision.legend(fontsize=8)
    return _titled(figure, cell)


def draw_histograms(cell: dict[str, Any]) -> Figure:
    """Histograms of every score, right and planted samples each to a full height of 1."""
    names = [name for name, method in cell["methods"].items() if method["histogram"] is not None]
    figure, axes = _figure(-(-len(names) // COLUMNS), COLUMNS, (3.2 * COLUMNS, 2.2 * -(-len(names) // COLUMNS)))
    for axis, name in zip(axes.flat, names, strict=False):
        _draw_histogram(axis, cell["methods"][name]["histogram"], name)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    axes.flat[0].legend(fontsize=7)
    return _titled(figure, cell)


def draw_curvature(cell: dict[str, Any]) -> Figure:
    """Mean curvature of right and planted samples by epoch, and its AUROC."""
    by_epoch = cell["curvature_by_epoch"]
    epochs = np.arange(1, len(by_epoch["auroc"]) + 1)
    figure, ((mean, auroc),) = _figure(1, 2, (10, 4))
    for kind, color in (("right", "tab:blue"), ("wrong", "tab:red")):
        mean.plot(epochs, _numbers(by_epoch[kind]), "o-", color=color, label="planted" if kind == "wrong" else kind)
    mean.set(xlabel="epoch", ylabel="mean input curvature", yscale="log", title="Curvature over training")
    mean.legend(fontsize=8)
    auroc.plot(epochs, _numbers(by_epoch["auroc"]), "o-", color="black")
    auroc.set(xlabel="epoch", ylabel="AUROC of that epoch's curvature", title="Detection by a single epoch")
    return _titled(figure, cell)


def draw_rates(rates: dict[float, list[dict[str, Any]]]) -> Figure:
    """AUROC against the noise rate, mean over the seeds."""
    figure, axes = _figure(1, 1, (7, 4.6))
    axis = axes.item()
    ordered = sorted(rates)
    first = rates[ordered[0]][0]
    for name in _best(first):
        axis.plot(ordered, [_mean_auroc(rates[rate], name) for rate in ordered], "o-", label=name)
    axis.set(xlabel="noise rate", ylabel="AUROC")
    axis.set_title(visible(first["cell"]["dataset"]["source"]), parse_math=False)  # a dollar in a path is no formula
    axis.legend(fontsize=8)
    return figure


def _mean_auroc(cells: Sequence[dict[str, Any]], name: str) -> float:
    """Mean over the cells in which the method did not fail; NaN if there are none."""
    found = [cell["methods"][name]["detection"] for cell in cells]
    return float(np.mean([detection["auroc"] for detection in found if detection] or [np.nan]))


def _best(cell: dict[str, Any]) -> list[str]:
    """The default, and the methods with the highest AUROC."""
    others = [name for name, method in cell["methods"].items() if name != "default" and method["detection"] is not None]
    others.sort(key=lambda name: -cell["methods"][name]["detection"]["auroc"])
    return ["default", *others[: MOST_LINES - 1]]


def _by_kind(results: Sequence[dict[str, Any]]) -> dict[str, dict[float, list[dict[str, Any]]]]:
    """Cells with something to find whose noise ends in a rate, by kind and rate."""
    found: dict[str, dict[float, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        kind, _, rate = result["cell"]["noise"].rpartition(":")
        if re.fullmatch(r"[0-9.e-]+", rate) and result["methods"]["default"]["detection"] is not None:
            found[re.sub(r"[^\w.+-]+", "-", kind)][float(rate)].append(result)
    return found


def _draw_histogram(axis: Axes, histogram: dict[str, list[float]], name: str) -> None:
    edges = np.array(histogram["edges"])
    for kind, color in (("right", "tab:blue"), ("wrong", "tab:red")):
        counts = np.array(histogram[kind], dtype=float)
        heights = counts / max(1.0, counts.max())
        axis.stairs(heights, edges, fill=True, alpha=0.5, color=color, label="planted" if kind == "wrong" else kind)
    axis.set_title(name, fontsize=8)
    axis.tick_params(labelsize=6)
    axis.set_yticks([])


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _titled(figure: Figure, cell: dict[str, Any]) -> Figure:
    title = f"{cell['cell']['dataset']['source']}, {cell['cell']['noise']}, seed {cell['cell']['seed']}"
    figure.suptitle(visible(title), fontsize=10, parse_math=False)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    return path
