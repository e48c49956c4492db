"""Take a person's decisions about a dataset into account in the result of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curv_issues.auditing.rejudge import check_records
from curv_issues.auditing.review import with_answers
from curv_issues.counting import counted
from curv_issues.results.kinds import DUPLICATE_CONFLICT
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import ALREADY_APPLIED, KEEP, RELABEL, REMOVE, Decision, match_result

LEAST_JUDGED = 50  # labels; fewer do not correct probabilities
MOST_NAMED = 5  # decisions that fit no sample, in a note


def with_decisions(result: AuditResult, decisions: Sequence[Decision]) -> AuditResult:
    """Return the result in which a person's decisions count.

    Labels that were kept, or given by a decision that was applied, are not flagged; labels that were found wrong are. A group of
    conflicting duplicates is dropped if all its labels were kept. After 50 judged labels (kept or relabelled), the probabilities,
    the estimated number of wrong labels and the cut-off are corrected by them; see `with_answers`. Decisions are matched by the
    content of the image and the given label.

    Args:
        result: of an audit, perhaps of a later version of the dataset.
        decisions: in the order in which they were made, such as `read_decisions` returns.

    Returns:
        A new result. `summary["decisions"]` and a note say how many decisions count, and which fit no sample.

    Raises:
        UsageError: the result lacks what an audit records.
    """
    check_records(result)
    matched = match_result(decisions, result)
    answers = {row: decision.is_wrong for row, decision in matched.by_row.items() if decision.is_wrong is not None}
    applied = _rows_of_applied(result, [decision for decision, _ in matched.unmatched])
    answers |= dict.fromkeys(applied, False)
    corrects = len(answers) >= LEAST_JUDGED and "p_wrong" in result.score_names
    judged = with_answers(result, answers, correct=corrects) if answers else result
    judged = _without_kept_groups(judged, matched.by_row)
    unmatched = [
        f"{decision.path or f'row {decision.row}'}: {reason}"
        for decision, reason in matched.unmatched
        if not reason.startswith(ALREADY_APPLIED) and decision.action != REMOVE  # such a sample is gone, as it should be
    ]
    old = result.summary.get("decisions") or {}
    num_rows = len({*matched.by_row, *applied})
    note = _describe(num_rows, len(answers), unmatched, corrects=corrects)
    notes = [*(entry for entry in judged.summary["notes"] if entry != old.get("note")), note]
    return judged.with_extras(
        decisions={"num_rows": num_rows, "num_judged": len(answers), "unmatched": unmatched, "note": note}, notes=notes
    )


def _rows_of_applied(result: AuditResult, decisions: Sequence[Decision]) -> list[int]:
    """Return the rows whose label is the one that a decision to relabel has given their image: that person says it is right."""
    applied = {(decision.image_sha256, decision.label) for decision in decisions if decision.action == RELABEL}
    samples = zip(result.scores["row"], result.images["image_sha256"], result.scores["given"], strict=True)
    return [int(row) for row, sha256, given in samples if (sha256, given) in applied]


def _without_kept_groups(result: AuditResult, by_row: Mapping[int, Decision]) -> AuditResult:
    """Return the result without groups of conflicting duplicates whose labels were all kept."""
    kept = {row for row, decision in by_row.items() if decision.action == KEEP}
    conflicts = result.conflicts
    is_kept = conflicts["row"].isin(kept).groupby(conflicts["group"]).transform("all").astype(bool)
    if not is_kept.any():
        return result
    rows = set(conflicts["row"][is_kept])
    findings = result.findings
    is_dropped = (findings["kind"] == DUPLICATE_CONFLICT) & findings["row"].isin(rows)
    summary = {**result.summary, "num_findings": {**result.summary["num_findings"]}}
    summary["num_findings"][DUPLICATE_CONFLICT] = int((~is_dropped & (findings["kind"] == DUPLICATE_CONFLICT)).sum())
    remaining = conflicts[~is_kept]
    if isinstance(summary.get("duplicates"), dict):
        summary["duplicates"] = {**summary["duplicates"], "conflict_groups": int(remaining["group"].nunique())}
    return replace(result, findings=findings[~is_dropped], tables={**result.tables, "conflicts": remaining}, summary=summary)


def _describe(num_rows: int, num_judged: int, unmatched: Sequence[str], *, corrects: bool) -> str:
    """Return what the decisions changed, in one or two sentences."""
    text = f"Decisions of a person count for {counted(num_rows, 'sample')}"
    if corrects:
        text += f"; {counted(num_judged, 'judged label')} corrected the probabilities."
    else:
        text += f"; the probabilities are corrected by them after {LEAST_JUDGED} judged labels ({num_judged} so far)."
    if unmatched:
        shown = "; ".join(unmatched[:MOST_NAMED])
        more = f"; and {len(unmatched) - MOST_NAMED:,} more" if len(unmatched) > MOST_NAMED else ""
        text += f" {counted(len(unmatched), 'decision')} fit{'s' if len(unmatched) == 1 else ''} no sample: {shown}{more}."
    return text
