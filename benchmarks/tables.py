"""The tables and figures of README.md, benchmarks/README.md and docs, made from the results.

python -m benchmarks.tables            write them between their markers
python -m benchmarks.tables --check    exit 1 if one differs from the results; print which

A table is on the lines between `<!-- table: NAME -->` and `<!-- end -->`, a figure is within a line, as in
`adds at most <!-- figure: NAME -->0.0002<!-- end -->`. Both may be in one or several of the documents.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import (
    duplicate_tables,
    feature_tables,
    finder_tables,
    memorization_tables,
    noise_tables,
    study_tables,
    verdict_tables,
)
from benchmarks.figures import FIGURES
from benchmarks.rows import read
from curv_issues.bench.table import spread
from curv_issues.options import TrainingOptions
from curv_issues.training.recipe import make_recipe

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"<!-- (table|figure): ([\w-]+) -->(.*?)<!-- end -->", re.DOTALL)
NAMES = {
    "cifar10": "CIFAR-10",
    "cifar10:automobile,truck": "two classes of CIFAR-10",
    "cifar100": "CIFAR-100",
    "mnist": "MNIST",
    "digits": "digits",
    "clothing": "clothing photos",
}
SCORES = ("cumulative_loss", "margin", "final_margin", "residual", "loss_sensitivity", "input_curvature")


def grouped(results: list[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Return the results by configuration without the seed."""
    groups = defaultdict(list)
    for result in results:
        cell = result["cell"]
        groups[cell["dataset"], cell["size"], cell["long_tail"], cell["rate"]].append(result)
    return groups


def title(key: tuple[Any, ...]) -> str:
    """Return the name of a row of a table."""
    dataset, size, long_tail, rate = key
    name = NAMES[dataset]
    if size != "full":
        name += f", {size:,} samples"
    if long_tail != "balanced":
        name += ", long tail"
    return f"{name}, {rate:.0%} flipped"


