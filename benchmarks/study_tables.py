"""Tables of the comparison and of the two studies, made from their results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from curv_issues.bench.table import spread

NAMES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "mnist": "MNIST", "clothing": "clothing photos", "digits": "digits"}
MAIN = {
    "inconfidence": "inconfidence",
    "cl_self_confidence": "Confident Learning",
    "knn_label_score": "kNN (cleanlab)",
    "input_curvature": "curvature",
    "label_contrast": "label contrast (new)",
    "cumulative_loss": "CSL",
    "ssft": "SSFT",
    "margin": "AUM",
    "default": "default",
}
TELLING = ("uniform:0.01", "uniform:0.1")  # the published rates that represent the others
FLAGGING = {
    "default": "default",
    "cl_self_confidence": "Confident Learning (find_label_issues)",
    "knn_label_score": "kNN (Datalab's label issue)",
}
NOTHING = "Not measured yet."
GRADIENT_NORMS = ("loss_sensitivity", "training_gradient")  # controls of curvature, not forms of it
Results = Sequence[dict[str, Any]]


def by_cell(results: Results) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Return the results by dataset, size and noise, most informative first."""
    groups = defaultdict(list)
    for result in results:
        cell = result["cell"]
        groups[list(NAMES).index(cell["dataset"]), str(cell["size"]), cell["noise"]].append(result)
    return dict(sorted(groups.items()))


def ranking_table(results: Results) -> str:
    """Return AUROC / average precision: one column per ranking, one row per dataset and noise, the means last."""
    if not results:
        return NOTHING
    ways, groups = list(results[0]["ways"]), by_cell(results)
    by_way = [[[cell["ways"][way] for cell in cells] for way in ways] for cells in groups.values()]
    found = np.array([[(mean(one, "auroc"), mean(one, "average_precision")) for one in row] for row in by_way])
    lines = heading("", ["seeds", *ways])
    for (key, cells), row in zip(groups.items(), found, strict=True):
        texts = [str(len(cells)), *(f"{auroc:.3f} / {precision:.2f}" for auroc, precision in row)]
        lines.append(f"| {title(key, cells)} | " + " | ".join(texts) + " |")
    means = (f"{auroc:.4f} / {precision:.3f}" for auroc, precision in found.mean(axis=0))
    return "\n".join([*lines, "| mean | | " + " | ".join(means) + " |"])


