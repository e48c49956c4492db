"""Cells of a benchmark as tables: one row a method, mean and standard deviation over the seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from curv_issues.counting import counted
from curv_issues.report.markdown_text import escape_markdown
from curv_issues.report.plain import WIDEST, plain_table, table_width
from curv_issues.visible import visible

METRICS = ("auroc", "average_precision", "precision_at_k")
HEADER = (
    "method",
    "AUROC",
    "average precision",
    "precision at k",
    "AUROC within classes",
    "flagged: precision",
    "flagged: recall",
    "cost",
)


def by_noise(results: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Cells by the text of their noise, in the order they come."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[result["cell"]["noise"]].append(result)
    return dict(groups)


def spread(values: Sequence[float | None], digits: int = 3) -> str:
    """Mean and standard deviation over the seeds; n/a where a value does not exist."""
    there = [value for value in values if value is not None]
    if not there:
        return "n/a"
    text = f"{np.mean(there):.{digits}f}"
    return text if len(there) == 1 else f"{text} ± {np.std(there, ddof=1):.{digits}f}"


def rows_of(results: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each method of the cells of one noise: best AUROC first, the columns of `HEADER`."""
    names = [name for name in results[0]["methods"] if all(name in result["methods"] for result in results)]
    found = []
    for name in names:
        methods = [result["methods"][name] for result in results]
        detected = [method["detection"] or dict.fromkeys(METRICS) for method in methods]
        flags = [method["flagged"] or {"precision": None, "recall": None} for method in methods]
        cells = (
            *(spread([values[metric] for values in detected], 4 if metric == "auroc" else 3) for metric in METRICS),
            spread([method["auroc_within_classes"] for method in methods]),
            spread([values["precision"] for values in flags]) if methods[0]["flagged"] else "",
            spread([values["recall"] for values in flags]) if methods[0]["flagged"] else "",
            spread([method["cost"] for method in methods], 2).partition(" ")[0],
        )
        aurocs = [values["auroc"] for values in detected]
        there = [value for value in aurocs if value is not None]
        found.append((-float(np.mean(there)) if there else 0.0, (name, *cells)))
    return [row for _, row in sorted(found, key=lambda item: item[0])]


def remarks(results: Sequence[dict[str, Any]]) -> list[str]:
    """Which methods failed, and where the default's flags were cut off by hand or are in doubt, with the seeds each is about."""
    seeds: dict[str, list[str]] = defaultdict(list)
    for result in results:
        told = [f"{name} failed: {method['failed']}" for name, method in result["methods"].items() if method.get("failed")]
        if (cut_off := result["cell"]["cut_off"]) != "auto":
            told.append(f"Flags of the default: cut-off {cut_off}.")
        if doubt := result["decision"]["cut_off"]["note"]:
            told.append(f"Flags of the default: {doubt}")
        for remark in told:
            seeds[remark].append(str(result["cell"]["seed"]))
    return [
        remark if len(found) == len(results) else f"{remark} (Only with seed {' and '.join(found)}.)"
        for remark, found in seeds.items()
    ]


def title_of(results: Sequence[dict[str, Any]]) -> str:
    """What was planted, in how many of how many samples, with how many seeds."""
    first = results[0]
    wrong = np.mean([result["wrong"] for result in results])
    return f"{first['cell']['noise']}: {wrong:,.0f} of {counted(first['n'], 'sample')} to find, {counted(len(results), 'seed')}"


def markdown(results: Sequence[dict[str, Any]], plots: Sequence[tuple[str | None, str, str]] = ()) -> str:
    """All tables, a heading above each.

    Args:
        results: the cells.
        plots: noise, title and relative path of each image; it is shown below the table of its noise, or, with None, at the end.
    """
    first = results[0]
    dataset, machine = first["cell"]["dataset"], first["made_by"]["machine"]
    recipe = first["recipe"]
    lines = [
        f"# Benchmark on {escape_markdown(dataset['source'])}",
        "",
        f"{counted(dataset['n'], 'sample')} of {counted(dataset['classes'], 'class', 'classes')}; "
        f"{counted(recipe['epochs'], 'epoch')}, scored after "
        f"{recipe['scored_epochs']} of them; {escape_markdown(machine['processor'])}, {machine['cores']} cores.",
        "Mean ± standard deviation over the seeds. k is the number of samples to find. "
        "Cost is a multiple of the plain training; what is measured in the one run shares it.",
    ]
    for noise, cells in by_noise(results).items():
        lines += ["", f"## {escape_markdown(title_of(cells))}", "", _line(HEADER), _line(["---"] + ["---:"] * (len(HEADER) - 1))]
        lines += [_line(row) for row in rows_of(cells)]
        lines += [f"\n{escape_markdown(remark)}" for remark in remarks(cells)]
        lines += [_image(title, path) for shown, title, path in plots if shown == noise]
    overall = [_image(title, path) for shown, title, path in plots if shown is None]
    lines += ["", "## All noise rates", *overall] if overall else []
    return "\n".join(lines) + "\n"


def render(results: Sequence[dict[str, Any]]) -> str:
    """All tables, for a terminal: within 100 columns, and without the deviations where it is narrower."""
    header = [name.replace(" ", "\n") for name in HEADER]
    parts = []
    for cells in by_noise(results).values():
        rows = [(row[0], *map(_compact, row[1:])) for row in rows_of(cells)]
        parts.append("\n".join([visible(title_of(cells)), plain_table(header, rows, numbers=True), *map(visible, remarks(cells))]))
    return "\n\n".join(parts)


def _compact(cell: str) -> str:
    """Return a mean with its deviation in few characters: `0.912±.012` for `0.912 ± 0.012`."""
    mean, _, deviation = cell.partition(" ± ")
    return f"{mean}±{deviation.removeprefix('0')}" if deviation and table_width() == WIDEST else mean


def _image(title: str, path: str) -> str:
    return f"\n![{escape_markdown(title)}]({quote(path)})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
