"""Judge the scores of a finished audit again, without training."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.duplicates.base import ComparedImages
from curv_issues.duplicates.table import compared_images
from curv_issues.errors import UsageError
from curv_issues.findings.judgement import Evidence, findings_table, judge
from curv_issues.findings.label_issue import NO_PROBABILITIES
from curv_issues.findings.verdicts import find_verdicts
from curv_issues.options import DuplicateOptions, FindingOptions
from curv_issues.plugins import look_up
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import DUPLICATE_CONFLICT, KINDS, LABEL_ISSUE, PLACE
from curv_issues.results.result import AuditResult
from curv_issues.training.recipe import standard_epochs


def rejudge(
    result: AuditResult,
    *,
    score: str = "default",
    cut_off: str | float = "auto",
    precision: float | None = None,
    duplicate_threshold: float | None = None,
) -> AuditResult:
    """Return a result with other findings: another score, cut-off, precision or duplicate threshold.

    Args:
        result: from an audit, or loaded.
        score: "default" or the name of one of its scores.
        cut_off: "auto", a minimum suspicion, or a fraction such as "5%".
        precision: flag as many samples as are expected to be wrong to this fraction, instead of `cut_off`.
        duplicate_threshold: minimum similarity at which two images count as duplicates, at least
            `result.summary["duplicates"]["pairs_kept_from"]` (0.5, or the threshold of the audit if lower); None: as in
            the result.

    Returns:
        A new result with new suspicion, flags and findings. It has no contact sheet, because a result contains no images.

    Raises:
        UsageError: an option is wrong, a threshold is given but the audit did not search for duplicates, or the result lacks
            entries that an audit records for this.
    """
    check_records(result)
    if precision is not None and "p_wrong" not in result.score_names:
        raise UsageError(NO_PROBABILITIES)
    options = FindingOptions(score=score, cut_off=cut_off, precision=precision, own_scores=result.score_names)
    compared = None if duplicate_threshold is None else _pairs_with_threshold(result, duplicate_threshold)
    return judge_again(result, options, compared)


def judge_again(result: AuditResult, options: FindingOptions, compared: ComparedImages | None = None) -> AuditResult:
    """Return a result with the findings of these options; duplicates are judged again only if `compared` is given."""
    evidence = _evidence(result, compared)
    judged = judge(evidence, options, kinds=[LABEL_ISSUE] if compared is None else [LABEL_ISSUE, DUPLICATE_CONFLICT])
    suspicion, flagged = judged.columns["suspicion"], judged.columns["flagged"]
    tables = {**result.tables, **judged.tables}
    verdicts = find_verdicts(evidence, flagged, tables["conflicts"])
    kept = result.findings[~result.findings["kind"].isin(judged.kinds)]
    position = pd.Series(np.arange(len(result)), index=result.scores["row"])
    places = position[kept["row"]].to_numpy()
    p_wrong = evidence.scores.get("p_wrong", np.full(len(result), np.nan))[places]
    kept = kept.assign(suspicion=suspicion[places], p_wrong=p_wrong, verdict=text_column(verdicts[places]).to_numpy())
    findings = pd.concat([findings_table(evidence, judged, suspicion, verdicts), kept])
    summary = copy.deepcopy(result.summary)
    before = (summary.get("cut_off") or {}).get("note")
    summary["notes"] = [note for note in summary.get("notes", []) if note != before] + judged.notes
    for name, entries in judged.summary.items():
        summary[name] = None if entries is None else {**(summary.get(name) or {}), **entries}
    summary["options"].update(asdict(options))
    if compared is not None:
        summary["options"]["duplicate_threshold"] = compared.threshold
    summary["num_findings"].update(findings["kind"].value_counts().reindex(list(judged.kinds), fill_value=0).to_dict())
    return replace(
        result,
        scores=result.scores.assign(suspicion=suspicion, flagged=flagged, verdict=text_column(verdicts)),
        findings=findings,
        summary=summary,
        tables=tables,
        contact_sheet=None,
    )


def only_kind(result: AuditResult, kind: str) -> AuditResult:
    """Return a result with the findings and tables of one kind only.

    Args:
        result: from an audit, or loaded.
        kind: a key of `KINDS`.

    Raises:
        UsageError: the kind is unknown.
    """
    look_up(KINDS, kind, "kind of finding")
    others = {table for name, info in KINDS.items() if name != kind for table in info.tables}
    flagged = result.scores["flagged"] & (kind == LABEL_ISSUE)
    return replace(
        result,
        scores=result.scores.assign(flagged=flagged),
        findings=result.findings[result.findings["kind"] == kind],
        tables={name: None if name in others else table for name, table in result.tables.items()},
    )


def _evidence(result: AuditResult, compared: ComparedImages | None) -> Evidence:
    """Return the evidence that a result contains, with `compared` if duplicates are judged again."""
    codes = {name: code for code, name in enumerate(result.class_names)}
    recipe = result.summary.get("recipe", {})
    return Evidence(
        samples=result.scores[[*PLACE, "given"]],
        image_sha256=result.images["image_sha256"].to_numpy(dtype=object),
        class_names=result.class_names,
        labels=result.labels,
        suggested=result.scores["suggested"].map(codes).to_numpy(dtype=np.int64),
        scores={name: result.scores[name].to_numpy() for name in result.score_names},
        directions={name: metadata["direction"] for name, metadata in result.score_metadata.items()},
        margins=result.trajectories.get("margin"),
        reference_margin=result.summary["reference_margin"],
        standard_epochs=0.0 if recipe is None else standard_epochs(len(result), fine_tune=recipe.get("fine_tune", False)),
        on_features=result.summary.get("input") == "features",
        pred_probs=result.pred_probs,
        features=result.embeddings,
        compared=compared,
        error_count=_error_count(result),
        answers=_answers(result),
    )


def _answers(result: AuditResult) -> np.ndarray | None:
    """Return a person's answers, float64 (n,): 1 for a wrong label, 0 for a right one, NaN without answer; None: there are none."""
    if result.answers is None:
        return None
    return result.answers.set_index("row")["is_wrong"].reindex(result.scores["row"]).to_numpy(dtype=np.float64)


