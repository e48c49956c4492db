"""Tables of the studies of memorization and of differential privacy, made from their results."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.duplicate_tables import of_group
from benchmarks.memorization import DYNAMICS, RECIPES
from benchmarks.study_tables import NAMES, NOTHING, Results, heading
from curv_issues.bench.table import spread

Cells = list[dict[str, Any]]
SHOWN = ("margin", "final_loss", "cumulative_loss", "loss_sensitivity", "forgetting", "input_curvature")
WITHOUT_PRIVACY = 1e9  # as an epsilon


def similarity_table(results: Results) -> str:
    """Return Spearman's correlation of the scores with the estimates, one row per recipe, the whole dataset first."""
    groups: dict[tuple[bool, int], Cells] = defaultdict(list)
    for result in of_group(results, "similarity"):
        cell = result["cell"]
        groups[cell["part"] is not None, list(RECIPES).index(cell["recipe"])].append(result)
    if not groups:
        return NOTHING
    lines = heading("", ["seeds", "best score", "default ranking", *SHOWN, "curvature, best epoch"])
    for (is_part, number), cells in sorted(groups.items()):
        best = max(_scores(cells[0]), key=lambda name: np.mean([_scores(cell)[name] for cell in cells]))
        columns = [[_scores(cell)[name] for cell in cells] for name in (best, "suspicion", *SHOWN)]
        columns.append([max(_by_epoch(cell, "input_curvature", "epoch")) for cell in cells])
        texts = [spread(column) for column in columns]
        place = f"{NAMES['cifar100']}, {cells[0]['n']:,}" if is_part else f"all of {NAMES['cifar100']}"
        texts[0] += f" ({best})"
        lines.append(f"| {place}, {list(RECIPES)[number]} | {len(cells)} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def measures_table(results: Results) -> str:
    """Return all three measures on the whole dataset, over all samples and over the top, as the papers have them."""
    cells = [cell for cell in of_group(results, "similarity") if cell["cell"]["part"] is None]
    if not cells:
        return NOTHING
    measures = ("cosine", "pearson", "spearman")
    top = f"top {cells[0]['num_top']:,}"
    lines = heading("", [f"{measure}, {which}" for which in ("all", top) for measure in measures])
    for name in ("suspicion", "given_probability", *SHOWN):
        found = {row["samples"]: row for row in cells[0]["scores"] if row["score"] == name}
        values = [f"{found[which][measure]:.3f}" for which in ("all", "top") for measure in measures]
        lines.append(f"| {'default ranking' if name == 'suspicion' else name} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def relations_table(results: Results) -> str:
    """Return the linear relations of the theorems on the whole dataset: slope, and how much the line explains."""
    cells = [cell for cell in of_group(results, "similarity") if cell["cell"]["part"] is None]
    if not cells:
        return NOTHING
    lines = heading("", ["bins", "slope", "R² of the means of bins", "R² of all samples"])
    for name, found in cells[0]["relations"].items():
        x, y = name.split(", ")
        values = f"{found['slope']:.3g} | {found['r2_of_bins']:.3f} | {found['r2']:.3f}"
        lines.append(f"| {y} by {x} | {len(found['n'])} | {values} |")
    return "\n".join(lines)


def networks_table(results: Results) -> str:
    """Return how the estimate on features agrees with others, by the number of networks."""
    cells = of_group(results, "features")
    if not cells:
        return NOTHING
    columns = ["standard error", "Spearman with as many other networks", "Spearman with networks on pixels"]
    lines = heading("networks", columns)
    for found in cells[0]["by_networks"]:
        others = found.get("spearman_with_as_many_others")
        values = [found["standard_error"], others, found["spearman_with_reference"]]
        lines.append(f"| {found['networks']} | " + " | ".join("" if value is None else f"{value:.3f}" for value in values) + " |")
    return "\n".join(lines)


def dynamics_table(results: Results) -> str:
    """Return curvature and loss of training and held-out samples in the first, middle and last epoch, and the AUROC at the end."""
    groups: dict[int, Cells] = defaultdict(list)
    for result in of_group(results, "dynamics"):
        groups[DYNAMICS.index(result["cell"]["recipe"])].append(result)
    if not groups:
        return NOTHING
    lines = heading(
        "", ["seeds", "quantity", "training: first, middle, last epoch", "held out: first, middle, last epoch", "AUROC"]
    )
    for number, cells in sorted(groups.items()):
        for quantity in ("curvature", "loss"):
            found = [cell["membership"]["by_epoch"][quantity] for cell in cells]
            texts = [_course([entry[which] for entry in found]) for which in ("training", "held_out")]
            area = spread([cell["membership"]["auroc"][quantity]["value"] for cell in cells])
            lines.append(f"| {DYNAMICS[number]} | {len(cells)} | {quantity} | {texts[0]} | {texts[1]} | {area} |")
    return "\n".join(lines)


def held_out_images_table(results: Results) -> str:
    """Return what the images of test sets with the highest curvature are, beside all images."""
    if not results:
        return NOTHING
    columns = [
        "predicted wrongly",
        "copies of training images, same label",
        "..., other label",
        "wrong predictions, AUROC by curvature",
    ]
    lines = heading("60 of highest curvature (all images)", columns)
    for row in results:
        shares = [row["wrong"], *(row["copies"][name] for name in ("same label", "other label"))]
        texts = [f"{share['highest']:.2f} ({share['all']:.3f})" for share in shares]
        lines.append(f"| {NAMES[row['cell']['dataset']]} | " + " | ".join(texts) + f" | {row['auroc_of_wrong']:.3f} |")
    return "\n".join(lines)


def privacy_table(results: Results) -> str:
    """Return accuracy and mean curvature, loss and memorization by epsilon, and the curve of each."""
    groups: dict[float, Cells] = defaultdict(list)
    for result in results:
        epsilon = result["cell"]["epsilon"]
        groups[WITHOUT_PRIVACY if epsilon is None else epsilon].append(result)
    if not groups:
        return NOTHING
    columns = [
        "seeds",
        "accuracy, held out",
        "curvature",
        "... median",
        "loss",
        "memorization",
        "... of wrong labels",
        "wrong labels, AUROC by margin",
    ]
    lines, medians = heading("epsilon", columns), means_by_epsilon(results, "median curvature")
    for epsilon, cells in sorted(groups.items()):
        texts = [
            spread([cell["accuracy"]["held_out"] for cell in cells]),
            f"{np.mean([cell['means']['curvature']['all'] for cell in cells]):.3g}",
            f"{medians[epsilon]:.3g}",
            *(spread([cell["means"][name]["all"] for cell in cells]) for name in ("loss", "memorization")),
            spread([cell["means"]["memorization"]["wrong"] for cell in cells]),
            spread([cell["detection"]["margin"]["auroc"] for cell in cells]),
        ]
        name = "not private" if epsilon == WITHOUT_PRIVACY else f"{epsilon:g}"
        lines.append(f"| {name} | {len(cells)} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def privacy_fit_table(results: Results) -> str:
    """Return the least-squares fit of a + b (1 - exp(-epsilon)) to the means, and its residuals by epsilon."""
    private = [result for result in results if result["cell"]["epsilon"] is not None]
    if not private:
        return NOTHING
    epsilons = sorted({result["cell"]["epsilon"] for result in private})
    lines = heading("", ["a", "b", "R²", *(f"residual at {epsilon:g}" for epsilon in epsilons)])
    for name in ("median curvature", "loss", "memorization"):
        values = list(means_by_epsilon(private, name).values())
        (a, b), residuals = fit_saturating(np.array(epsilons, dtype=float), np.array(values))
        explained = 1 - residuals.var() / max(np.var(values), 1e-12)
        texts = [f"{value:.3g}" for value in (a, b)]
        lines.append(f"| {name} | " + " | ".join([*texts, f"{explained:.2f}", *(f"{value:.3f}" for value in residuals)]) + " |")
    return "\n".join(lines)


def means_by_epsilon(results: Results, name: str) -> dict[float, float]:
    """Return the mean of "median curvature", "loss" or "memorization" over the seeds, by epsilon."""
    found: dict[float, list[float]] = defaultdict(list)
    for result in results:
        epsilon = result["cell"]["epsilon"]
        value = result["median_curvature"] if name == "median curvature" else result["means"][name]["all"]
        found[WITHOUT_PRIVACY if epsilon is None else epsilon].append(value)
    return {epsilon: float(np.mean(found[epsilon])) for epsilon in sorted(found)}


def fit_saturating(epsilons: np.ndarray, values: np.ndarray) -> tuple[tuple[float, float], np.ndarray]:
    """Return a and b of a + b (1 - exp(-epsilon)), by least squares, and the residuals (e,).

    Epsilon-differential privacy implies stability of 1 - exp(-epsilon) times the bound of the loss (Ravikumar et al. 2024,
    arXiv:2402.18726), which is the only term of their bound on curvature that depends on epsilon.
    """
    columns = np.stack([np.ones(len(epsilons)), 1 - np.exp(-epsilons)], axis=1)
    (a, b), *_ = np.linalg.lstsq(columns, values, rcond=None)
    return (float(a), float(b)), values - columns @ np.array([a, b])


def _scores(cell: dict[str, Any]) -> dict[str, float]:
    return {row["score"]: row["spearman"] for row in cell["scores"] if row["samples"] == "all" and row["spearman"] is not None}


def _by_epoch(cell: dict[str, Any], quantity: str, kind: str) -> list[float]:
    wanted = (quantity, kind, "all")
    return [row["spearman"] for row in cell["by_epoch"] if (row["quantity"], row["kind"], row["samples"]) == wanted]


def _course(histories: list[list[float]]) -> str:
    mean = np.mean(histories, axis=0)
    return ", ".join(f"{mean[place]:.3g}" for place in (0, (len(mean) - 1) // 2, -1))
