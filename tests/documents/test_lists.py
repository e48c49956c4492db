"""The lists in docs/, by hand and generated, are those of the package."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import curv_issues
from curv_issues import errors
from curv_issues.export import EXPORTERS
from curv_issues.gate.check import FAILED
from curv_issues.gate.rules import ANY
from curv_issues.noise import NOISES
from curv_issues.option import option_names
from curv_issues.options import PRESETS
from curv_issues.probes import PROBES
from curv_issues.report import FORMATS
from curv_issues.results.interrupted import AuditInterrupted
from curv_issues.results.kinds import KINDS
from curv_issues.results.search_tables import SEARCH_TABLES
from curv_issues.results.tables import ALL_TABLES, FILES
from curv_issues.trackers import ALL_SCORES, SCORES
from tests.documents import (
    DOCS,
    GUIDE,
    PAGES,
    ROOT,
    table_after,
    text_of,
)


def test_the_table_of_noise() -> None:
    rows = table_after(GUIDE / "compare.md", "| function | what it plants |")
    listed = {name for cell, _ in rows for name in re.findall(r"`curv_issues\.(\w+)`", cell)}
    modules = {info.target.partition(":")[0] for info in NOISES.values()}
    public = {name for name in curv_issues.__all__ if getattr(getattr(curv_issues, name), "__module__", None) in modules}
    assert listed | {"long_tailed"} == public
    assert len(public) == len(NOISES)


def test_the_table_of_exit_codes() -> None:
    kinds = [errors.UsageError, errors.DatasetError, errors.AuditError, AuditInterrupted]
    listed = [int(code) for code, _ in table_after(GUIDE / "audit.md", "| code | meaning |")]
    assert listed == [0, FAILED, *(kind.exit_code for kind in kinds)]


def test_the_tables_of_the_gate() -> None:
    kinds = [cell.strip("`") for cell, _ in table_after(GUIDE / "gate.md", "| kind | samples counted |")]
    assert kinds == [*KINDS, ANY]
    inputs = [cell.strip("`") for cell, _ in table_after(GUIDE / "gate.md", "| input | meaning |")]
    assert inputs == list(yaml.safe_load(text_of(ROOT / "action.yml"))["inputs"])


def test_every_column_of_a_result_has_a_meaning() -> None:
    rows = table_after(DOCS / "results.md", "| column | meaning |")
    listed = [name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)]
    assert len(listed) == len(set(listed))
    assert set(listed) == {name for table in ALL_TABLES.values() for name in table.columns}


def test_every_column_of_a_search_for_duplicates_has_a_meaning() -> None:
    rows = table_after(GUIDE / "duplicates.md", "| column | meaning |")
    listed = [name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)]
    assert len(listed) == len(set(listed))
    assert set(listed) == {name for table in SEARCH_TABLES.values() for name in table.columns}


def test_every_file_of_a_result_is_described() -> None:
    rows = table_after(DOCS / "results.md", "| file | content |")
    listed = [name for cell, _ in rows for name in re.findall(r"`([\w.]+)`", cell)]
    generated = [f"{name}.parquet" for name in ALL_TABLES]
    assert sorted([*listed, *generated]) == sorted(FILES)


def test_choices_of_options() -> None:
    guide = text_of(GUIDE / "audit.md")
    assert f"`--preset {'|'.join(PRESETS)}`" in guide


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which needs no Sphinx."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("generate")
    finally:
        sys.path.remove(str(DOCS))


def test_every_part_is_included(generate: ModuleType) -> None:
    pattern = re.compile(r"^```\{include\} (?:\.\./)?generated/(\w+)\.md$", re.MULTILINE)
    assert {name for page in PAGES for name in pattern.findall(text_of(page))} == set(generate.PARTS)


def test_options_are_those_of_the_commands(generate: ModuleType) -> None:
    from tests.cli.test_help import COMMANDS, flags

    sections = dict(re.findall(r"^## curv-issues (\w+)\n(.*?)(?=^## |\Z)", generate.options(), flags=re.MULTILINE | re.DOTALL))
    assert set(sections) == set(COMMANDS)
    for name, section in sections.items():
        cells = " ".join(re.findall(r"^\| `(.*?)` \|", section, flags=re.MULTILINE))
        assert set(re.findall(r"--[a-z][a-z-]*", cells)) == flags(name), name


def test_options_of_issue_types_are_those_they_take(generate: ModuleType) -> None:
    from curv_issues.datalab.base import SHARED

    rows = re.findall(r"^\| `(\w+)` \| `.*?` \| (.*?) \| \w", generate.issue_options(), flags=re.MULTILINE)
    assert {name for name, taken in rows if taken == "all"} == set(SHARED)
    for manager in generate.ISSUE_MANAGERS:
        shown = {name for name, taken in rows if taken == "all" or f"`{manager.issue_name}`" in taken}
        manager._check_names(manager.__new__(manager), dict.fromkeys(shown))  # raises an error if one is unknown
        assert len(shown) == len(SHARED) + len(option_names(manager.own_options))


LISTS = {"probes": PROBES, "formats": FORMATS, "exporters": EXPORTERS, "presets": PRESETS}


@pytest.mark.parametrize(("part", "table"), LISTS.items())
def test_lists_of_plug_ins(part: str, table: dict[str, Any], generate: ModuleType) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \|", generate.PARTS[part](), flags=re.MULTILINE)
    assert [name for name, _ in rows] == list(table)
    assert all(meaning.strip() for _, meaning in rows)


def test_a_score_without_a_formula_is_an_error(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.findall(r"^### (\w+)$", generate.scores(), flags=re.MULTILINE) == list(ALL_SCORES)
    monkeypatch.delitem(generate.FORMULAS, "margin")
    with pytest.raises(ValueError, match=r"differ in: \['margin'\]"):
        generate.scores()


def test_a_new_score_appears_by_itself(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(generate.ALL_SCORES, "new", SCORES["margin"])
    monkeypatch.setitem(generate.FORMULAS, "new", "x")
    assert "### new\n" in generate.scores()


def test_the_api_has_every_public_name(generate: ModuleType) -> None:
    assert sorted(re.findall(r":: curv_issues\.(\w+)$", generate.api(), flags=re.MULTILINE)) == sorted(
        {*curv_issues.__all__} - {"__version__", "find_again", "find_overlap"}
    )


def test_parts_that_did_not_change_keep_their_date(generate: ModuleType, tmp_path: Path) -> None:
    generate.write(tmp_path)
    path = tmp_path / "probes.md"
    os.utime(path, (1, 1))
    generate.write(tmp_path)
    assert path.stat().st_mtime == 1
