"""Links lead somewhere, and the pages build without a warning."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curv_issues.trackers import SCORES
from tests.documents import (
    DOCS,
    DOCUMENTS,
    OTHERS,
    PAGES,
    REPOSITORY,
    ROOT,
    RUN,
    anchors,
    blocks,
    links,
    name_of,
)

RESULTS = ROOT / "benchmarks" / "results"  # not in a source distribution
IS_CHECKOUT = (ROOT / ".git").exists()
needs_sphinx = pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="needs Sphinx: pip install '.[docs]'")


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


@pytest.mark.slow
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
