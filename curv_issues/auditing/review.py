"""Ask a person about a few samples, and correct probabilities, number of errors and flags by the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.auditing.rejudge import check_records, judge_again
from curv_issues.confusions.correction import Correction, count_wrong, fit_correction
from curv_issues.counting import counted
from curv_issues.errors import UsageError
from curv_issues.findings.label_issue import NO_PROBABILITIES
from curv_issues.options import FindingOptions
from curv_issues.results.kinds import PLACE
from curv_issues.results.result import AuditResult
from curv_issues.review.sample import SAMPLE_SIZE, choose_positions

ANSWER = "is_wrong"
LEAST_ANSWERS = 20  # fewer may by chance move all probabilities far
SAME = ("given", "path", "split")  # columns of a table of answers that must agree with the result


def review_sample(result: AuditResult, n: int = SAMPLE_SIZE, *, seed: int = 0) -> pd.DataFrame:
    """Return samples to ask a person about: as many from each of nine strata of the ranking, narrow ones at its top.

    Args:
        result: of an audit.
        n: number of samples; all that are not answered yet if there are fewer.
        seed: of the choice within the strata.

    Returns:
        One row per sample, most suspect first: row, split, path, given, suggested, suspicion, p_wrong, and `is_wrong`, which is
        missing: to be filled with True or False and given to `AuditResult.with_answers`.

    Raises:
        UsageError: `n` is not a positive number, or the result has no probabilities.
    """
    _check(result)
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise UsageError(f"n must be an integer >= 1, got {n!r}.")
    is_open = ~result.scores["row"].isin(_known(result)).to_numpy()
    chosen = choose_positions(result.scores["suspicion"].to_numpy(), int(n), seed=seed, is_open=is_open)
    columns = [*PLACE, "given", "suggested", "suspicion", "p_wrong"]
    found = result.scores.loc[chosen, columns].reset_index(drop=True)
    return found.assign(**{ANSWER: pd.array([pd.NA] * len(found), dtype="boolean")})


def with_answers(result: AuditResult, answers: Mapping[int, bool] | pd.DataFrame, *, correct: bool = True) -> AuditResult:
    """Return the result with probabilities, estimated number of errors and flags corrected by a person's answers.

    The probability of every label becomes sigmoid(a + b * log-odds), with a and b fitted to all answers, older ones included,
    under a prior near (0, 1). Answered labels get probability 1 or 0; those found right are not flagged, those found wrong are.
    The answers should be on samples of `review_sample`: a person's own choice would say little about the others. With fewer than
    20 answers, only the answered labels change.

    Args:
        result: of an audit.
        answers: whether the given label is wrong: by row number, or a table with the columns `row` and `is_wrong`, in which
            missing answers are left out. If the table has the columns `given`, `path` or `split`, these must agree with the result.
        correct: False: only the answered labels change, however many there are. The result then needs no probabilities.

    Returns:
        A new result, judged by the options of the old one, without a contact sheet. `summary["answers"]` says how much the answers
        changed, as does a note.

    Raises:
        UsageError: the result has no probabilities although `correct` is True, or the answers are none, not True or False, or on
            unknown rows, or a table of another dataset.
    """
    check_records(result)
    if correct:
        _check(result)
    known = {**_known(result), **_read(answers, result.scores)}
    corrects = correct and len(known) >= LEAST_ANSWERS
    position = pd.Series(np.arange(len(result)), index=result.scores["row"])
    places, is_wrong = position[list(known)].to_numpy(), np.array(list(known.values()), dtype=bool)
    before = _before_answers(result)
    old = result.summary.get("answers") or {}
    correction = fit_correction(before[places], is_wrong) if corrects else _correction(old)
    table = pd.DataFrame({"row": list(known), ANSWER: is_wrong, "p_wrong": before[places]})
    scores, summary = result.scores, result.summary
    if "p_wrong" in result.score_names:
        p_wrong = correction(before) if corrects or old else before.copy()
        p_wrong[places] = is_wrong
        scores = scores.assign(p_wrong=p_wrong)
    if corrects:
        count = count_wrong(correction, np.delete(before, places), known=int(is_wrong.sum()))
        summary = {**summary, "estimate": asdict(count)}
    answered = replace(result, scores=scores, summary=summary, tables={**result.tables, "answers": table})
    options = {name: result.summary["options"].get(name, default) for name, default in _JUDGED_BY.items()}
    judged = judge_again(answered, FindingOptions(**options, own_scores=result.score_names))
    entries = {
        "num_answers": len(known),
        "num_wrong": int(is_wrong.sum()),
        "shift": correction.shift,
        "factor": correction.factor,
        "estimate_before": old.get("estimate_before", result.summary.get("estimate")),
    }
    note = _describe(entries, judged) if corrects else _describe_few(len(known)) if correct else None
    notes = [*(entry for entry in judged.summary["notes"] if entry != old.get("note")), *([note] if note else [])]
    return judged.with_extras(answers={**entries, "note": note}, notes=notes)


def _known(result: AuditResult) -> dict[int, bool]:
    """Return the answers that a result contains, by row."""
    return {} if result.answers is None else dict(zip(result.answers["row"], result.answers[ANSWER], strict=True))


_JUDGED_BY: dict[str, Any] = {"score": "default", "cut_off": "auto", "precision": None}


def _before_answers(result: AuditResult) -> np.ndarray:
    """Return the probabilities before any correction, (n,)."""
    if "p_wrong" not in result.score_names:
        return np.full(len(result), np.nan)
    p_wrong, table = result.scores["p_wrong"].to_numpy().copy(), result.answers
    if table is None:
        return p_wrong
    entries = result.summary.get("answers")
    if not isinstance(entries, dict) or not all(isinstance(entries.get(name), int | float) for name in ("shift", "factor")):
        raise UsageError("The summary of this result lacks what is recorded of its answers; run the audit again.")
    p_wrong = _correction(entries).undo(p_wrong)
    position = pd.Series(np.arange(len(result)), index=result.scores["row"])
    p_wrong[position[table["row"]]] = table["p_wrong"]
    return p_wrong


def _correction(entries: Mapping[str, Any]) -> Correction:
    """Return the correction that a summary records of answers; the one that changes nothing if there is none."""
    return Correction(entries.get("shift", 0.0), entries.get("factor", 1.0), np.empty((0, 2)))


def _describe(entries: Mapping[str, Any], result: AuditResult) -> str:
    """Return how much the answers changed, in one sentence."""
    before, after = entries["estimate_before"], result.summary["estimate"]
    answers = f"{counted(entries['num_answers'], 'answer')} ({entries['num_wrong']} of wrong labels)"
    number = f"{after['num_errors']:,.0f} (95% interval: {after['low']:,.0f} to {after['high']:,.0f})"
    if before is None:
        return f"By {answers}, the estimated number of wrong labels is {number}."
    return f"{answers} moved the estimated number of wrong labels from {before['num_errors']:,.0f} to {number}."


def _describe_few(num_answers: int) -> str:
    """Return what fewer than 20 answers change."""
    return (
        f"{counted(num_answers, 'answer')} changed only the {'label' if num_answers == 1 else 'labels'} in question; "
        f"at least {LEAST_ANSWERS} answers correct the probabilities of other labels and the estimated number of wrong labels too."
    )


def _check(result: AuditResult) -> None:
    """Raise UsageError unless this is a result with probabilities."""
    check_records(result)
    if "p_wrong" not in result.score_names:
        raise UsageError(NO_PROBABILITIES)


def _read(answers: Mapping[int, bool] | pd.DataFrame, scores: pd.DataFrame) -> dict[int, bool]:
    """Return the answers by row, without missing ones."""
    rows, table = set(scores["row"]), pd.DataFrame()
    if isinstance(answers, pd.DataFrame):
        missing = [name for name in ("row", ANSWER) if name not in answers.columns]
        if missing:
            raise UsageError(f"answers lacks the column {missing[0]!r}; expected a table like that of review_sample.")
        if answers["row"].duplicated().any():
            raise UsageError(f"answers has row {answers['row'][answers['row'].duplicated()].iloc[0]} twice.")
        table = answers[answers[ANSWER].notna()]
        answers = dict(zip(answers["row"], answers[ANSWER], strict=True))
    elif not isinstance(answers, Mapping):
        raise UsageError(f"answers must be a mapping of rows to True or False, or a table, got {type(answers).__name__}.")
    found = {row: answer for row, answer in answers.items() if not pd.isna(answer)}
    for row, answer in found.items():
        if row not in rows:
            raise UsageError(f"answers has the row {row!r}, which is not a row of this result.")
        if answer not in (True, False):  # 0 and 1 as well
            raise UsageError(f"answers must be True (the label is wrong) or False, got {answer!r} for row {row}.")
    _check_samples(table, scores)
    if not found:
        raise UsageError("answers has no answer; expected True or False for some rows.")
    return {int(row): bool(answer) for row, answer in found.items()}


def _check_samples(answers: pd.DataFrame, scores: pd.DataFrame) -> None:
    """Raise UsageError if columns that describe the answered samples differ from those of the result."""
    of_result = scores.set_index("row")
    for name in SAME:
        if name not in answers.columns:
            continue
        for row, here, there in zip(answers["row"], answers[name], of_result[name][answers["row"]], strict=True):
            if not (pd.isna(here) or pd.isna(there) or _is_same(here, there)):
                raise UsageError(
                    f"answers describes other samples than this result: row {row} has the {name} {here!r} there and {there!r} "
                    "here; expected a table that review_sample made of this result."
                )


def _is_same(here: Any, there: Any) -> bool:
    """Return whether two values are equal as text or as numbers, as a CSV file turns "007" into 7."""
    try:
        return str(here) == str(there) or float(here) == float(there)
    except (TypeError, ValueError):
        return False
