"""What README.md and the pages of docs/ say is so: commands, code, lists, links; and the pages build without a warning."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

import curv_issues
from curv_issues import errors
from curv_issues.noise import NOISES
from curv_issues.option import option_names
from curv_issues.options import PRESETS
from curv_issues.probes import PROBES
from curv_issues.report import FORMATS
from curv_issues.results.interrupted import AuditInterrupted
from curv_issues.results.kinds import KINDS
from curv_issues.results.tables import ALL_TABLES, FILES
from curv_issues.trackers import SCORES
from tests.cli.running import run
from tests.documents import (
    DOCUMENTS,
    OTHERS,
    PAGES,
    REPOSITORY,
    ROOT,
    anchors,
    blocks,
    links,
    name_of,
    shell_lines,
    table_after,
    text_of,
)
from tests.small import make_arrays

DOCS = ROOT / "docs"
README = ROOT / "README.md"
GUIDE = DOCS / "guide"
RESULTS = ROOT / "benchmarks" / "results"  # not in a source distribution
IS_CHECKOUT = (ROOT / ".git").exists()
SHELL = shell_lines(*DOCUMENTS)
RUN = [path for path in DOCUMENTS if blocks(path, "python")]
LINES = {command: sorted({line for line in SHELL if line.startswith(f"curv-issues {command} ")}) for command in ("audit", "bench")}
needs_sphinx = pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="needs Sphinx: pip install '.[docs]'")

# --- commands ---


@pytest.mark.parametrize("line", LINES["audit"])
def test_lines_of_the_command_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = []

    def note(dataset: Any, **options: Any) -> None:
        asked.append((dataset, options))
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.auditing.audit.audit", note)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    ((dataset, options),) = asked
    assert dataset == words[1] or dataset == [word for word in words if word.endswith(".parquet")]
    for flag in re.findall(r"--([a-z-]+)", line):
        assert options[flag.replace("-", "_")] is not None


@pytest.mark.parametrize("line", LINES["bench"])
def test_lines_of_bench_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def note(dataset: Any, **_: Any) -> None:
        asked.append(dataset)
        raise errors.DatasetError("far enough.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curv_issues.data.loading.load_data", note)
    words = shlex.split(line, comments=True)[1:]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (3, "Error: far enough.\n")
    assert asked == [words[1]]


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("python")])
def test_programs_that_are_named_exist(line: str) -> None:
    words = shlex.split(line, comments=True)
    path = words[2].replace(".", "/") + ".py" if words[1] == "-m" else words[1]
    assert (ROOT / path).is_file()


def test_all_kinds_of_lines_are_there() -> None:
    assert len(LINES["audit"]) >= 8
    assert len(LINES["bench"]) >= 4
    others = {line.split()[1] for line in SHELL if line.startswith("curv-issues")} - {*LINES, "show", "demo"}
    assert others == set()


def test_show_finds_the_folder_that_audit_has_written() -> None:
    from curv_issues.cli.shared import folder_name

    (line,) = (line for line in SHELL if line.startswith("curv-issues show"))
    assert shlex.split(line, comments=True)[2] == folder_name(["./photos"], None)


# --- code ---


def tiny_dataset() -> datasets.Dataset:
    images, labels = make_arrays(24, 2)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    columns = {"image": [Image.fromarray(image[..., 0]) for image in images], "label": labels.tolist()}
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of class folders, and one with two splits of the same images."""
    for number, (image, label) in enumerate(zip(*(tiny_dataset()[name] for name in ("image", "label")), strict=True)):
        folder = tmp_path / "photos" / ("cat", "dog")[label]
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{number}.png")
    for split in ("train", "test"):
        shutil.copytree(tmp_path / "photos", tmp_path / "shots" / split)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run_blocks(page: Path, here: Path) -> dict[str, Any]:
    """Run the Python blocks of a page one after another; a block that begins with `# NAME.py` is written to that file."""
    names: dict[str, Any] = {"data": tiny_dataset()}
    for code in blocks(page, "python"):
        if named := re.match(r"# (\w+\.py)\n", code):
            (here / named[1]).write_text(code, encoding="utf-8")
            continue
        code = re.sub(r'(audit\("\./photos", seed=0)\)', r"\1, epochs=1)", code)  # the rest of the 40 epochs shows nothing more
        code = code.replace('{"curvature": {}', '{"curvature": {"epochs": 1}')
        exec(compile(code, name_of(page), "exec"), names)
    return names


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {}


