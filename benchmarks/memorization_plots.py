"""Plots of the studies of memorization and of differential privacy, made from their results.

    python -m benchmarks.memorization_plots    writes docs/images/memorization-*.png

Each file contains a hash of what it shows, so that a test can tell whether it is older than the results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.memorization import DYNAMICS, RECIPES
from benchmarks.memorization_tables import WITHOUT_PRIVACY, fit_saturating, means_by_epsilon
from benchmarks.rows import read

FOLDER = Path(__file__).parents[1] / "docs" / "images"
SHOWN_HASH = "shown"  # entry in the metadata of a file
QUANTITIES = {"input_curvature": "curvature", "loss": "loss", "margin": "margin"}
RELATIONS = {"learning_time": "learning time (epochs)", "cumulative_loss": "cumulative loss", "memorization": "memorization"}
EPSILONS = {1: "epsilon 1", 8: "epsilon 8", None: "not private"}
Cells = list[dict[str, Any]]


def of(group: str, **wanted: Any) -> Cells:
    """Return the rows of a group of the memorization study, by the entries of their configuration."""
    return [row for row in read("memorization") if ({"group": group} | wanted).items() <= row["cell"].items()]


def draw_similarity() -> Figure:
    """Draw Spearman's correlation with the estimates over the epochs, as in figure 14 of Garg et al. 2023."""
    figure, (whole, parts) = _figure(2)
    for number, (name, label) in enumerate(QUANTITIES.items()):
        for kind, style, what in (("epoch", ":", "of the epoch"), ("cumulative", "-", "mean up to it")):
            found = followed(of("similarity", part=None), name, kind)
            whole.plot(*found, style, color=f"C{number}", marker=".", label=f"{label}, {what}")
    whole.set(title="all of CIFAR-100, default", xlabel="epoch", ylabel="Spearman correlation with memorization")
    for recipe in RECIPES:
        cells = of("similarity", recipe=recipe, part=10_000)
        if cells:
            parts.plot(*followed(cells, "input_curvature", "epoch"), marker=".", label=recipe)
    parts.set(title="curvature after each epoch, 10,000 samples", xlabel="epoch")
    return _with_legends(figure)


def followed(cells: Cells, quantity: str, kind: str) -> tuple[list[int], np.ndarray]:
    """Return epochs (e,) and the mean correlation (e,) over the cells."""
    chosen = [
        [row for row in cell["by_epoch"] if (row["quantity"], row["kind"], row["samples"]) == (quantity, kind, "all")]
        for cell in cells
    ]
    return [row["epoch"] for row in chosen[0]], np.mean([[row["spearman"] for row in rows] for rows in chosen], axis=0)


def draw_relations() -> Figure:
    """Draw the means of bins with their 95% intervals and the linear fit, as Ravikumar et al. 2025 do."""
    figure, places = _figure(3)
    relations = of("similarity", part=None)[0]["relations"]
    for axes, (name, found) in zip(places, relations.items(), strict=True):
        draw_bins(axes, found)
        x, y = name.split(", ")
        title = f"R² of the means {found['r2_of_bins']:.2f}, of all {found['r2']:.2f}"
        axes.set(xlabel=RELATIONS[x], ylabel=RELATIONS[y], title=title)
    return figure


def draw_bins(axes: Axes, found: dict[str, Any], *, label: str | None = None, colour: str = "C0", fit: bool = True) -> None:
    """Draw the means of bins with their intervals, and the line."""
    x, y = np.array(found["x"]), np.array(found["y"])
    axes.errorbar(x, y, yerr=found["half_width"], fmt="o", markersize=4, capsize=2, color=colour, label=label)
    if fit:
        axes.plot(x, found["slope"] * x + found["intercept"], "--", color="grey")


def draw_networks() -> Figure:
    """Draw the standard error of the estimate and its agreement with others, by the number of networks."""
    figure, (error, agreement) = _figure(2)
    found = of("features")[0]["by_networks"]
    networks = [row["networks"] for row in found]
    values = np.array([row["standard_error"] for row in found])
    error.loglog(networks, values, marker="o", label="measured")
    error.loglog(networks, values[-1] * np.sqrt(networks[-1] / np.array(networks)), "--", color="grey", label="as 1 / square root")
    error.set(xlabel="networks", ylabel="standard error")
    for name, label in (
        ("spearman_with_as_many_others", "with as many other networks"),
        ("spearman_with_reference", "with 250 networks on pixels"),
    ):
        pairs = [(row["networks"], row[name]) for row in found if row.get(name) is not None]
        agreement.semilogx(*zip(*pairs, strict=True), marker="o", label=label)
    agreement.set(xlabel="networks", ylabel="Spearman correlation", ylim=(0, 1))
    return _with_legends(figure)


