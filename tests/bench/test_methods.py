from __future__ import annotations

import pytest

from curv_issues.baselines import BASELINES
from curv_issues.bench.methods import parse_methods
from curv_issues.errors import UsageError
from curv_issues.trackers import SCORES


def test_all_methods() -> None:
    found = parse_methods("all", num_samples=5_000)
    assert found.scores == tuple(SCORES)
    assert found.baselines == tuple(BASELINES)
    assert found.names == ("default", *SCORES, *BASELINES)


def test_all_leaves_out_memorization_on_large_data() -> None:
    found = parse_methods(["all"], num_samples=5_001)
    assert set(BASELINES) - set(found.baselines) == {"memorization"}
    assert parse_methods(["all", "memorization"], num_samples=5_001).baselines == tuple(BASELINES)


def test_names_may_be_separated_by_commas_and_are_sorted() -> None:
    found = parse_methods(["margin, confident_learning", "cumulative_loss"], num_samples=10)
    assert found.scores == ("cumulative_loss", "margin")
    assert found.baselines == ("confident_learning",)
    assert parse_methods("default", num_samples=10).names == ("default",)


@pytest.mark.parametrize("text", ["depth", "margin,depth", "", "margin,"])
def test_unknown_names_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"Unknown method '(depth)?'; choose from: all, default, .*memorization\."):
        parse_methods(text, num_samples=10)