def checks(page: Path) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    """Register what must hold after the blocks of a page have run."""

    def register(check: Callable[[dict[str, Any]], None]) -> None:
        CHECKS[name_of(page)] = check

    return register


@checks(README)
def _readme(names: dict[str, Any]) -> None:
    assert len(names["result"]) == len(names["again"]) == 24
    assert names["again"].summary["options"]["cut_off"] == "2%"
    assert Path("photos-audit", "summary.json").is_file()
    assert len(names["lab"].get_issues("curvature")) == 24


@checks(GUIDE / "python.md")
def _python(names: dict[str, Any]) -> None:
    result, again = names["result"], names["again"]
    np.testing.assert_array_equal(again.scores["suspicion"], result.scores["suspicion"])
    assert again.summary["options"]["cut_off"] == "2%"
    assert 0.9 <= names["same"].threshold <= 1
    assert set(names["same"].pairs[["first", "second"]].to_numpy().ravel()) <= set(range(24))
    found = set(zip(names["leakage"]["row"], names["leakage"]["other_row"], strict=True))
    assert found >= {(row, row) for row in range(24)}


@checks(GUIDE / "datalab.md")
def _datalab(names: dict[str, Any]) -> None:
    issues = names["lab"].get_issues("curvature")
    assert {"is_curvature_issue", "curvature_score"} < set(issues.columns)
    assert issues["curvature_score"].between(0, 1).all()
    issues = names["lab"].get_issues("duplicate_conflict")
    assert {"is_duplicate_conflict_issue", "duplicate_conflict_sets"} < set(issues.columns)


@checks(DOCS / "extend.md")
def _extend(names: dict[str, Any]) -> None:
    scored, linear = names["result"], names["linear"]
    assert scored.scores["entropy"].between(0, np.log(2) + 1e-6).all()
    assert scored.summary["ranking"]["score"] == "entropy"
    assert linear.embeddings.shape == (24, 32**2)  # grey, at the resolution of thumbnails
    assert names["text"].splitlines() == [str(row) for row in scored.findings["row"].head(3)]
    assert names["with_small"].summary["num_findings"]["small_class"] == 24
    assert names["with_small"].findings["kind"].value_counts()["small_class"] == 24
    assert names["data"].class_names == ("horizontal", "vertical")
    assert len(names["data"]) == 24


def test_every_page_with_code_is_run() -> None:
    assert {name_of(path) for path in RUN} == set(CHECKS)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_code(page: Path, here: Path) -> None:
    formats, kinds, modules = dict(FORMATS), dict(KINDS), set(sys.modules)
    try:
        CHECKS[name_of(page)](run_blocks(page, here))
    finally:
        FORMATS.clear()
        FORMATS.update(formats)
        KINDS.clear()
        KINDS.update(kinds)
        for path in here.glob("*.py"):
            if path.stem not in modules:
                sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_columns_in_comments_exist(page: Path) -> None:
    pattern = r"^result\.findings  # DataFrame: (.*), \.\.\. most suspect first$"
    for listed in re.findall(pattern, text_of(page), flags=re.MULTILINE):
        assert set(listed.split(", ")) <= set(ALL_TABLES["findings"].columns)


def test_names_of_the_package_exist() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"`curv_issues\.([A-Za-z_]+)", text_of(path))}
    assert named
    assert {name for name in named if not hasattr(curv_issues, name)} == set()


# --- lists ---


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
    assert listed == [0, *(kind.exit_code for kind in kinds)]


def test_every_column_of_a_result_has_a_meaning() -> None:
    rows = table_after(DOCS / "results.md", "| column | meaning |")
    listed = [name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)]
    assert len(listed) == len(set(listed))
    assert set(listed) == {name for table in ALL_TABLES.values() for name in table.columns}