def draw_dynamics() -> Figure:
    """Draw the mean curvature of training and held-out samples over the epochs, as in figures 6 and 8 of Garg et al. 2023."""
    recipes = [recipe for recipe in DYNAMICS if of("dynamics", recipe=recipe)]
    figure, places = _figure(len(recipes))
    for axes, recipe in zip(places, recipes, strict=True):
        cells = [row["membership"] for row in of("dynamics", recipe=recipe)]
        for which, label in (("training", "training samples"), ("held_out", "held-out samples")):
            values = np.mean([cell["by_epoch"]["curvature"][which] for cell in cells], axis=0)
            axes.semilogy(cells[0]["epochs"], values, marker=".", label=label)
        axes.set(title=recipe, xlabel="epoch", ylabel="mean curvature")
    return _with_legends(figure)


def draw_most_memorized() -> Figure:
    """Draw the mean curvature of the most memorized tenth and of the other samples over the epochs."""
    cells = [row for row in of("similarity", seed=0) if "curvature" in row]
    figure, places = _figure(len(cells))
    for axes, row in zip(places, cells, strict=True):
        for which, label in (("most", f"the {row['num_top']:,} most memorized"), ("others", "others")):
            values = row["curvature"][which]
            axes.semilogy(range(1, len(values) + 1), values, marker=".", label=label)
        what = "all of CIFAR-100" if row["cell"]["part"] is None else f"{row['n']:,} samples"
        axes.set(title=f"{what}, {row['cell']['recipe']}", xlabel="epoch", ylabel="mean curvature")
    return _with_legends(figure)


def draw_privacy() -> Figure:
    """Draw curvature, loss and memorization by epsilon, with the curve that the bound predicts."""
    figure, places = _figure(3)
    for axes, name in zip(places, ("median curvature", "loss", "memorization"), strict=True):
        found = means_by_epsilon(read("privacy"), name)
        without = found.pop(WITHOUT_PRIVACY, None)
        epsilons, values = np.array(list(found)), np.array(list(found.values()))
        (a, b), _ = fit_saturating(epsilons, values)
        fine = np.geomspace(epsilons[0], epsilons[-1], 200)
        axes.semilogx(epsilons, values, "o", base=2, label="measured")
        axes.semilogx(fine, a + b * (1 - np.exp(-fine)), "--", base=2, color="grey", label="fit of the bound")
        if without is not None:
            axes.axhline(without, color="C1", label="not private")
        axes.set(xlabel="epsilon", ylabel=name, xticks=epsilons, xticklabels=[f"{epsilon:g}" for epsilon in epsilons])
    return _with_legends(figure)


def draw_curvature_and_memorization() -> Figure:
    """Draw memorization by curvature in bins, with and without privacy, as in figure 3 of Ravikumar et al. 2024."""
    figure, places = _figure(len(EPSILONS))
    for axes, (epsilon, title) in zip(places, EPSILONS.items(), strict=True):
        for row in read("privacy"):
            if row["cell"]["epsilon"] == epsilon:
                seed = row["cell"]["seed"]
                draw_bins(axes, row["curvature_and_memorization"]["bins"], label=f"seed {seed}", colour=f"C{seed}", fit=False)
        axes.set(title=title, xlabel="curvature", ylabel="memorization", xscale="log")
    return _with_legends(figure)


PLOTS: dict[str, Callable[[], Figure]] = {
    "similarity": draw_similarity,
    "relations": draw_relations,
    "networks": draw_networks,
    "dynamics": draw_dynamics,
    "most-memorized": draw_most_memorized,
    "privacy": draw_privacy,
    "curvature": draw_curvature_and_memorization,
}
"""What draws each plot, by name."""


def path_of(name: str) -> Path:
    """Return the file of a plot."""
    return FOLDER / f"memorization-{name}.png"


def hash_of(figure: Figure) -> str:
    """Return twelve hex digits that identify the numbers and texts of a figure."""
    shown = [
        [
            [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()],
            [[str(line.get_label()).lstrip("_"), np.round(np.asarray(line.get_xydata()), 6).tolist()] for line in axes.get_lines()],
        ]
        for axes in figure.axes
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:12]


def stored_hash(name: str) -> str:
    """Return the hash in the file of a plot."""
    with Image.open(path_of(name)) as image:
        return str(image.info[SHOWN_HASH])


def _figure(columns: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4.2 * columns + 0.6, 3.6), layout="constrained")
    places = list(figure.subplots(1, columns, squeeze=False)[0])
    for axes in places:
        axes.grid(alpha=0.3)
    return figure, places


def _with_legends(figure: Figure) -> Figure:
    for axes in figure.axes:
        axes.legend(fontsize="small")
    return figure


def main() -> None:
    """Write all plots whose numbers have changed."""
    for name, draw in PLOTS.items():
        figure = draw()
        if not path_of(name).exists() or stored_hash(name) != hash_of(figure):
            figure.savefig(path_of(name), dpi=100, metadata={SHOWN_HASH: hash_of(figure), "Software": None})
            print(path_of(name))


if __name__ == "__main__":
    main()
