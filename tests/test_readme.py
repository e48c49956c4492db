"""README.md: its length, and the commands that CI reads from it."""

from __future__ import annotations

import re

import pytest

from tests.documents import ROOT, blocks, links, text_of

README = ROOT / "README.md"
MOST_LINES = 160


def test_readme_is_short() -> None:
    assert len(text_of(README).splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    ("marker", "line"), [("install", "pip install . && curv-issues demo"), ("test", "pip install '.[test]' && pytest")]
)
def test_commands_for_ci(marker: str, line: str) -> None:
    """CI finds each command after its marker, on one line."""
    (block,) = re.findall(rf"^<!-- {marker} -->\n```sh\n(.*?)^```$", text_of(README), flags=re.MULTILINE | re.DOTALL)
    assert block == line + "\n"


def test_installation_without_cuda_comes_first() -> None:
    first, second = blocks(README, "sh")[:2]
    assert first == "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu\n"
    assert second.startswith("pip install .")


def test_each_introduction_has_at_most_ten_lines() -> None:
    ways = text_of(README).partition("## Three ways in")[2].partition("\n## ")[0]
    found = re.findall(r"^```\w+\n(.*?)^```$", ways, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    assert all(len(block.splitlines()) <= 10 for block in found)


def test_image_is_small() -> None:
    (image,) = (ROOT / link for link in links(README) if link.endswith(".jpg"))
    assert image.stat().st_size <= 150_000