def telling_cells(results: Results) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Return `by_cell` without the published rates in between."""
    return by_cell([one for one in results if one["cell"]["group"] != "published" or one["cell"]["noise"] in TELLING])


def title(key: tuple[Any, ...], results: Results) -> str:
    """Return the name of a row."""
    noise = key[2].replace("file:cifar10n.parquet:", "human, ")
    return f"{NAMES[results[0]['cell']['dataset']]}, {noise}, n = {results[0]['n']:,}"


def comparison_table(results: Results, metric: str = "auroc") -> str:
    """Return one row per dataset and noise and one column per well-known method, without the rates in between."""
    if not results:
        return NOTHING
    lines = heading("", ["seeds", *MAIN.values()])
    for key, cells in telling_cells(results).items():
        found = [spread([value(cell, name, metric) for cell in cells]) for name in MAIN]
        lines.append(f"| {title(key, cells)} | {len(cells)} | " + " | ".join(best_marked(found)) + " |")
    return "\n".join(lines)


def rates_table(results: Results, metric: str = "auroc") -> str:
    """Return one row per dataset, size and well-known method, and one column per rate of uniform noise, as in the papers."""
    if not results:
        return NOTHING
    groups = by_cell(results)
    rates = sorted({float(noise.removeprefix("uniform:")) for _, _, noise in groups})
    lines = heading("", [f"{rate:.0%}" for rate in rates])
    for place in dict.fromkeys(key[:2] for key in groups):
        by_rate = [groups.get((*place, f"uniform:{rate:g}"), []) for rate in rates]
        columns = [
            best_marked([spread([value(cell, name, metric) for cell in cells]) if cells else "" for name in MAIN])
            for cells in by_rate
        ]
        one = next(cells[0] for cells in by_rate if cells)
        for name, row in zip(MAIN.values(), zip(*columns, strict=True), strict=True):
            lines.append(f"| {NAMES[one['cell']['dataset']]}, n = {one['n']:,}: {name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def best_marked(found: Sequence[str]) -> list[str]:
    """Return the cells of a table with the largest mean in bold."""
    means = [text.partition(" ")[0] for text in found]
    best = max((mean for mean in means if mean not in ("", "n/a")), key=float, default=None)
    return [f"**{text}**" if mean == best else text for text, mean in zip(found, means, strict=True)]


def flags_table(results: Results) -> str:
    """Return precision / recall of the flagged samples and their number per wrong sample, for the same rows."""
    if not results:
        return NOTHING
    lines = heading("", ["seeds", *FLAGGING.values()])
    for key, cells in telling_cells(results).items():
        found = []
        for name in FLAGGING:
            flags = [cell["methods"][name]["flagged"] for cell in cells if cell["methods"][name]["flagged"]]
            number = np.mean([one["flagged"] / one["wrong"] for one in flags]) if flags else None
            rates = f"{spread([one['precision'] for one in flags])} / {spread([one['recall'] for one in flags])}"
            found.append("n/a" if number is None else f"{rates} ({number:.1f})")
        lines.append(f"| {title(key, cells)} | {len(cells)} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def all_methods_table(results: Results) -> str:
    """Return one row per method with AUROC / average precision, one column per dataset and noise, the median cost last."""
    if not results:
        return NOTHING
    groups = by_cell(results)
    names = dict.fromkeys(name for result in results for name in result["methods"])
    lines = heading("", [*(title(key, cells) for key, cells in groups.items()), "cost"])
    for name in names:
        cells = [
            f"{spread([value(cell, name, 'auroc') for cell in found])} / "
            f"{spread([value(cell, name, 'average_precision') for cell in found], 2)}"
            for found in groups.values()
        ]
        costs = [result["methods"].get(name, {}).get("cost") for result in results]
        cost = np.median([found for found in costs if found is not None])  # the median, as other programs slow down single cells
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {cost:.1f} |")
    return "\n".join(lines)


def value(cell: dict[str, Any], name: str, metric: str) -> float | None:
    """Return a metric of a method in a cell; None if it could not be measured."""
    found = cell["methods"].get(name)
    return found["detection"][metric] if found and found["detection"] else None


def watch_table(results: Results) -> str:
    """Return the time that a Watch adds to a training step."""
    if not results:
        return NOTHING
    lines = [
        "| training | device | step | observe and end_epoch, per step | added | added, from pairs (95% interval) |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        cell = result["cell"]
        size = f"{cell['batch']} images of {cell['resolution']} px, {cell['classes']:,} classes"
        within = result["observe_seconds"] + result["end_epoch_seconds_per_step"]
        low, high = result["added_paired_interval"]
        lines.append(
            f"| ResNet-18, {size} | {cell['device']} | {1e3 * result['step_seconds']:.0f} ms | {1e3 * within:.2f} ms "
            f"| {result['added_within']:.2%} | {result['added_paired']:.2%} ({low:.2%} to {high:.2%}) |"
        )
    return "\n".join(lines)


def estimator_table(results: Results) -> str:
    """Return the AUROC of the mean over four scored epochs: one row per variant, one column per setting."""
    if not results:
        return NOTHING
    settings = by_setting(results)
    lines = heading("variant", settings)
    for name in dict.fromkeys(name for group in settings.values() for result in group for name in result["variants"]):
        found = [
            [result["variants"][name]["mean"]["auroc"] for result in group if name in result["variants"]]
            for group in settings.values()
        ]
        lines.append(f"| {name} | " + " | ".join(spread(values) if values else "" for values in found) + " |")
    return "\n".join(lines)


def estimator_epochs_table(results: Results) -> str:
    """Return the AUROC of each scored epoch: one row per epoch and variant of all settings, one column per setting."""
    if not results:
        return NOTHING
    settings = by_setting(results)
    lines = heading("variant, epoch", settings)
    everywhere = [name for name in results[0]["variants"] if all(name in result["variants"] for result in results)]
    for name in everywhere:
        for place, epoch in enumerate(results[0]["scored_epochs"]):
            found = [
                spread([result["variants"][name]["by_epoch"][place]["auroc"] for result in group]) for group in settings.values()
            ]
            lines.append(f"| {name}, {epoch + 1} of {results[0]['epochs']} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def by_setting(results: Results) -> dict[str, list[dict[str, Any]]]:
    """Return the results of the estimator study by weight decay and augmentation, the names of columns; the default first."""
    groups = defaultdict(list)
    for result in results:
        groups[result["cell"]["weight_decay"], result["cell"]["augmentation"]].append(result)
    order = sorted(groups, key=lambda key: (not key[1], -key[0]))
    return {
        f"decay {decay:g}, {'augmented' if aug else 'plain'} ({len(groups[decay, aug])})": groups[decay, aug]
        for decay, aug in order
    }


def heading(first: str, columns: Iterable[str]) -> list[str]:
    """Return the first two lines of a table."""
    names = [first, *columns]
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]


def beyond_table(results: Results) -> str:
    """Return for each setting the best free score and the best forms of curvature and gradient norm, chosen on seed 100."""
    groups = defaultdict(list)
    for result in results:
        if "forms" in result:
            groups[result["cell"]["setting"]].append(result)
    if not groups:
        return NOTHING
    lines = [
        "| setting | seeds | best free score: AUROC | kind | best of the kind: AUROC | within bins of the free one "
        "| gain in the rank mean | gain at best, AUROC | gain at best, average precision |",
        "|---" * 9 + "|",
    ]
    for setting, cells in groups.items():
        tuning = [cell for cell in cells if cell["cell"]["seed"] >= 100] or cells
        reported = [cell for cell in cells if cell["cell"]["seed"] < 100]
        if not reported:
            continue
        free = best(tuning, [name for name in tuning[0]["detection"] if name not in tuning[0]["forms"]])
        first = f"| {setting} | {len(reported)} | {free}: {spread([cell['detection'][free]['auroc'] for cell in reported])} |"
        for kind, is_gradient in (("curvature", False), ("gradient norm", True)):
            form = best(tuning, [name for name in tuning[0]["forms"] if (name in GRADIENT_NORMS) == is_gradient])
            forms = [cell["forms"][form] for cell in reported]
            lines.append(
                f"{first} {kind} | {form}: {spread([cell['detection'][form]['auroc'] for cell in reported])} "
                f"| {spread([found['within_bins'] for found in forms])} "
                f"| {spread([found['gain_in_rank_mean']['auroc'] for found in forms], 4)} "
                f"| {spread([found['gain_at_best']['auroc'] for found in forms], 4)} "
                f"| {spread([found['gain_at_best']['average_precision'] for found in forms], 4)} |"
            )
            first = "| | | |"
    return "\n".join(lines)


def forms_table(results: Results) -> str:
    """Return AUROC / average precision: one row per free score and form of curvature, one column per setting."""
    groups = defaultdict(list)
    for result in results:
        if "forms" in result and result["cell"]["seed"] < 100:
            groups[result["cell"]["setting"]].append(result)
    if not groups:
        return NOTHING
    lines = [
        "| | " + " | ".join(f"{name} ({len(cells)})" for name, cells in groups.items()) + " |",
        "|---" * (len(groups) + 1) + "|",
    ]
    for name in next(iter(groups.values()))[0]["detection"]:
        found = [[cell["detection"][name] for cell in cells] for cells in groups.values()]
        texts = [f"{mean(cells, 'auroc'):.3f} / {mean(cells, 'average_precision'):.2f}" for cells in found]
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def mean(cells: Sequence[dict[str, float]], metric: str) -> float:
    """Return the mean of a metric over the seeds."""
    return float(np.mean([cell[metric] for cell in cells]))


def memorization_table(results: Results) -> str:
    """Return the rank correlation of each score with the Feldman-Zhang estimate."""
    cells = [result for result in results if "spearman" in result and result["cell"]["seed"] < 100]
    if not cells:
        return NOTHING
    lines = ["| score | Spearman correlation with memorization |", "|---|---|"]
    means = {name: [cell["spearman"][name] for cell in cells] for name in cells[0]["spearman"]}
    for name in sorted(means, key=lambda name: -float(np.mean(means[name]))):
        lines.append(f"| {name} | {spread(means[name])} |")
    return "\n".join(lines)


def best(cells: Results, names: Sequence[str]) -> str:
    """Return the name with the highest mean AUROC."""
    return max(names, key=lambda name: float(np.mean([cell["detection"][name]["auroc"] for cell in cells])))
