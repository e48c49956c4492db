"""Parts that contradict the contract are refused when a result is made."""

from __future__ import annotations

import numpy as np
import pytest

from curv_issues.errors import UsageError
from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from tests.made_up import METADATA, result_parts

INVALID = {
    "missing scores column": (
        lambda p: p.update(scores=p["scores"].drop(columns="path")),
        "The scores table has the columns row, split, given",
    ),
    "extra findings column": (
        lambda p: p.update(findings=p["findings"].assign(note="x")),
        "The findings table has the columns row, split, path, kind, given, suggested, suspicion, p_wrong, verdict, "
        "image_sha256, note; "
        "expected exactly row, split, path, kind, given, suggested, suspicion, p_wrong, verdict, image_sha256.",
    ),
    "estimate without numbers": (
        lambda p: p["summary"].update(estimate={"num_errors": "x"}),
        "The summary's `estimate` must have the numbers num_errors, low and high, and a basis (training, held-out, answers).",
    ),
    "estimate without a basis": (
        lambda p: p["summary"].update(estimate={"num_errors": 1, "low": 0, "high": 2}),
        "The summary's `estimate` must have the numbers num_errors, low and high, and a basis (training, held-out, answers).",
    ),
    "missing given label": (
        lambda p: p.update(scores=p["scores"].assign(given=text_column(["dog", None] * 4))),
        "Column given of the scores table has missing values; expected one value per row.",
    ),
    "fractional row": (
        lambda p: p.update(scores=p["scores"].assign(row=np.arange(8) + 0.5)),
        "Column row of the scores table is not of type int64: expected integers.",
    ),
    "missing height": (
        lambda p: p.update(images=p["images"].assign(height=[np.nan] * 8)),
        "Column height of the images table is not of type int32: expected integers.",
    ),
    "flagged as numbers": (
        lambda p: p.update(scores=p["scores"].assign(flagged=1)),
        "Column flagged of the scores table is not of type bool: expected True or False.",
    ),
    "score of text": (
        lambda p: p.update(scores=p["scores"].assign(margin="low")),
        "Column margin of the scores table is not of type double: could not convert string to float: 'low'.",
    ),
    "repeated row": (
        lambda p: p.update(scores=p["scores"].assign(row=[0, 10, 20, 30, 40, 50, 60, 60])),
        "The scores table has a row number twice; expected one row per sample.",
    ),
    "suspicion above 1": (
        lambda p: p.update(scores=p["scores"].assign(suspicion=1.01)),
        "The scores table has a suspicion outside [0, 1].",
    ),
    "NaN suspicion": (
        lambda p: p.update(findings=p["findings"].assign(suspicion=np.nan)),
        "Column suspicion of the findings table has missing values; expected one value per row.",
    ),
    "negative suspicion in findings": (
        lambda p: p.update(findings=p["findings"].assign(suspicion=-0.1)),
        "The findings table has a suspicion outside [0, 1].",
    ),
    "unknown class": (
        lambda p: p.update(scores=p["scores"].assign(suggested="fish")),
        "The scores table names classes that are not among the summary's `classes`.",
    ),
    "repeated finding": (
        lambda p: p.update(findings=p["findings"].iloc[[0, 1, 2, 2]]),
        "The findings table has two findings of one kind for a row; expected at most one.",
    ),
    "finding of an unknown row": (
        lambda p: p.update(findings=p["findings"].assign(row=[1, 40, 50])),
        "The findings table has rows that are not in the scores table.",
    ),
    "flagged without finding": (
        lambda p: p.update(findings=p["findings"].iloc[:2]),
        "`flagged` in the scores table and the label_issue findings have different rows.",
    ),
    "finding without flag": (
        lambda p: p.update(scores=p["scores"].assign(flagged=False)),
        "`flagged` in the scores table and the label_issue findings have different rows.",
    ),
    "images in another order": (
        lambda p: p.update(images=p["images"].iloc[::-1]),
        "The scores and images tables have different rows; expected the same rows in the same order.",
    ),
    "no metadata": (
        lambda p: p.update(score_metadata={k: v for k, v in METADATA.items() if k != "margin"}),
        "The score margin must have metadata: its direction (high or low) and its source.",
    ),
    "no source": (
        lambda p: p.update(score_metadata={**METADATA, "margin": {"direction": "low"}}),
        "The score margin must have metadata: its direction (high or low) and its source.",
    ),
    "wrong direction": (
        lambda p: p.update(score_metadata={**METADATA, "margin": {"direction": "up", "source": "x"}}),
        "The score margin must have metadata: its direction (high or low) and its source.",
    ),
    "metadata without score": (
        lambda p: p.update(score_metadata={**METADATA, "forgetting": {"direction": "high", "source": "x"}}),
        "There is metadata for forgetting, but no such column in the scores table.",
    ),
    "pred_probs": (
        lambda p: p.update(pred_probs=p["pred_probs"][:, :2]),
        "pred_probs has shape (8, 2); expected (8, 3).",
    ),
    "embeddings": (
        lambda p: p.update(embeddings=p["embeddings"][:5]),
        "embeddings has shape (5, 5); expected (8, d).",
    ),
    "trajectories of fewer samples": (
        lambda p: p.update(trajectories={"loss": np.zeros((7, 4))}),
        "The trajectories have shapes {'loss': (7, 4)}; expected (8, epochs) for each.",
    ),
    "trajectories of different lengths": (
        lambda p: p.update(trajectories={"loss": np.zeros((8, 4)), "margin": np.zeros((8, 3))}),
        "The trajectories have shapes {'loss': (8, 4), 'margin': (8, 3)}; expected (8, epochs) for each.",
    ),
    "no epoch": (
        lambda p: p.update(trajectories={"loss": np.zeros((8, 0))}),
        "The trajectories have shapes {'loss': (8, 0)}; expected (8, epochs) for each.",
    ),
    "trajectory named row": (
        lambda p: p.update(trajectories={"row": np.zeros((8, 3))}),
        "A trajectory is named row, the name of the column of row numbers; choose another name.",
    ),
    "missing complete": (
        lambda p: p["summary"].pop("complete"),
        "The summary must have `complete`: True, or False for an interrupted run.",
    ),
    "missing classes": (
        lambda p: p["summary"].update(dataset={"classes": 3}),
        "The summary must have `dataset` with `classes`, the list of class names.",
    ),
    "repeated class": (
        lambda p: p["summary"].update(dataset={"classes": ["dog", "cat", "dog"]}),
        "The summary's `classes` contain a name twice; class names must be unique.",
    ),
    "reserved key": (
        lambda p: p["summary"].update(findings=3),
        "The summary has a key `findings`, which is reserved for the list of findings in JSON.",
    ),
    "value that is not JSON": (
        lambda p: p["summary"].update(device=object),
        "A summary may contain JSON values only; <class 'object'> is a type.",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_parts_are_refused(case: str) -> None:
    spoil, message = INVALID[case]
    parts = result_parts()
    spoil(parts)
    with pytest.raises(UsageError) as error:
        AuditResult(**parts)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
