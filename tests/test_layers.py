"""Layers of the package: no folder imports one above it, and no files import each other in a cycle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import curv_issues

ROOT = Path(curv_issues.__file__).parent
LAYERS = (
    "ground",  # the files beside the folders
    "confusions",
    "results",
    "inputs",
    "data",
    "probes",
    "trackers",
    "backbones",
    "options",
    "training",
    "duplicates",
    "findings",
    "noise",
    "baselines",
    "review",
    "report",
    "gate",
    "memorization",
    "applying",
    "auditing",
    "serving",
    "export",
    "callbacks",
    "bench",
    "datalab",
    "cli",
)
"""From bottom to top; `options` is a file."""

FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path for path in ROOT.rglob("*.py")
}


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that a file imports at run time, also within functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            names = (f"{child.module}.{alias.name}" for alias in child.names)
            yield from (name if name in FILES else child.module for name in names)
        yield from imported(child)


IMPORTS = {name: {other for other in imported(ast.parse(path.read_text())) if other in FILES} for name, path in FILES.items()}


def layer_of(name: str) -> str:
    second = name.split(".")[1]
    return second if second in LAYERS else "ground"


def test_no_import_points_to_a_higher_layer() -> None:
    ours = {
        name: others - {"curv_issues"} for name, others in IMPORTS.items() if name not in ("curv_issues", "curv_issues.__main__")
    }
    upward = [
        f"{name} imports {other}"
        for name, others in ours.items()
        for other in others
        if LAYERS.index(layer_of(name)) < LAYERS.index(layer_of(other))
    ]
    assert upward == []
    arrows = {(layer_of(name), layer_of(other)) for name, others in ours.items() for other in others}
    between = sum(first != second for first, second in arrows)
    print(f"{len(LAYERS)} layers, {between} arrows between them, {len(FILES)} files, none upward")  # shown with pytest -s


def test_every_folder_is_a_layer() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(LAYERS) - {"ground", "options"}


def test_no_import_cycles() -> None:
    list(graphlib.TopologicalSorter(IMPORTS).static_order())  # raises CycleError


def test_no_module_imports_the_package_itself() -> None:
    assert [name for name, others in IMPORTS.items() if "curv_issues" in others] == []


def test_only_the_datalab_folder_imports_cleanlab_datalab() -> None:
    found = {
        name
        for name, path in FILES.items()
        for other in imported(ast.parse(path.read_text()))
        if other.startswith("cleanlab.datalab")
    }
    assert {layer_of(name) for name in found} == {"datalab"}
