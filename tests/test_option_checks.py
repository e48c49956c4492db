"""Checks of the values of options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from curv_issues.errors import UsageError
from curv_issues.option_checks import Boolean, Choice, Number, Whole


def message(check: Any, value: Any) -> str:
    with pytest.raises(UsageError) as caught:
        check("speed", value)
    return str(caught.value)


@pytest.mark.parametrize("value", [1, 12, 3, np.int8(3), np.uint64(3), None])
def test_valid_integers(value: Any) -> None:
    found = Whole(1, 12)("speed", value)
    assert found == value
    assert type(found) in (int, type(None))


@pytest.mark.parametrize("value", [0, 13, 2.0, "3", True, np.bool_(True), [1], math.nan, 10**30])
def test_invalid_integers_are_refused(value: Any) -> None:
    assert message(Whole(1, 12), value) == f"speed must be an integer from 1 to 12, got {value!r}."


def test_integers_without_a_maximum_or_none() -> None:
    assert Whole(1, None)("speed", 10**30) == 10**30
    assert message(Whole(1, None), 0) == "speed must be an integer >= 1, got 0."
    assert message(Whole(1, 2, optional=False), None) == "speed must be an integer from 1 to 2, got None."
    assert (Whole(1, 1_000).python_help, Whole(2, None).python_help) == ("1 to 1,000.", "At least 2.")


def test_numbers() -> None:
    assert (Number()("speed", np.float32(0.5)), Number()("speed", 0)) == (0.5, 0.0)
    assert Number(optional=True)("speed", None) is None
    for value in (None, "1", -1, math.nan, math.inf, 1j, 10**400, 1e31):
        assert message(Number(), value) == f"speed must be a number >= 0 and <= 1e+30, got {value!r}."
    assert message(Number(positive=True), 0) == "speed must be a number > 0 and <= 1e+30, got 0."
    assert message(Number(most=1), 1.01) == "speed must be a number >= 0 and <= 1, got 1.01."
    assert Number(most=1)("speed", 1) == 1
    assert Number(most=1, positive=True).python_help == "> 0 and <= 1."


def test_booleans() -> None:
    assert (Boolean()("speed", True), Boolean()("speed", False), Boolean(none="found")("speed", None)) == (True, False, None)
    assert message(Boolean(), None) == "speed must be True or False, got None."
    assert message(Boolean(), 1) == "speed must be True or False, got 1."
    assert message(Boolean(none="found"), "no") == "speed must be True, False or None (found), got 'no'."


def test_choices() -> None:
    check = Choice({"slow": 1, "fast": 2})
    assert check("speed", "fast") == "fast"
    assert message(check, "medium") == "Unknown speed 'medium'; choose one of: slow, fast."
    assert message(check, 3) == "speed must be one of slow, fast, got 3."
