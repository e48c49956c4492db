"""Change one operator, number or condition of the package at a time, and count how many of these mutants the tests notice.

    python -m tests.mutation [--number 100] [--seed 0] [--only findings]

Each mutant runs the tests of its part in a separate process, which starts with the libraries already imported.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TESTS = {
    "findings": [
        "tests/findings",
        "tests/report/test_conflicts.py",
        "tests/auditing/test_leakage.py",
        "tests/auditing/test_audit_duplicates.py",
    ],
    "trackers": ["tests/trackers", "tests/training/test_scoring.py", "tests/training/test_run.py"],
    "duplicates": ["tests/duplicates", "tests/auditing/test_audit_duplicates.py"],
    "training": ["tests/training"],
    "gate": ["tests/gate"],
    "curvature.py": ["tests/test_curvature.py", "tests/test_contrast.py", "tests/training/test_scoring.py"],
}
"""File or folder of the package -> its tests, the fastest first."""
SECONDS = 240
"""A mutant that takes longer counts as noticed, as most of them run forever."""

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult},
}
_NAMES = {"max": "min", "min": "max", "amax": "amin", "any": "all", "all": "any", "argmax": "argmin", "ones": "zeros"}
# Numbers that only change the speed or a message.
_SPEED_ONLY = ("BATCH", "CHUNK", "EXACT_UP_TO", "SHOWN")


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: Path
    number: int
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        """Return file, line, and both versions of the changed code."""
        return f"{self.path.relative_to(ROOT)}:{self.line}  {self.before}  ->  {self.after}"


def list_mutants(path: Path) -> list[Mutant]:
    """Return all mutants of a file, in source order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for number, (node, changed) in enumerate(_changes(tree)):
        found.append(Mutant(path, number, node.lineno, _shown(node), _shown(changed)))
    return found


def source_of(mutant: Mutant) -> str:
    """Return the text of the changed file."""
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    node, changed = list(_changes(tree))[mutant.number]
    node.__class__ = changed.__class__
    node.__dict__.clear()
    node.__dict__.update(changed.__dict__)
    return ast.unparse(ast.fix_missing_locations(tree))


def is_noticed(mutant: Mutant) -> bool:
    """Return whether the tests of a mutant's part fail."""
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(mutant,))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return process.exitcode != 0


def _run_tests(mutant: Mutant) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    import pytest
    import torch

    torch.set_num_threads(1)
    package = mutant.path.relative_to(ROOT).with_suffix("")
    sys.meta_path.insert(0, _MutantFinder(".".join(package.parts), mutant))
    tests = next(tests for part, tests in TESTS.items() if package.parts[1] in (part, Path(part).stem))
    options = ["-x", "-q", "-o", "addopts=", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist"]
    os._exit(int(pytest.main([*options, *tests])))


class _MutantFinder(importlib.abc.MetaPathFinder):
    """Import one module from its changed source."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        self._name = name
        self._mutant = mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._mutant.path, loader=_MutantLoader(self._mutant))


class _MutantLoader(importlib.abc.Loader):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(source_of(self._mutant), str(self._mutant.path), "exec"), module.__dict__)


def _changes(tree: ast.AST) -> Iterator[tuple[Any, Any]]:
    """Yield each node that can be changed, and its changed version."""
    for node in _walk(tree):
        changed = copy.copy(node)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPPED:
            changed.ops = [_SWAPPED[type(node.ops[0])](), *node.ops[1:]]
            yield node, changed
        elif (isinstance(node, ast.BinOp | ast.BoolOp)) and type(node.op) in _SWAPPED and not _is_text(node):
            changed.op = _SWAPPED[type(node.op)]()
            yield node, changed
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield node, node.operand
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            changed.value = not node.value if isinstance(node.value, bool) else _other_number(node.value)
            yield node, changed
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield node, changed
        elif isinstance(node, ast.Name) and node.id in _NAMES:
            changed.id = _NAMES[node.id]
            yield node, changed
        elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
            changed.attr = _NAMES[node.attr]
            yield node, changed


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield nodes whose change matters: no annotations, error messages, decorators, or numbers that only affect the speed."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "exc"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr) and not _is_about_speed(child):
                yield from _walk(child)


def _is_about_speed(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and any(word in target.id for word in _SPEED_ONLY) for target in targets)


def _is_text(node: ast.AST) -> bool:
    parts = (ast.JoinedStr, ast.Constant)
    return any(isinstance(child, parts) and not isinstance(getattr(child, "value", ""), int | float) for child in ast.walk(node))


def _other_number(number: float) -> float:
    return number + 1 if isinstance(number, int) else number * 1.5 or 1.0


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node.test) if isinstance(node, ast.If | ast.While) else ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."


def sample_mutants(number: int, seed: int, only: str | None = None) -> list[Mutant]:
    """Return that many mutants, chosen uniformly at random from all parts, or from one of them."""
    paths = [
        path
        for part in TESTS
        if only in (None, part)
        for path in sorted((ROOT / "curv_issues" / part).glob("*.py") if "." not in part else [ROOT / "curv_issues" / part])
    ]
    mutants = [mutant for path in paths for mutant in list_mutants(path)]
    return random.Random(seed).sample(mutants, min(number, len(mutants)))


def survivors(mutants: Sequence[Mutant], *, report: bool = False) -> list[Mutant]:
    """Return the mutants that no test notices."""
    import hypothesis  # noqa: F401 - needed by all children
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch  # noqa: F401

    found = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as executor:
        for mutant, noticed in zip(mutants, executor.map(is_noticed, mutants), strict=True):
            if not noticed:
                found.append(mutant)
            if report:
                print("noticed " if noticed else "SURVIVED", mutant, flush=True)
    return found


def main() -> None:
    """Print each mutant with its outcome, and the number noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=TESTS)
    options = parser.parse_args()
    mutants = sample_mutants(options.number, options.seed, options.only)
    left = survivors(mutants, report=True)
    print(f"{len(mutants) - len(left)} of {len(mutants)} mutants are noticed")


if __name__ == "__main__":
    main()
