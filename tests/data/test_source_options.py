from __future__ import annotations

from typing import Any

import pytest

from curv_issues.data.source_options import SourceOptions
from curv_issues.data.value_range import ValueRanges
from curv_issues.errors import UsageError
from curv_issues.option import list_options


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("4095", (0, 4095)), ("-5:5", (-5, 5)), ((0, 9), (0, 9)), (ValueRanges(), ValueRanges())],
)
def test_forms_of_value_range(given: Any, expected: Any) -> None:
    assert SourceOptions(value_range=given).value_range == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_samples": 1}, "max_samples must be an integer from 2 to 1000000000, got 1."),
        ({"max_pixels": 0}, "max_pixels must be an integer >= 1, got 0."),
        ({"skip_unreadable": "no"}, "skip_unreadable must be True or False, got 'no'."),
        ({"skip_unlabelled": 1}, "skip_unlabelled must be True or False, got 1."),
        ({"splits": "yes"}, "splits must be True, False or None (if all top-level folders have such names), got 'yes'."),
        ({"value_range": (2, 1)}, "value_range must be two finite numbers, the first below the second, got 2 to 1."),
        ({"value_range": "x"}, "--value-range must be a maximum such as 4095, or low:high such as 0:4095, got 'x'."),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        SourceOptions(**options)
    assert str(caught.value) == message


def test_every_option_is_documented() -> None:
    documented = SourceOptions.__doc__ or ""
    assert [info.name for info in list_options(SourceOptions) if f"\n    {info.name}: {info.help}" not in documented] == []
    assert all(info.help.endswith(".") for info in list_options(SourceOptions))
