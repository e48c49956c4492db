"""The judgement of all kinds of findings, and the table of kinds."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.duplicates.base import BYTES
from curv_issues.findings.judgement import Evidence, OtherSplit, findings_table, judge
from curv_issues.options import FindingOptions
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import DUPLICATE_CONFLICT, KINDS, LABEL_ISSUE, LEAKAGE
from curv_issues.results.tables import FINDINGS, TABLES
from tests.duplicates.links import compared

CLASSES = ("dog", "cat", "bird")
LABELS = np.array([0, 1, 2, 0, 1, 2])


def evidence(**more: object) -> Evidence:
    """Six samples; sample i has row 10 i. Samples 1 and 4 have the lowest margins; images 0 and 1 are identical."""
    samples = pd.DataFrame(
        {
            "row": np.arange(6) * 10,
            "split": text_column(["train"] * 6),
            "path": text_column([f"{i}.png" for i in range(6)]),
            "given": text_column([CLASSES[label] for label in LABELS]),
        }
    )
    hashes = np.array([f"hash {i}" for i in range(6)], dtype=object)
    known = {"samples": samples, "image_sha256": hashes, "class_names": CLASSES, "labels": LABELS, **more}
    return Evidence(**known)  # type: ignore[arg-type]


MARGINS = np.array([[4.0], [-5.0], [3.0], [2.0], [-4.0], [1.0]])
TRAINED = {
    "margins": MARGINS,
    "suggested": (LABELS + 1) % 3,
    "scores": {"margin": MARGINS[:, 0], "p_wrong": np.array([0.0, 0.75, 0.0, 0.0, 0.5, 0.0])},
    "directions": {"margin": "low", "p_wrong": "high"},
    "error_count": ErrorCount(2.5, 1.0, 4.0, "training"),
    "reference_margin": {"p90": [-1.0], "p99": [0.0], "predicted": [0.0]},
}
PAIRS = compared([(0, 1, 1.0, BYTES)])


def test_kinds_without_evidence_are_not_judged() -> None:
    assert list(judge(evidence(), FindingOptions()).kinds) == []
    assert list(judge(evidence(**TRAINED), FindingOptions()).kinds) == [LABEL_ISSUE]
    assert list(judge(evidence(compared=PAIRS), FindingOptions()).kinds) == [DUPLICATE_CONFLICT]
    assert list(judge(evidence(**TRAINED, compared=PAIRS), FindingOptions(), kinds=[LABEL_ISSUE]).kinds) == [LABEL_ISSUE]


def test_findings_have_their_samples_and_suspicion() -> None:
    known = evidence(**TRAINED, compared=PAIRS)
    judged = judge(known, FindingOptions(cut_off="40%"))
    suspicion = judged.columns["suspicion"]
    assert np.argsort(-suspicion).tolist() == [1, 4, 5, 3, 2, 0]
    verdicts = np.array(["rare", None, "outlier", None, None, None], dtype=object)
    found = findings_table(known, judged, suspicion, verdicts)
    assert list(found.columns) == FINDINGS.names
    labels, conflicts = found[found["kind"] == LABEL_ISSUE], found[found["kind"] == DUPLICATE_CONFLICT]
    assert labels["row"].tolist() == [10, 40]
    assert labels["given"].tolist() == ["cat", "cat"]
    assert labels["suggested"].tolist() == ["bird", "bird"]
    assert labels["path"].tolist() == ["1.png", "4.png"]
    assert labels["image_sha256"].tolist() == ["hash 1", "hash 4"]
    assert conflicts["row"].tolist() == [0, 10]
    assert set(conflicts["suggested"]) == {"dog", "cat"}
    assert found["verdict"].isna().tolist() == [True, True, False, True]
    assert found["p_wrong"].tolist() == [0.75, 0.5, 0.0, 0.75]
    assert found["suspicion"].tolist() == suspicion[found["row"] // 10].tolist()


def test_empty_findings_have_all_columns() -> None:
    known = evidence(**TRAINED)
    judged = judge(known, FindingOptions(cut_off="0%"))
    assert list(findings_table(known, judged, judged.columns["suspicion"], [None] * 6).columns) == FINDINGS.names
    nothing = findings_table(known, judge(evidence(), FindingOptions()), np.zeros(6), [None] * 6)
    assert (len(nothing), list(nothing.columns)) == (0, FINDINGS.names)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_a_judging_module_and_result_tables(name: str) -> None:
    module = importlib.import_module(KINDS[name].module)
    assert callable(module.judge)
    assert set(KINDS[name].tables) <= set(TABLES)
    assert KINDS[name].table_of_findings in (None, *KINDS[name].tables)
    assert hasattr(module, "section") or not KINDS[name].tables


def test_each_kind_fills_its_registered_tables() -> None:
    other = OtherSplit(PAIRS, evidence().samples, evidence().image_sha256, {"split": "test"})
    judged = judge(evidence(**TRAINED, compared=PAIRS, other_split=other), FindingOptions())
    assert list(judged.kinds) == list(KINDS)
    for name, found in judged.kinds.items():
        assert set(found.tables) == set(KINDS[name].tables)
        for table, frame in found.tables.items():
            assert list(frame.columns) == TABLES[table].names
    assert judged.kinds[LEAKAGE].summary["other_split"]["rows"] == 1
    assert judged.kinds[LEAKAGE].tables["leakage"]["other_row"].tolist() == [10]