def detection_table() -> str:
    """Return AUROC, average precision and flags by dataset."""
    lines = [
        "| dataset | n | seeds | AUROC | average precision | precision at k | flagged: precision | flagged: recall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    order = {name: index for index, name in enumerate(NAMES)}
    groups = grouped(read("detection"))
    for key in sorted(
        groups, key=lambda key: (key[2] != "balanced", key[1] != "full", order[key[0]], str(key[1]).zfill(6), key[3])
    ):
        results = groups[key]
        if key[3] == 0:
            continue
        found = [result["suspicion"] for result in results]
        flags = [result["flagged"] for result in results]
        lines.append(
            f"| {title(key)} | {results[0]['n']:,} | {len(results)} "
            f"| {spread([f['auroc'] for f in found], 4)} | {spread([f['average_precision'] for f in found])} "
            f"| {spread([f['precision_at_k'] for f in found])} "
            f"| {spread([f['precision'] for f in flags])} | {spread([f['recall'] for f in flags])} |"
        )
    return "\n".join(lines)


def clean_table() -> str:
    """Return how many labels are flagged if no error was planted."""
    lines = ["| dataset | seeds | flagged of n |", "|---|---|---|"]
    for key, results in sorted(grouped(read("detection")).items(), key=lambda item: str(item[0])):
        if key[3] == 0:
            share = spread([100 * result["flagged"]["flagged"] / result["n"] for result in results], 2)
            lines.append(f"| {title(key)} | {len(results)} | {share} % |")
    return "\n".join(lines)


def ablation_table() -> str:
    """Return the AUROC of every score and fusion."""
    groups = {key: results for key, results in grouped(read("detection")).items() if key[3] > 0}
    rates = {"mnist": 0.01, "digits": 0.05, "clothing": 0.05}
    keys = [key for key in groups if key[2] == "balanced" and key[3] == rates.get(key[0], 0.1)]
    keys.sort(key=lambda key: (key[1] != "full", list(NAMES).index(key[0]), str(key[1]).zfill(6)))
    lines = ["| ranked by | " + " | ".join(title(key) for key in keys) + " |", "|---" * (len(keys) + 1) + "|"]
    lines.append(
        "| default |" + "".join(f" {spread([result['suspicion']['auroc'] for result in groups[key]], 4)} |" for key in keys)
    )
    fusions = list(next(iter(groups.values()))[0]["fusions"]) if groups else []
    for kind, names in (("fusions", fusions), ("scores", SCORES)):
        for name in names:
            cells = [spread([result[kind][name]["auroc"] for result in groups[key]], 4) for key in keys]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def long_tail_table() -> str:
    """Return the AUROC within each class of the long-tailed CIFAR-10."""
    results = [result for result in read("detection") if result["cell"]["long_tail"] != "balanced"]
    if not results:
        return "Not measured yet."
    lines = ["| given class | samples | AUROC within it |", "|---|---|---|"]
    for name in results[0]["by_class"]:
        sizes = [result["by_class"][name]["n"] for result in results]
        lines.append(f"| {name} | {np.mean(sizes):.0f} | {spread([r['by_class'][name]['auroc'] for r in results])} |")
    return "\n".join(lines)


def command_table() -> str:
    """Return time and memory of the whole command, with and without the search for duplicates."""
    lines = [
        "| CIFAR-10, 50,000 images | whole command | plain training | ratio, imports apart | peak memory | machine |",
        "|---|---|---|---|---|---|",
    ]
    for result in read("command"):
        machine = result["made_by"]["machine"]
        lines += [
            f"| `{name}` | {found['whole_command_seconds']:.0f} s | {result['plain_training_seconds']:.0f} s "
            f"| {found['ratio_imports_apart']:.2f} | {found['peak_memory'] / 1e9:.2f} GB "
            f"| {machine['processor']}, {machine['cores']} cores |"
            for name, found in result["runs"].items()
        ]
    return "\n".join(lines)


def time_table() -> str:
    """Return the seconds of training and scoring by dataset and size, of runs with one thread."""
    lines = ["| dataset | images | runs | seconds |", "|---|---|---|---|"]
    groups = defaultdict(list)
    for result in read("detection"):
        if result["made_by"]["machine"]["threads"] == 1:
            groups[result["n"], result["cell"]["dataset"]].append(result["seconds"]["train"] + result["seconds"]["score"])
    for (n, dataset), seconds in sorted(groups.items()):
        lines.append(f"| {NAMES[dataset]} | {n:,} | {len(seconds)} | {np.mean(seconds):.0f} |")
    return "\n".join(lines)


def recipe_table() -> str:
    """Return the results of the default ranking by epochs and batch size, with the rule's choice marked."""
    lines = ["| data | epochs | batch | seeds | AUROC | average precision | |", "|---|---|---|---|---|---|---|"]
    groups = defaultdict(list)
    for result in read("recipe"):
        cell = result["cell"]
        groups[cell["size"], cell["classes"], cell["epochs"], cell["batch_size"]].append(result["default"])
    for (size, classes, epochs, batch), found in sorted(groups.items()):
        rule = make_recipe(TrainingOptions(), num_samples=size, shape=(3, 32, 32))
        lines.append(
            f"| {size:,} of {classes} classes | {epochs} | {batch} | {len(found)} | {spread([f['auroc'] for f in found])} "
            f"| {spread([f['average_precision'] for f in found])} "
            f"| {'the rule' if (rule.epochs, rule.batch_size) == (epochs, batch) else ''} |"
        )
    return "\n".join(lines)


def schedule_table() -> str:
    """Return the AUROC of input curvature by number of scored epochs and directions."""
    counts = ("1", "2", "4", "8")
    lines = [f"| data | directions | seeds | {' | '.join(counts)} | all |", "|---" * (len(counts) + 4) + "|"]
    groups = defaultdict(list)
    for result in read("schedule"):
        cell = result["cell"]
        groups[cell["size"], cell.get("classes", 100), cell["num_matvecs"]].append(result)
    for (size, classes, directions), results in sorted(groups.items(), reverse=True):
        cells = [spread([result["by_schedule"][count]["auroc"] for result in results]) for count in counts]
        cells.append(spread([result["by_schedule"][str(result["recipe_epochs"])]["auroc"] for result in results]))
        lines.append(f"| {size:,} of {classes} classes | {directions} | {len(results)} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "detection": detection_table,
    "main": lambda: noise_tables.main_table(read("label_noise")),
    "clean": clean_table,
    "long-tail": long_tail_table,
    "command": command_table,
    "time": time_table,
    "planted-duplicates": lambda: duplicate_tables.planted_table(read("duplicates")),
    "comparison": lambda: study_tables.comparison_table(read("comparison")),
    "comparison-precision": lambda: study_tables.comparison_table(read("comparison"), "average_precision"),
    "comparison-flags": lambda: study_tables.flags_table(read("comparison")),
    "recipe": recipe_table,
    "ablation": ablation_table,
    "ranking": lambda: study_tables.ranking_table(read("ranking")),
    "schedule": schedule_table,
    "rates": lambda: study_tables.rates_table(of_group("published")),
    "rates-precision": lambda: study_tables.rates_table(of_group("published"), "average_precision"),
    "published-cifar10": lambda: study_tables.all_methods_table(of_group("published", "cifar10")),
    "published-cifar100": lambda: study_tables.all_methods_table(of_group("published", "cifar100")),
    "published-mnist": lambda: study_tables.all_methods_table(of_group("published", "mnist")),
    "duplicates": lambda: study_tables.all_methods_table(of_group("duplicates")),
    "human": lambda: study_tables.all_methods_table(of_group("human")),
    "structured": lambda: study_tables.all_methods_table(of_group("structured")),
    "photos": lambda: study_tables.all_methods_table(of_group("photos")),
    "planted-precision": lambda: duplicate_tables.precision_table(read("duplicates")),
    "duplicate-protocol": lambda: duplicate_tables.protocol_table(read("duplicates")),
    "natural-duplicates": lambda: duplicate_tables.natural_table(read("duplicates")),
    "leakage": lambda: duplicate_tables.leakage_table(read("duplicates")),
    "finders": lambda: finder_tables.photos_table(read("duplicate_finders")),
    "finders-leakage": lambda: finder_tables.leakage_table(read("duplicate_finders")),
    "finders-command": lambda: finder_tables.command_table(read("duplicate_finders")),
    "highest": lambda: duplicate_tables.highest_table(read("duplicates")),
    "scale": lambda: duplicate_tables.scale_table(read("duplicates")),
    "estimator": lambda: study_tables.estimator_table(read("estimator")),
    "estimator-epochs": lambda: study_tables.estimator_epochs_table(read("estimator")),
    "features": lambda: feature_tables.features_table(read("features"), "auroc"),
    "features-precision": lambda: feature_tables.features_table(read("features"), "average_precision"),
    "features-scale": lambda: feature_tables.features_scale_table(read("features_scale")),
    "backbone": lambda: feature_tables.backbone_table(read("label_noise")),
    "label-noise-rankings": lambda: noise_tables.ranking_table(read("label_noise")),
    "label-noise-flags": lambda: noise_tables.flag_table(read("label_noise")),
    "label-noise-counts": lambda: noise_tables.count_table(read("label_noise")),
    "verdicts": lambda: verdict_tables.verdict_table(read("verdicts")),
    "verdicts-curvature": lambda: verdict_tables.curvature_table(read("verdicts")),
    "transformer": lambda: feature_tables.transformer_table(read("transformer")),
    "watch": lambda: study_tables.watch_table(read("watch")),
    "beyond": lambda: study_tables.beyond_table(read("beyond")),
    "forms": lambda: study_tables.forms_table(read("beyond")),
    "memorization": lambda: study_tables.memorization_table(read("beyond")),
    "memorization-similarity": lambda: memorization_tables.similarity_table(read("memorization")),
    "memorization-measures": lambda: memorization_tables.measures_table(read("memorization")),
    "memorization-relations": lambda: memorization_tables.relations_table(read("memorization")),
    "memorization-networks": lambda: memorization_tables.networks_table(read("memorization")),
    "memorization-dynamics": lambda: memorization_tables.dynamics_table(read("memorization")),
    "held-out-images": lambda: memorization_tables.held_out_images_table(read("held_out_images")),
    "privacy": lambda: memorization_tables.privacy_table(read("privacy")),
    "privacy-fit": lambda: memorization_tables.privacy_fit_table(read("privacy")),
}
"""Text of each table by name."""


def of_group(group: str, dataset: str | None = None) -> list[dict[str, Any]]:
    """Return the cells of one group of the comparison, of one dataset or of all."""
    cells = [result for result in read("comparison") if result["cell"]["group"] == group]
    return [result for result in cells if dataset in (None, result["cell"]["dataset"])]


def documents() -> list[Path]:
    """Return the files that tables and figures are written to."""
    return [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def make_all() -> dict[tuple[str, str], str]:
    """Return the text between the markers of every table and figure, by kind and name."""
    tables = {("table", name): f"\n{make()}\n" for name, make in TABLES.items()}
    return tables | {("figure", name): make() for name, make in FIGURES.items()}


def fill(texts: dict[str, str], made: dict[tuple[str, str], str]) -> tuple[dict[str, str], list[str]]:
    """Write tables and figures between their markers.

    Args:
        texts: of the documents, by name.
        made: what belongs between the markers, by kind and name.

    Returns:
        The new texts, and which table or figure of which document differed.

    Raises:
        SystemExit: a marker is wrong, or a table or figure is in no document.
    """
    found, changed, filled = set(), [], {}
    for document, text in texts.items():
        matches = list(MARKED.finditer(text))
        if len(matches) != len(re.findall(r"<!--\s*(?:table|figure)\b", text)):
            raise SystemExit(f"{document}: a marker of a table or figure is misspelt, or its <!-- end --> is missing.")
        for match in matches:
            kind, name, old = match.groups()
            place = f"{document}, {kind} {name}"
            if (kind, name) not in made:
                raise SystemExit(f"{place}: unknown name. Add it to {kind.upper()}S, or remove the markers.")
            if kind == "figure" and not text[: match.start()].rpartition("\n")[2].strip(" >*-"):
                raise SystemExit(
                    f"{place}: it must follow a word on its line, as Markdown takes a line that begins with <!-- for HTML."
                )
            found.add((kind, name))
            if old != made[kind, name]:
                changed.append(place)
        filled[document] = MARKED.sub(lambda match: f"<!-- {match[1]}: {match[2]} -->{made[match[1], match[2]]}<!-- end -->", text)
    for kind, name in sorted(made.keys() - found):
        raise SystemExit(f"No document has the {kind} {name}. Add its markers, or remove it from {kind.upper()}S.")
    return filled, changed


def main() -> None:
    """Write or check the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    filled, changed = fill({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in documents()}, make_all())
    if check:
        sys.exit("\n".join(f"{place} differs from the results." for place in changed) or 0)
    for path, text in filled.items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
