"""Rank the samples by suspicion and flag likely label errors, from their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.confusions.random_errors import fraction_random
from curv_issues.findings.confusions import confusions_section, confusions_table
from curv_issues.findings.cutoff import (
    ESTIMATED,
    CutOff,
    flag,
    flag_without_training,
    is_learned,
    is_undertrained,
    reliability_note,
)
from curv_issues.findings.judgement import Evidence, KindJudgement
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.findings.prediction import are_predicted
from curv_issues.findings.ranking import Ranking, is_measured, rank_by_default, rank_by_score
from curv_issues.findings.section import Section
from curv_issues.options import FindingOptions
from curv_issues.trackers.gaps import fill_gaps

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

MANY_WRONG = 0.05  # of the labels
NO_PROBABILITIES = (
    "--precision (precision) needs the probabilities that labels are wrong (p_wrong), which were not estimated here (as in "
    "older versions, and with too many samples and classes); set --cut-off (cut_off) instead."
)


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """The judgement on n samples.

    Attributes:
        ranking: suspicion of each sample, and what it is based on.
        flagged: bool (n,).
        cut_off: how the samples to flag were chosen.
        memorised_fraction: fraction of the labels that looked wrong in training that the trained probe predicts; None if no
            label looked wrong, or the final margin was not measured.
        is_learned: False if the classes were not learned, so that no number of wrong labels can be estimated.
    """

    ranking: Ranking
    flagged: np.ndarray
    cut_off: CutOff
    memorised_fraction: float | None
    is_learned: bool = True


def judge(evidence: Evidence, options: FindingOptions) -> KindJudgement | None:
    """Rank the samples and flag labels that look wrong; None without training and scores. See `judgement.judge`."""
    if evidence.suggested is None or (evidence.margins is None and not evidence.scores):
        return None
    judged = find_label_issues(
        evidence.scores,
        evidence.directions,
        None if evidence.margins is None else fill_gaps(evidence.margins),
        evidence.reference_margin,
        options=options,
        standard_epochs=evidence.standard_epochs,
        on_features=evidence.on_features,
        predicted=not evidence.on_features or evidence.pred_probs is None or are_predicted(evidence.pred_probs, evidence.labels),
        answers=evidence.answers,
    )
    count, tables = evidence.error_count if judged.is_learned or evidence.answers is not None else None, {}
    if count is not None and is_measured(evidence.scores, "p_wrong"):
        tables = {"confusions": confusions_table(evidence, count)}
    positions = np.flatnonzero(judged.flagged)
    return KindJudgement(
        positions=positions,
        suggested=evidence.suggested[positions],
        columns={"suspicion": judged.ranking.suspicion, "flagged": judged.flagged},
        tables=tables,
        summary={**describe_decision(judged), "estimate": None if count is None else asdict(count)},
        notes=[note for note in (judged.cut_off.note, overlap_note(evidence, count)) if note],
    )


def overlap_note(evidence: Evidence, count: ErrorCount | None) -> str | None:
    """Return a note if many labels of features count as wrong, and most of these do not look drawn at random; else None."""
    if count is None or not evidence.on_features or count.basis != "held-out" or evidence.pred_probs is None:
        return None
    rate = count.num_errors / len(evidence.labels)
    random = fraction_random(evidence.pred_probs, evidence.labels)
    if rate < MANY_WRONG or random > rate / 2:
        return None
    return (
        f"{rate:.0%} of the labels count as wrong. Labels alone cannot tell whether classes are confused or overlap in these "
        "features, so the true number may be much lower. Look at some samples before you trust the flags: in Python, review_sample "
        "chooses them, and with_answers corrects estimate and flags."
    )


def section(result: AuditResult, limit: int, _: int | None) -> Section:
    """Return where labels go wrong; see `confusions_section`."""
    return confusions_section(result, limit)


def find_label_issues(
    scores: Mapping[str, np.ndarray],
    directions: Mapping[str, str],
    margins: np.ndarray | None,
    reference: Mapping[str, Sequence[float]],
    *,
    options: FindingOptions,
    standard_epochs: float,
    on_features: bool = False,
    predicted: bool = True,
    answers: np.ndarray | None = None,
) -> LabelIssues:
    """Rank the samples and decide which to flag.

    Args:
        scores: raw scores by name, each (n,).
        directions: "high" or "low" by score name.
        margins: (n, e), margin of the given label in the training pass by epoch; None: a trained network was scored, and the
            default is its margin.
        reference: null distribution of the margin (random labels) by epoch; see `ReferenceMargin.null_distribution`.
        options: score to rank by, and cut-off.
        standard_epochs: default number of epochs for this dataset size.
        on_features: whether the probe was trained on features.
        predicted: whether held-out labels are predicted; see `are_predicted`.
        answers: see `Evidence`.

    Raises:
        UsageError: the requested score was not measured.
    """
    if margins is None:
        ranking = rank_by_score(scores, directions, "final_margin" if options.score == "default" else options.score)
        return LabelIssues(ranking, *flag_without_training(ranking.suspicion, options.parsed_cut_off), None)
    comparison = compare_with_null(margins, reference)
    if options.score == "default":
        ranking = rank_by_default(margins, comparison.unmemorised_epochs, scores, on_features=on_features)
    else:
        ranking = rank_by_score(scores, directions, options.score)
    p_wrong = scores["p_wrong"] if is_measured(scores, "p_wrong") else None
    undertrained = is_undertrained(margins.shape[1], standard_epochs)
    flagged, cut_off = flag(
        ranking.suspicion,
        comparison,
        cut_off=options.parsed_cut_off,
        undertrained=undertrained,
        predicted=predicted,
        p_wrong=p_wrong,
        answers=answers,
    )
    memorised = _memorised_fraction(scores, comparison.below_null)
    if cut_off.rule in ESTIMATED:
        note = reliability_note(
            comparison,
            num_flagged=cut_off.num_flagged,
            memorised_fraction=memorised,
            epochs_done=margins.shape[1],
            standard_epochs=standard_epochs,
            predicted=predicted,
        )
        is_unknown = p_wrong is None and cut_off.rule == "precision"
        cut_off = replace(cut_off, note=NO_PROBABILITIES if is_unknown else cut_off.note or note)
    return LabelIssues(ranking, flagged, cut_off, memorised, is_learned(comparison, undertrained=undertrained, predicted=predicted))


def describe_decision(errors: LabelIssues) -> dict[str, Any]:
    """Return the summary's entries on how the samples were ranked and flagged."""
    ranking = {**asdict(errors.ranking), "memorised_fraction": errors.memorised_fraction}
    del ranking["suspicion"]
    return {"ranking": ranking, "cut_off": asdict(errors.cut_off)}


def _memorised_fraction(scores: Mapping[str, np.ndarray], below_null: np.ndarray) -> float | None:
    if not below_null.any() or not is_measured(scores, "final_margin"):
        return None
    return float((scores["final_margin"][below_null] > 0).mean())
