"""Other findings from the scores of a finished audit, without training."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace

import pandas as pd

from curv_issues.config import DuplicateOptions, FindingOptions
from curv_issues.duplicates.base import ComparedPictures
from curv_issues.duplicates.table import compared_pictures
from curv_issues.errors import UsageError
from curv_issues.findings.duplicate_conflict import conflict_findings, find_duplicate_conflicts, group_tables
from curv_issues.findings.label_error import describe_decision, find_label_errors, findings_table
from curv_issues.plugins import look_up
from curv_issues.result import DUPLICATE_CONFLICT, LABEL_ERROR, AuditResult
from curv_issues.summary import describe_groups


def find_again(
    result: AuditResult, *, score: str = "default", cut_off: str | float = "auto", duplicate_threshold: float | None = None
) -> AuditResult:
    """Judge the samples anew: rank by another score, flag more or fewer, take other pictures for the same.

    Args:
        result: of an audit, or loaded.
        score: "default" or the name of one of its scores.
        cut_off: "auto", a suspicion, or a share such as "5%".
        duplicate_threshold: similarity from which on pictures count as the same, at least
            `result.summary["duplicates"]["pairs_kept_from"]` (0.5, if nothing lower was asked for); None: as in the result.

    Returns:
        A new result with other suspicion, flags and findings; without a contact sheet, as it holds no pictures.

    Raises:
        UsageError: an option is wrong, or a threshold is given and the audit did not look for duplicates, or the result lacks
            what an audit records for this.
    """
    _check_records(result)
    options = FindingOptions(score=score, cut_off=cut_off, own_scores=result.score_names)
    directions = {name: metadata["direction"] for name, metadata in result.score_metadata.items()}
    raw = {name: result.scores[name].to_numpy() for name in result.score_names}
    judged = find_label_errors(raw, directions, result.trajectories["margin"], result.summary["reference_margin"], options=options)
    scores = result.scores.assign(suspicion=judged.ranking.suspicion, flagged=judged.flagged)
    errors = findings_table(scores, result.images)
    summary = copy.deepcopy(result.summary)
    conflicts, duplicates = result.conflicts, result.duplicates
    if duplicate_threshold is not None:
        compared = _compared_again(result, duplicate_threshold)
        same = find_duplicate_conflicts(compared, result.labels, pred_probs=result.pred_probs, features=result.embeddings)
        conflicts, duplicates = group_tables(same, compared, scores, result.class_names)
        summary["duplicates"].update(describe_groups(compared, conflicts, duplicates))
        summary["options"]["duplicate_threshold"] = compared.threshold
    summary["options"].update(asdict(options))
    summary["num_findings"].update(label_error=len(errors), duplicate_conflict=len(conflicts))
    before = (summary.get("cut_off") or {}).get("note")
    after = judged.cut_off.note
    summary["notes"] = [note for note in summary.get("notes", []) if note != before] + ([after] if after else [])
    summary.update(describe_decision(judged))
    findings = pd.concat([errors, conflict_findings(conflicts, scores, result.images)])
    return replace(
        result,
        scores=scores,
        findings=findings,
        summary=summary,
        conflicts=conflicts,
        duplicates=duplicates,
        contact_sheet=None,
    )


def only_kind(result: AuditResult, kind: str) -> AuditResult:
    """Return a result with the findings of one kind.

    Args:
        result: of an audit, or loaded.
        kind: "label_error" or "duplicate_conflict".

    Raises:
        UsageError: the kind is unknown.
    """
    look_up(dict.fromkeys((LABEL_ERROR, DUPLICATE_CONFLICT)), kind, "kind of finding")
    findings = result.findings[result.findings["kind"] == kind]
    if kind == LABEL_ERROR:
        return replace(result, findings=findings, conflicts=None, overlap=None)
    return replace(result, findings=findings, scores=result.scores.assign(flagged=False), overlap=None)


def _check_records(result: AuditResult) -> None:
    """Raise UsageError unless it is a result with the margins, reference margins and entries of the summary that are used."""
    if not isinstance(result, AuditResult):
        raise UsageError(f"Expected an AuditResult, as audit(...) returns it, but got {type(result).__name__}.")
    margins, summary = result.trajectories.get("margin"), result.summary
    reference = summary.get("reference_margin")
    if (
        margins is None
        or not isinstance(reference, dict)
        or not all(_is_list_of(reference.get(name), (int, float), length=margins.shape[1]) for name in ("p90", "p99", "predicted"))
    ):
        raise UsageError("This result lacks the margins or reference margins of its training; run the audit again.")
    if (
        not all(isinstance(summary.get(name), dict) for name in ("options", "num_findings"))
        or not all(isinstance(summary.get(name), dict | None) for name in ("cut_off", "duplicates"))
        or not _is_list_of(summary.get("notes", []), (str,))
    ):
        raise UsageError("The summary of this result lacks what an audit records in it; run the audit again.")


def _is_list_of(values: object, types: tuple[type, ...], *, length: int | None = None) -> bool:
    if not isinstance(values, list) or length not in (None, len(values)):
        return False
    return all(isinstance(value, types) for value in values)


def _compared_again(result: AuditResult, threshold: float) -> ComparedPictures:
    """The pairs that an audit has kept, under another threshold."""
    given = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    assert given is not None
    before = result.summary.get("duplicates")
    if before is None:
        raise UsageError("This result was made without looking for duplicates; audit again with duplicates=True.")
    if not isinstance(before.get("pairs_kept_from"), int | float):
        raise UsageError("The summary of this result lacks `pairs_kept_from` of its duplicates; run the audit again.")
    if given < before["pairs_kept_from"]:
        raise UsageError(
            f"duplicate_threshold must be at least {before['pairs_kept_from']:g} here, as less similar pairs were not kept, got "
            f"{threshold!r}; for a lower one audit again with it."
        )
    return compared_pictures(result.pairs, result.scores["row"].to_numpy(), given)