def test_every_file_of_a_result_is_described() -> None:
    rows = table_after(DOCS / "results.md", "| file | content |")
    listed = [name for cell, _ in rows for name in re.findall(r"`([\w.]+)`", cell)]
    generated = [f"{name}.parquet" for name in ALL_TABLES]
    assert sorted([*listed, *generated]) == sorted(FILES)


def test_choices_of_options() -> None:
    guide = text_of(GUIDE / "audit.md")
    assert f"`--preset {'|'.join(PRESETS)}`" in guide


# --- generated parts ---


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


@pytest.mark.parametrize(("part", "table"), [("probes", PROBES), ("formats", FORMATS), ("presets", PRESETS)])
def test_lists_of_plug_ins(part: str, table: dict[str, Any], generate: ModuleType) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", generate.PARTS[part](), flags=re.MULTILINE)
    assert [name for name, _ in rows] == list(table)
    assert all(meaning.strip() for _, meaning in rows)


def test_a_score_without_a_formula_is_an_error(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.findall(r"^### (\w+)$", generate.scores(), flags=re.MULTILINE) == list(SCORES)
    monkeypatch.delitem(generate.FORMULAS, "margin")
    with pytest.raises(ValueError, match=r"differ in: \['margin'\]"):
        generate.scores()


def test_a_new_score_appears_by_itself(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(generate.SCORES, "new", SCORES["margin"])
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


# --- links and build ---


@pytest.mark.parametrize("page", [*DOCUMENTS, *OTHERS], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if target.startswith((f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/")):
            path = ROOT / target.removeprefix(REPOSITORY).split("/", 3)[3]
        elif re.match(r"https?:|mailto:", target):
            continue
        else:
            path = (page.parent / target).resolve() if target else page
        assert path.exists() or (path == RESULTS and not IS_CHECKOUT), link
        assert not anchor or anchor in anchors(path), link


def test_pages_are_in_the_navigation() -> None:
    listed = {f"{name}.md" for name in re.findall(r"^([\w/]+)$", "\n".join(blocks(DOCS / "index.md", "{toctree}")), re.MULTILINE)}
    assert {path.relative_to(DOCS).as_posix() for path in PAGES} == {*listed, "index.md"}


def copy_of_docs(tmp_path: Path) -> Path:
    """The sources of the pages, so that a build writes nothing into the checkout; `benchmarks` and README are not needed."""
    return Path(shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("_build", "generated", "__pycache__")))


def build(source: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(source), str(source.parent / "html")]
    return subprocess.run(line, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=280)


@needs_sphinx
def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    done = build(copy_of_docs(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    shown = (tmp_path / "html" / "scores.html").read_text(encoding="utf-8")
    assert all(f'id="{name.replace("_", "-")}"' in shown for name in SCORES)
    assert "curv_issues.audit" in (tmp_path / "html" / "api.html").read_text(encoding="utf-8")
    assert 'href="../scores.html"' in (tmp_path / "html" / "guide" / "audit.html").read_text(encoding="utf-8")


@needs_sphinx
def test_broken_pages_fail_the_build(tmp_path: Path) -> None:
    docs = copy_of_docs(tmp_path)
    for path in docs.rglob("*.md"):
        if path.name not in ("index.md", "scores.md"):
            path.unlink()  # a quick build
    faults = ("[a](no-page.md)", "[b](scores.md#no-anchor)", "```{include} generated/no-part.md\n```")
    text = "\n\n".join(("# Index", *faults, "```{toctree}\nscores\n```"))
    (docs / "index.md").write_text(text + "\n", encoding="utf-8")
    done = build(docs)
    assert done.returncode != 0
    assert [name for name in ("no-page", "no-anchor", "no-part") if name not in done.stderr] == []


def test_python_of_the_pages_has_no_long_lines() -> None:
    for page in RUN:
        for code in blocks(page, "python"):
            assert max(map(len, code.splitlines())) <= 132
