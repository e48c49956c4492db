"""Other findings from the scores of a finished audit, without training."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace

import pandas as pd

from curv_issues.config import FindingOptions
from curv_issues.findings.duplicate_conflict import conflict_findings
from curv_issues.findings.label_error import describe_decision, find_label_errors, findings_table
from curv_issues.result import AuditResult


def find_again(result: AuditResult, *, score: str = "default", cut_off: str | float = "auto") -> AuditResult:
    """Judge the samples anew: rank by another score, or flag more or fewer.

    Args:
        result: of an audit, or loaded.
        score: "default" or the name of one of its scores.
        cut_off: "auto", a suspicion, or a share such as "5%".

    Returns:
        A new result with other suspicion, flags and findings; without a contact sheet, as it holds no pictures.

    Raises:
        UsageError: an option is wrong.
    """
    options = FindingOptions(score=score, cut_off=cut_off, own_scores=result.score_names)
    directions = {name: metadata["direction"] for name, metadata in result.score_metadata.items()}
    raw = {name: result.scores[name].to_numpy() for name in result.score_names}
    judged = find_label_errors(raw, directions, result.trajectories["margin"], result.summary["reference_margin"], options=options)
    scores = result.scores.assign(suspicion=judged.ranking.suspicion, flagged=judged.flagged)
    errors = findings_table(scores, result.images)
    conflicts = conflict_findings(result.conflicts, scores, result.images)
    summary = copy.deepcopy(result.summary)
    summary["options"].update(asdict(options))
    summary["num_findings"]["label_error"] = len(errors)
    before = (summary.get("cut_off") or {}).get("note")
    after = judged.cut_off.note
    summary["notes"] = [note for note in summary.get("notes", []) if note != before] + ([after] if after else [])
    summary.update(describe_decision(judged))
    return replace(result, scores=scores, findings=pd.concat([errors, conflicts]), summary=summary, contact_sheet=None)
