"""README.md and the pages of docs/, and the code in them."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
GUIDE = DOCS / "guide"
PAGES = tuple(sorted(path for path in DOCS.rglob("*.md") if not {"generated", "_build"} & set(path.parts)))
DOCUMENTS = (README, *PAGES)
"""What users read; pages that the build generates are not among them."""

OTHERS = tuple(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md"))
REPOSITORY = "https://github.com/curv-issues/curv-issues"


def name_of(path: Path) -> str:
    """Path below the root, for the names of tests."""
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [token.content for token in MarkdownIt().parse(text_of(path)) if token.type == "fence" and token.info == language]


def shell_lines(*paths: Path) -> list[str]:
    """The lines of all shell blocks."""
    return [line for path in paths for block in blocks(path, "sh") for line in block.splitlines()]


def table_after(path: Path, header: str) -> list[list[str]]:
    """Cells of the rows of the table with this header."""
    rows = text_of(path).partition(header + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert rows, header
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def links(path: Path) -> list[str]:
    """Targets of the links and images of a page."""
    found = []
    for token in MarkdownIt().enable("table").parse(text_of(path)):
        for child in token.children or []:
            target = child.attrGet("href") or child.attrGet("src")
            if target is not None:
                found.append(str(target))
    return found


def anchors(path: Path) -> set[str]:
    """Anchors that GitHub and MyST make from the headings of a page."""
    tokens = MarkdownIt().parse(text_of(path))
    titles = [tokens[number + 1].content for number, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


SHELL = shell_lines(*DOCUMENTS)
RUN = [path for path in DOCUMENTS if blocks(path, "python")]
"""The documents whose code the tests run."""
