from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curv_issues.config import FindingOptions
from curv_issues.errors import UsageError
from curv_issues.findings.label_error import find_label_errors, findings_table
from curv_issues.findings.ranking import rank_samples


def judge(score: str, cut_off: str | float) -> tuple[np.ndarray, np.ndarray, int]:
    margin = np.array([4.0, -3.0, 2.0, 1.0])
    loss = np.array([0.1, 2.0, 0.3, 5.0])
    judged = find_label_errors(
        {"margin": margin, "final_loss": loss},
        {"margin": "low", "final_loss": "high"},
        margin[:, None],
        {"p90": [-1.0], "p99": [0.0], "predicted": [0.0]},
        options=FindingOptions(score=score, cut_off=cut_off),
    )
    expected = rank_samples({"margin": margin, "final_loss": loss}, {"margin": "low", "final_loss": "high"}, score=score)
    np.testing.assert_array_equal(judged.ranking.suspicion, expected.suspicion)
    return judged.ranking.suspicion, judged.flagged, judged.cut_off.num_flagged


def test_rank_and_cut_off_are_those_of_the_options() -> None:
    assert judge("margin", "25%")[1].tolist() == [False, True, False, False]
    assert judge("final_loss", "25%")[1].tolist() == [False, False, False, True]
    assert judge("margin", 0.6)[1].tolist() == [False, True, False, True]
    assert judge("margin", 0.6)[2] == 2
    assert judge("margin", "0%")[1].any() == np.False_
    with pytest.raises(UsageError, match="The score 'residual' was not measured in this run; it has: margin, final_loss"):
        judge("residual", 0.5)


def test_findings_are_most_suspect_first_and_carry_their_evidence() -> None:
    scores = pd.DataFrame(
        {
            "row": [3, 5, 9, 11, 20],
            "split": ["a", "a", "b", "b", None],
            "path": [None, "x", "y", None, "z"],
            "given": ["0", "1", "2", "3", "4"],
            "suggested": ["5", "6", "7", "8", "9"],
            "suspicion": [0.9, 0.1, 0.95, 0.9, 0.3],
            "flagged": [True, False, True, True, False],
        }
    )
    images = pd.DataFrame({"row": scores["row"], "image_sha256": [f"hash {row}" for row in scores["row"]]})
    table = findings_table(scores, images)
    assert table["row"].tolist() == [9, 3, 11]  # the tie by row
    assert table["kind"].tolist() == ["label_error"] * 3
    assert table["given"].tolist() == ["2", "0", "3"]
    assert table["suggested"].tolist() == ["7", "5", "8"]
    assert table["suspicion"].tolist() == [0.95, 0.9, 0.9]
    assert table["split"].tolist() == ["b", "a", "b"]
    assert table["path"].fillna("nothing").tolist() == ["y", "nothing", "nothing"]
    assert table["image_sha256"].tolist() == ["hash 9", "hash 3", "hash 11"]
    assert list(table.index) == [0, 1, 2]
    nothing = findings_table(scores.assign(flagged=False), images)
    assert len(nothing) == 0
    assert list(nothing.columns) == list(table.columns)
