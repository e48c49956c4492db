from __future__ import annotations

import pytest

from curv_issues.baselines import BASELINES
from curv_issues.bench.methods import parse_methods
from curv_issues.errors import UsageError
from curv_issues.trackers import CROSS_FIT_SCORES, LABEL_NOISE_SCORES, SCORES, SCORES_OF_LABELS


def test_all_methods() -> None:
    found = parse_methods("all", num_samples=5_000, with_features=False)
    assert found.scores == (*SCORES, *LABEL_NOISE_SCORES)
    assert found.baselines == tuple(BASELINES)
    assert found.names == ("default", *SCORES, *LABEL_NOISE_SCORES, *BASELINES)


def test_all_leaves_out_memorization_on_large_data() -> None:
    found = parse_methods(["all"], num_samples=5_001, with_features=False)
    assert set(BASELINES) - set(found.baselines) == {"memorization"}
    assert parse_methods(["all", "memorization"], num_samples=5_001, with_features=False).baselines == tuple(BASELINES)


def test_names_may_be_separated_by_commas_and_are_sorted() -> None:
    found = parse_methods(["margin, confident_learning", "cumulative_loss"], num_samples=10, with_features=False)
    assert found.scores == ("cumulative_loss", "margin")
    assert found.baselines == ("confident_learning",)
    assert parse_methods("default", num_samples=10, with_features=False).names == ("default",)


@pytest.mark.parametrize("text", ["depth", "margin,depth", "", "margin,"])
def test_unknown_names_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"Unknown method '(depth)?'; choose from: all, default, .*memorization\."):
        parse_methods(text, num_samples=10, with_features=False)


def test_scores_of_cross_fitting_need_features() -> None:
    assert parse_methods("all", num_samples=10, with_features=True).scores == tuple(SCORES_OF_LABELS)
    for name in CROSS_FIT_SCORES:
        assert parse_methods(name, num_samples=10, with_features=True).scores == (name,)
        with pytest.raises(UsageError, match=f"The score '{name}' is measured on features, but this dataset has images only."):
            parse_methods(name, num_samples=10, with_features=False)
