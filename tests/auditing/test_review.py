"""A person's answers on a few samples."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from curv_issues.auditing.features import audit_features
from curv_issues.auditing.rejudge import rejudge
from curv_issues.auditing.review import review_sample
from curv_issues.errors import UsageError
from curv_issues.noise.uniform import flip_labels
from curv_issues.results.result import AuditResult

DIGITS = load_digits()
N = 900
NOISY, IS_WRONG = flip_labels(DIGITS.target[:N], 0.1, seed=0)


@functools.cache
def audited() -> AuditResult:
    return audit_features(DIGITS.data[:N], NOISY, duplicates=False, progress=False, device="cpu")


def answered(sample: pd.DataFrame) -> pd.DataFrame:
    return sample.assign(is_wrong=IS_WRONG[sample["row"]])


def test_the_sample_has_as_many_from_each_part_of_the_ranking() -> None:
    sample = review_sample(audited(), 45)
    assert list(sample.columns) == ["row", "split", "path", "given", "suggested", "suspicion", "p_wrong", "is_wrong"]
    assert sample["is_wrong"].isna().all()
    assert sample["suspicion"].is_monotonic_decreasing
    ranks = audited().scores["suspicion"].rank(ascending=False).to_numpy()[sample["row"]]
    counts = np.histogram(ranks, np.ceil(np.array([0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 100]) / 100 * N) + 0.5)[0]
    assert counts.tolist() == [3, 2, 4, 6, 6, 6, 6, 6, 6]  # the first three strata have 3, 2 and 4 samples
    assert sample.equals(review_sample(audited(), 45))
    assert not sample["row"].equals(review_sample(audited(), 45, seed=1)["row"])


def test_it_contains_all_samples_if_there_are_fewer() -> None:
    assert sorted(review_sample(audited(), 10_000)["row"]) == list(range(N))
    assert len(review_sample(audited(), 1)) == 1


def test_answers_correct_estimate_and_flags() -> None:
    result = audited()
    sample = answered(review_sample(result, 60))
    found = result.with_answers(sample)
    estimate = found.summary["estimate"]
    assert estimate["basis"] == "answers"
    assert estimate["low"] <= IS_WRONG.sum() <= estimate["high"]
    p_wrong = found.scores["p_wrong"].to_numpy()
    assert p_wrong[sample["row"]].tolist() == sample["is_wrong"].astype(float).tolist()
    flagged = found.scores["flagged"].to_numpy()
    assert flagged[sample["row"]].tolist() == sample["is_wrong"].tolist()
    assert found.summary["cut_off"]["num_flagged"] == flagged.sum() == found.summary["num_findings"]["label_issue"]
    entries = found.summary["answers"]
    assert (entries["num_answers"], entries["num_wrong"]) == (60, sample["is_wrong"].sum())
    assert entries["estimate_before"] == result.summary["estimate"]
    assert found.summary["notes"][-1] == entries["note"]
    assert (
        f"60 answers ({sample['is_wrong'].sum()} of wrong labels) moved the estimated number of wrong labels from "
        in entries["note"]
    )
    assert found.confusions["num_errors"][found.confusions["suggested"].isna()].sum() == pytest.approx(
        estimate["num_errors"], rel=0.01
    )


def test_answers_in_two_parts_are_those_in_one(tmp_path: Path) -> None:
    result = audited()
    sample = answered(review_sample(result, 45))
    at_once = result.with_answers(sample)
    first = result.with_answers(
        {int(row): bool(wrong) for row, wrong in zip(sample["row"][:10], sample["is_wrong"][:10], strict=True)}
    )
    first.save(tmp_path / "out")
    both = AuditResult.load(tmp_path / "out").with_answers(sample[10:])
    np.testing.assert_allclose(both.scores["p_wrong"], at_once.scores["p_wrong"], rtol=1e-6, atol=1e-9)
    assert both.summary["estimate"] == pytest.approx(at_once.summary["estimate"])
    assert both.summary["answers"]["estimate_before"] == result.summary["estimate"]
    assert sum("answers (" in note for note in both.summary["notes"]) == 1
    assert not any("answers changed only" in note for note in both.summary["notes"])
    assert not set(review_sample(both, 100)["row"]) & set(sample["row"])


def test_rejudging_keeps_the_answers() -> None:
    sample = answered(review_sample(audited(), 45))
    found = audited().with_answers(sample)
    again = rejudge(found, precision=0.5)
    assert again.summary["estimate"] == found.summary["estimate"]
    assert again.scores["flagged"][sample["row"]].tolist() == sample["is_wrong"].tolist()
    assert rejudge(found).scores.equals(found.scores)


def test_the_options_of_the_audit_are_kept() -> None:
    found = rejudge(audited(), score="held_out_loss", precision=0.7).with_answers({0: False})
    assert (found.summary["options"]["score"], found.summary["options"]["precision"]) == ("held_out_loss", 0.7)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "answers has no answer; expected True or False for some rows."),
        ({5: "yes"}, r"answers must be True \(the label is wrong\) or False, got 'yes' for row 5."),
        ({5: 2}, r"answers must be True \(the label is wrong\) or False, got 2 for row 5."),
        ({N: True}, f"answers has the row {N}, which is not a row of this result."),
        ([(5, True)], "answers must be a mapping of rows to True or False, or a table, got list."),
        (pd.DataFrame({"row": [1]}), "answers lacks the column 'is_wrong'; expected a table like that of review_sample."),
        (pd.DataFrame({"row": [1, 1], "is_wrong": [True, False]}), "answers has row 1 twice."),
        (
            pd.DataFrame({"row": ["a"], "given": ["1"], "is_wrong": [True]}),
            "answers has the row 'a', which is not a row of this result.",
        ),
        (
            pd.DataFrame({"row": [1], "given": [pd.Timestamp(1)], "is_wrong": [True]}),
            "answers describes other samples than this result",
        ),
        (pd.DataFrame({"row": [1], "is_wrong": [None]}), "answers has no answer; expected True or False for some rows."),
    ],
)
def test_bad_answers_are_refused(answers: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        audited().with_answers(answers)  # type: ignore[arg-type]


def test_few_answers_change_only_their_own_labels() -> None:
    result = audited()
    first = int(result.scores["suspicion"].idxmax())
    last = int(result.scores["suspicion"].idxmin())
    found = result.with_answers({first: False, last: True})
    others = ~result.scores["row"].isin([first, last])
    assert found.scores["p_wrong"][others].equals(result.scores["p_wrong"][others])
    assert found.scores["flagged"][[first, last]].tolist() == [False, True]
    assert found.summary["estimate"] == result.summary["estimate"]
    assert found.summary["notes"][-1].startswith("2 answers changed only the labels in question; at least 20 answers correct ")


@pytest.mark.parametrize(("column", "value"), [("given", "cat"), ("split", "test"), ("path", "a.png")])
def test_answers_on_another_dataset_are_refused(column: str, value: str) -> None:
    sample = answered(review_sample(audited(), 20))
    result = replace(audited(), scores=audited().scores.assign(path="b.png", split="train"))
    sample[column] = sample[column].astype(object)
    sample.loc[2, column] = value
    with pytest.raises(UsageError, match=f"row {sample['row'][2]} has the {column} '{value}' there and .* here"):
        result.with_answers(sample)
    sample["is_wrong"] = sample["is_wrong"].where(sample.index != 2)  # without an answer, the row does not count
    assert result.with_answers(sample).summary["answers"]["num_answers"] == 19


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "45"])
def test_a_bad_number_of_samples_is_refused(n: object) -> None:
    with pytest.raises(UsageError, match="n must be an integer >= 1"):
        review_sample(audited(), n)  # type: ignore[arg-type]


def test_a_table_read_from_csv_is_taken(tmp_path: Path) -> None:
    sample = answered(review_sample(audited(), 20))
    sample = sample.astype({"is_wrong": object})
    sample.loc[3, "is_wrong"] = None
    sample.loc[5, "given"] = None  # class names are read as 3.0
    sample.to_csv(tmp_path / "answers.csv", index=False)
    found = audited().with_answers(pd.read_csv(tmp_path / "answers.csv"))
    assert found.summary["answers"]["num_answers"] == 19
