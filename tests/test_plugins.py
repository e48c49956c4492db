from __future__ import annotations

import math

import pytest

from curv_issues.errors import UsageError
from curv_issues.plugins import load_attribute, look_up


def test_load_attribute() -> None:
    assert load_attribute("math:sqrt") is math.sqrt
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load_attribute("no_such_module:thing")
    with pytest.raises(AttributeError, match="no_such_thing"):
        load_attribute("math:no_such_thing")


def test_look_up() -> None:
    table = {"one": 1, "two": 2}
    assert look_up(table, "two", "number") == 2
    with pytest.raises(UsageError) as caught:
        look_up(table, "three", "number")
    assert str(caught.value) == "Unknown number 'three'; choose one of: one, two."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
