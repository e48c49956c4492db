"""README.md: its length, and the commands that CI takes from it."""

from __future__ import annotations

import re

import pytest

from tests.documents import ROOT, blocks, links, text_of

README = ROOT / "README.md"
MOST_LINES = 160


def test_it_is_short() -> None:
    assert len(text_of(README).splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    ("marker", "line"), [("install", "pip install . && curv-issues demo"), ("test", "pip install '.[test]' && pytest")]
)
def test_the_two_commands(marker: str, line: str) -> None:
    """Found by CI behind their markers; each is one line."""
    (block,) = re.findall(rf"^<!-- {marker} -->\n```sh\n(.*?)^```$", text_of(README), flags=re.MULTILINE | re.DOTALL)
    assert block == line + "\n"


def test_the_line_without_cuda_comes_first() -> None:
    first, second = blocks(README, "sh")[:2]
    assert first == "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu\n"
    assert second.startswith("pip install .")


def test_each_way_in_takes_ten_lines_at_most() -> None:
    ways = text_of(README).partition("## Three ways in")[2].partition("\n## ")[0]
    found = re.findall(r"^```\w+\n(.*?)^```$", ways, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    assert all(len(block.splitlines()) <= 10 for block in found)


def test_the_image_is_small() -> None:
    (image,) = (ROOT / link for link in links(README) if link.endswith(".jpg"))
    assert image.stat().st_size <= 150_000
