from __future__ import annotations

import pytest

from curv_issues.counting import counted


@pytest.mark.parametrize(("number", "expected"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1000, "1,000 images")])
def test_counted_nouns(number: int, expected: str) -> None:
    assert counted(number, "image") == expected


def test_irregular_nouns() -> None:
    assert (counted(1, "class", "classes"), counted(3, "class", "classes")) == ("1 class", "3 classes")
