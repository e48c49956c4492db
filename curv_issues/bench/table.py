"""Format cells of a benchmark as tables: one row per method, with mean and standard deviation over the seeds."""

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
    """Return the cells by the text of their noise, in order."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[result["cell"]["noise"]].append(result)
    return dict(groups)


def spread(values: Sequence[float | None], digits: int = 3) -> str:
    """Return mean ± standard deviation over the seeds with a value; n/a if no seed has one."""
    known = [value for value in values if value is not None]
    if not known:
        return "n/a"
    text = f"{np.mean(known):.{digits}f}"
    return text if len(known) == 1 else f"{text} ± {np.std(known, ddof=1):.{digits}f}"


def rows_of(results: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return one row per method for the cells of one noise, best AUROC first, with the columns of `HEADER`."""
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
        known = [value for value in aurocs if value is not None]
        found.append((-float(np.mean(known)) if known else 0.0, (name, *cells)))
    return [row for _, row in sorted(found, key=lambda item: item[0])]


def remarks(results: Sequence[dict[str, Any]]) -> list[str]:
    """Return remarks on failed methods and on the flags of the default (chosen rule, reliability note), with their seeds."""
    seeds: dict[str, list[str]] = defaultdict(list)
    for result in results:
        found = [f"{name} failed: {method['failed']}" for name, method in result["methods"].items() if method.get("failed")]
        if (cut_off := result["cell"]["cut_off"]) != "auto":
            found.append(f"Flags of the default: cut-off {cut_off}.")
        if precision := result["cell"].get("precision"):
            found.append(f"Flags of the default: expected precision {precision:g}.")
        if note := result["decision"]["cut_off"]["note"]:
            found.append(f"Flags of the default: {note}")
        for remark in found:
            seeds[remark].append(str(result["cell"]["seed"]))
    return [
        remark if len(affected) == len(results) else f"{remark} (Only with seed {' and '.join(affected)}.)"
        for remark, affected in seeds.items()
    ]


def title_of(results: Sequence[dict[str, Any]]) -> str:
    """Return a title with the noise, the numbers of errors and samples, and the number of seeds."""
    first = results[0]
    wrong = np.mean([result["wrong"] for result in results])
    return f"{first['cell']['noise']}: {wrong:,.0f} errors in {counted(first['n'], 'sample')}, {counted(len(results), 'seed')}"


def markdown(results: Sequence[dict[str, Any]], plots: Sequence[tuple[str | None, str, str]] = ()) -> str:
    """Return all tables in Markdown, each under a heading.

    Args:
        results: the cells.
        plots: noise, title and relative path of each plot. It is shown below the table of its noise; at the end if the noise is
            None.
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
        "Mean ± standard deviation over the seeds. Precision at k: k is the number of errors. "
        "Cost is a multiple of the plain training; all scores of the run share this training.",
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
    """Return all tables for a terminal: at most 100 columns wide, without deviations on narrower terminals."""
    header = [name.replace(" ", "\n") for name in HEADER]
    parts = []
    for cells in by_noise(results).values():
        rows = [(row[0], *map(_compact, row[1:])) for row in rows_of(cells)]
        parts.append("\n".join([visible(title_of(cells)), plain_table(header, rows, numbers=True), *map(visible, remarks(cells))]))
    return "\n\n".join(parts)


def _compact(cell: str) -> str:
    """Return a mean with its deviation in compact form: `0.912±.012` for `0.912 ± 0.012`."""
    mean, _, deviation = cell.partition(" ± ")
    return f"{mean}±{deviation.removeprefix('0')}" if deviation and table_width() == WIDEST else mean


def _image(title: str, path: str) -> str:
    return f"\n![{escape_markdown(title)}]({quote(path)})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