def _error_count(result: AuditResult) -> ErrorCount | None:
    """Return the estimated number of wrong labels that the summary records; None if there is none, as in older versions."""
    entries = result.summary.get("estimate")
    return None if entries is None else ErrorCount(**{name: entries[name] for name in ErrorCount.__dataclass_fields__})


def check_records(result: AuditResult) -> None:
    """Raise UsageError if the result lacks the margins, reference margins or summary entries that are needed."""
    if not isinstance(result, AuditResult):
        raise UsageError(f"Expected an AuditResult, as audit(...) returns it, but got {type(result).__name__}.")
    margins, summary = result.trajectories.get("margin"), result.summary
    reference = summary.get("reference_margin")
    is_untrained = summary.get("epochs_done") == 0 and "final_margin" in result.score_names  # a trained network was scored
    if not is_untrained and (
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
    """Return whether this is a list of values of these types; `length` None: of any length."""
    if not isinstance(values, list) or length not in (None, len(values)):
        return False
    return all(isinstance(value, types) for value in values)


def _pairs_with_threshold(result: AuditResult, threshold: float) -> ComparedImages:
    """Return the pairs that an audit has kept, compared with another threshold."""
    given = DuplicateOptions(duplicate_threshold=threshold).duplicate_threshold
    assert given is not None
    before = result.summary.get("duplicates")
    if before is None:
        raise UsageError("This result was made without a search for duplicates; audit again with duplicates=True.")
    if not isinstance(before.get("pairs_kept_from"), int | float):
        raise UsageError("The summary of this result lacks `pairs_kept_from` of its duplicates; run the audit again.")
    if given < before["pairs_kept_from"]:
        raise UsageError(
            f"duplicate_threshold must be at least {before['pairs_kept_from']:g} here, as less similar pairs were not kept, got "
            f"{threshold!r}; for a lower one audit again with it."
        )
    return compared_images(result.pairs, result.scores["row"].to_numpy(), given)


find_again = rejudge  # deprecated name; to be removed in the next release
