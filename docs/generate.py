"""Write the parts of the documentation that list options, scores, files and plug-ins, from the tables of the package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from formulas import FORMULAS
from typer.main import get_command

import curv_issues
from curv_issues.baselines import BASELINES
from curv_issues.cli.app import app
from curv_issues.cli.help import examples_of
from curv_issues.datalab.base import LabOptions
from curv_issues.datalab.register import ISSUE_MANAGERS
from curv_issues.export import EXPORTERS
from curv_issues.noise import NOISES
from curv_issues.option import list_options
from curv_issues.options import PRESETS, TrainingOptions
from curv_issues.plugins import load_attribute
from curv_issues.probes import PROBES
from curv_issues.report import FORMATS
from curv_issues.results.kinds import KINDS, ResultTable
from curv_issues.results.tables import ALL_TABLES
from curv_issues.trackers import ALL_SCORES, CROSS_FIT_SCORES, ScoreInfo


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars inside cells are escaped."""
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def options() -> str:
    """Return one table per command, with all of its arguments and options as its help has them."""
    group: Any = get_command(app)
    parts = []
    for name, command in group.commands.items():
        context = command.context_class(command, info_name=name)
        rows = [_option_row(parameter, context) for parameter in command.params]
        examples = "\n".join(examples_of(command))
        parts.append(
            f"## curv-issues {name}\n\n{command.help}\n\n```sh\n{examples}\n```\n\n{markdown_table(('option', 'meaning'), rows)}"
        )
    return "\n\n".join(parts)


def _option_row(parameter: Any, context: Any) -> tuple[str, str]:
    spelled, meaning = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        spelled = parameter.metavar
    return f"`{spelled}`", " ".join(meaning.split())


def presets() -> str:
    """Return what each preset stands for."""
    rows = [
        (f"`{name}`", f"{effort.epochs_factor:g}", str(effort.curvature_epochs), str(effort.num_matvecs))
        for name, effort in PRESETS.items()
    ]
    return markdown_table(("preset", "times the usual epochs", "epochs with curvature", "directions per measurement"), rows)


def results() -> str:
    """Return the tables of a result folder with their columns and types."""
    parts = []
    for name, table in ALL_TABLES.items():
        rows = [(f"`{column}`", kind.rstrip("?"), "yes" if kind.endswith("?") else "") for column, kind in table.columns.items()]
        shown = markdown_table(("column", "type", "may be null"), rows)
        parts.append(f"### {name}.parquet\n\nEach row is {table.about}.{_presence(table)}\n\n{shown}")
    return "\n\n".join(parts)


def _presence(table: ResultTable) -> str:
    return "" if table.default else " The file is absent unless it was asked for."


def kinds() -> str:
    """Return the kinds of findings."""
    return markdown_table(("kind", "meaning"), [(f"`{name}`", info.about) for name, info in KINDS.items()])


def scores() -> str:
    """Return one section per score: definition, formula, direction, cost, source."""
    if set(FORMULAS) != set(ALL_SCORES):
        raise ValueError(f"docs/formulas.py and the table of scores differ in: {sorted(set(FORMULAS) ^ set(ALL_SCORES))}.")
    return "\n\n".join(_score_section(name, info) for name, info in ALL_SCORES.items())


def _score_section(name: str, info: ScoreInfo) -> str:
    measured = "with features" if name in CROSS_FIT_SCORES else f"with `--measure {name}`" if info.on_demand else "in every run"
    lines = [
        f"### {name}",
        f"{_sentence(info.description)}.",
        f"$$\n{FORMULAS[name]}\n$$",
        f"- Suspect where: {info.direction}\n- Cost: {info.cost}\n- Source: {info.source}\n- Measured: {measured}",
    ]
    return "\n\n".join(lines)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def probes() -> str:
    """Return the networks, each with the docstring of its class."""
    return markdown_table(("probe", "network"), [(f"`{name}`", _summary(target)) for name, target in PROBES.items()])


def formats() -> str:
    """Return the output formats, each with the first line of its function's docstring."""
    return markdown_table(("format", "content"), [(f"`{name}`", _summary(target)) for name, target in FORMATS.items()])


def exporters() -> str:
    """Return the formats of exports, each with the first line of its function's docstring."""
    rows = [(f"`{name}`", _summary(target).removeprefix("Write ")) for name, target in EXPORTERS.items()]
    return markdown_table(("format", "files"), rows)


def noise() -> str:
    """Return the kinds of noise that `bench` plants."""
    rows = [(f"`{name}:{info.argument}`", info.description, info.source) for name, info in NOISES.items()]
    return markdown_table(("noise", "what is planted", "source"), rows)


def baselines() -> str:
    """Return the baselines with their scores and costs."""
    rows = []
    for name, info in BASELINES.items():
        for score in info.scores:
            entry = info.metadata(score)
            rows.append((f"`{name}`", entry["description"], entry["direction"], entry["cost"], entry["source"]))
    return markdown_table(("baseline", "score", "suspect where", "cost", "source"), rows)


def issue_types() -> str:
    """Return the issue types of Datalab with the columns that `get_issues` returns."""
    rows = [
        (f"`{manager.issue_name}`", " ".join(manager.description.split()), ", ".join(f"`{name}`" for name in manager.columns))
        for manager in ISSUE_MANAGERS
    ]
    return markdown_table(("issue type", "meaning", "columns"), rows)


def issue_options() -> str:
    """Return the options of the issue types of Datalab, with defaults and the types that take them."""
    groups: dict[type, str] = dict.fromkeys((TrainingOptions, LabOptions), "all")
    for group in dict.fromkeys(manager.own_options for manager in ISSUE_MANAGERS):
        groups[group] = ", ".join(f"`{manager.issue_name}`" for manager in ISSUE_MANAGERS if manager.own_options is group)
    rows = [
        (f"`{info.name}`", f"`{info.default!r}`", taken, info.help)
        for group, taken in groups.items()
        for info in list_options(group)
    ]
    return markdown_table(("option", "default", "issue types", "meaning"), rows)


def api() -> str:
    """Return the directives for every public name, functions first."""
    groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
    for name in curv_issues.__all__:
        value = getattr(curv_issues, name)
        if getattr(value, "__name__", None) != name:  # the version, and names of before
            continue
        if not inspect.isclass(value):
            groups["Functions"].append(f".. autofunction:: curv_issues.{name}")
        elif issubclass(value, BaseException):
            groups["Errors"].append(f".. autoexception:: curv_issues.{name}\n   :show-inheritance:")
        else:
            groups["Classes"].append(f".. autoclass:: curv_issues.{name}\n   :members:")
    return "\n\n".join(
        f"## {title}\n\n```{{eval-rst}}\n" + "\n\n".join(entries) + "\n```" for title, entries in groups.items() if entries
    )


def _summary(target: str) -> str:
    """Return the first line of the docstring of "module:attribute"."""
    return (inspect.getdoc(load_attribute(target)) or "").partition("\n")[0]


PARTS: dict[str, Callable[[], str]] = {
    "options": options,
    "presets": presets,
    "results": results,
    "kinds": kinds,
    "scores": scores,
    "probes": probes,
    "formats": formats,
    "exporters": exporters,
    "noise": noise,
    "baselines": baselines,
    "issue_types": issue_types,
    "issue_options": issue_options,
    "api": api,
}


def write(folder: Path) -> None:
    """Write every part as NAME.md into the folder; a file that would not change keeps its date."""
    folder.mkdir(exist_ok=True)
    for name, make in PARTS.items():
        path, text = folder / f"{name}.md", make() + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
