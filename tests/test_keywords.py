"""The options as keywords of `audit` and `load_data`, defined once in the groups of options."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import curv_issues
from curv_issues.data.source_options import SourceOptions
from curv_issues.keywords import check_keywords, make_options, takes_options
from curv_issues.option import Options, list_options, option
from curv_issues.option_checks import Whole
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True, kw_only=True)
class Meal(Options):
    """What is eaten."""

    dish: str = option("soup", "What is cooked.")
    guests: int | None = option(None, "Number of guests.", check=Whole(1, 12))


@takes_options(Meal)
def cook(kitchen: str, *, quickly: bool = False, **options: Any) -> Meal:
    """Cook a meal.

    Args:
        kitchen: where.
        **options: see `Meal`.
        quickly: whether in a hurry.
    """
    check_keywords("cook", options, Meal)
    return make_options(Meal, options)


def test_signature_and_documentation_come_from_the_options() -> None:
    assert str(inspect.signature(cook)) == (
        "(kitchen: 'str', *, dish: str = 'soup', guests: int | None = None, quickly: 'bool' = False) -> 'Meal'"
    )
    assert inspect.getdoc(cook) == (
        "Cook a meal.\n\nArgs:\n    kitchen: where.\n    dish: What is cooked.\n    guests: Number of guests. 1 to 12.\n"
        "    quickly: whether in a hurry."
    )
    assert Meal.__doc__ == "What is eaten.\n\nAttributes:\n    dish: What is cooked.\n    guests: Number of guests. 1 to 12."


def test_keywords_become_options() -> None:
    assert cook("small", guests=3) == Meal(dish="soup", guests=3)
    with pytest.raises(TypeError, match=r"^cook\(\) got an unexpected keyword argument 'guest'$"):
        cook("small", guest=3)


@pytest.mark.parametrize(
    ("function", "groups", "own"),
    [
        (curv_issues.load_data, [SourceOptions], {"dataset", "seed", "resolution", "progress"}),
        (
            curv_issues.audit,
            [SourceOptions, TrainingOptions, FindingOptions, DuplicateOptions],
            {"dataset", "against", "pred_probs", "trackers", "images", "decisions", "progress", "on_result"},
        ),
    ],
)
def test_public_functions_accept_every_option(function: Callable[..., Any], groups: list[type], own: set[str]) -> None:
    accepted = inspect.signature(function).parameters
    expected = {info.name: info.default for group in groups for info in list_options(group)}
    assert {name: accepted[name].default for name in expected} == expected
    assert set(accepted) - set(expected) == own
    documented = (inspect.getdoc(function) or "").partition("Args:")[2].partition("Returns:")[0]
    assert [name for name in accepted if f"\n    {name}: " not in documented] == []
    with pytest.raises(TypeError, match=f"{function.__name__}.*unexpected keyword argument 'epoch'"):
        function("nothing", epoch=3)


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs the repository")
def test_types_for_editors_are_up_to_date() -> None:
    program = "import keywords; assert keywords.FILE.read_text() == keywords.keyword_types(), 'run python docs/keywords.py'"
    done = subprocess.run([sys.executable, "-c", program], cwd=DOCS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
