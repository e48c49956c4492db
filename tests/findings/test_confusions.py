"""The table of confused classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.confusions.posterior import with_mean
from curv_issues.findings.confusions import confusions_section, confusions_table, describe_count
from curv_issues.findings.judgement import Evidence
from curv_issues.results.arrow import schema_of
from curv_issues.results.tables import TABLES
from tests.made_up import result_of, result_parts

P_WRONG = np.array([0.9, 0.9, 0.1, 0.0, 0.6, 0.0])
COUNT = ErrorCount(num_errors=3.0, low=2.0, high=5.0, basis="training")


def table(count: ErrorCount = COUNT, **changes: Any) -> pd.DataFrame:
    known = {
        "samples": pd.DataFrame({"row": np.arange(6)}),
        "image_sha256": np.full(6, "", dtype=object),
        "class_names": ("cat", "dog", "bird"),
        "labels": np.array([0, 0, 0, 1, 1, 2]),
        "suggested": np.array([1, 1, 2, 0, 2, 0]),
        "scores": {"p_wrong": P_WRONG},
        **changes,
    }
    return confusions_table(Evidence(**known), count)


def test_counts_of_classes_and_pairs() -> None:
    found = table()
    assert list(found.columns) == schema_of(TABLES["confusions"]).names
    counted = with_mean(P_WRONG, 3.0 / 6)
    assert counted.sum() == pytest.approx(3.0)
    classes = found[found["suggested"].isna()].set_index("given")["num_errors"]
    assert classes.to_dict() == pytest.approx({"cat": counted[:3].sum(), "dog": counted[3:5].sum(), "bird": 0.0})
    pairs = found[found["suggested"].notna()]
    assert list(zip(pairs["given"], pairs["suggested"], strict=True)) == [("cat", "dog"), ("dog", "bird")]  # others are below 0.5
    assert pairs["num_errors"].tolist() == pytest.approx([counted[:2].sum(), counted[4]])
    assert pairs["num_given"].tolist() == [3, 2]
    assert ((found["low"] >= 0) & (found["low"] <= found["num_errors"]) & (found["num_errors"] <= found["high"] + 1e-9)).all()


def test_no_pair_has_more_errors_than_samples() -> None:
    found = table(ErrorCount(num_errors=4.5, low=1.0, high=6.0, basis="held-out"))
    assert (found["num_errors"] <= found["high"]).all()
    most = {("cat", None): 3, ("dog", None): 2, ("bird", None): 1, ("cat", "dog"): 2, ("cat", "bird"): 1, ("dog", "bird"): 1}
    for given, suggested, high in zip(found["given"], found["suggested"], found["high"], strict=True):
        assert high <= most.get((given, suggested if isinstance(suggested, str) else None), 1)
    assert found["num_errors"][found["suggested"].isna()].sum() == pytest.approx(4.5)


def test_the_interval_widens_with_that_of_all_errors() -> None:
    wide, narrow = table(ErrorCount(2.0, 0.0, 6.0, "training")), table(ErrorCount(2.0, 1.9, 2.1, "training"))
    assert (wide["high"] - wide["low"]).sum() > (narrow["high"] - narrow["low"]).sum()


def test_class_names_that_are_not_utf8_are_escaped() -> None:
    assert table(class_names=("\udcff", "dog", "bird"))["given"].iloc[0] == "\\udcff"


def test_section_shows_the_first_pairs_and_the_estimate() -> None:
    parts = result_parts(n=8)
    rows = [("dog", None, 30.0, 20.0, 40.0, 3), ("dog", "cat", 3.0, 1.0, 4.0, 1200), ("cat", "dog", 1.0, 0.0, 2.0, 3)]
    parts["confusions"] = pd.DataFrame(rows, columns=TABLES["confusions"].names)
    parts["summary"] = {**parts["summary"], "estimate": {"num_errors": 3.2, "low": 1.0, "high": 5.0, "basis": "training"}}
    section = confusions_section(result_of(parts), 20)
    assert section.rows.to_dict("records") == [{"given": "dog", "suggested": "cat", "errors": "about 3 of 1,200"}]
    assert section.remark == "About 3 of 8 labels are wrong (1 to 5), or more if errors are more frequent on unclear samples"
    assert describe_count({"num_errors": 1234.0, "low": 1000.0, "high": 1500.0, "basis": "answers"}, 9000) == (
        "About 1,234 of 9,000 labels are wrong (95% interval: 1,000 to 1,500)"
    )
    assert describe_count({"num_errors": 71.0, "low": 0.0, "high": 222.0, "basis": "training"}, 600) == (
        "Between 0 and 222 of 600 labels are wrong, perhaps 71"
    )
    assert describe_count(None, 9000) is None
