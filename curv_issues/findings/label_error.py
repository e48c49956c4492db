"""Suspected label errors: scores in, a judgement on every sample out. Never trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.config import FindingOptions
from curv_issues.findings.cutoff import CutOff, doubt, flag
from curv_issues.findings.looked_wrong import looked_wrong
from curv_issues.findings.ranking import Ranking, is_measured, rank_by_margins, rank_by_score
from curv_issues.recipe import standard_epochs

KIND = "label_error"


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """The judgement on n samples.

    Attributes:
        ranking: the suspicion of each sample, and what it was made from.
        flagged: bool (n,).
        cut_off: how the decision was made.
        memorised_share: of the labels that looked wrong in training, the share that the probe predicts in the end; None if no
            label looked wrong.
    """

    ranking: Ranking
    flagged: np.ndarray
    cut_off: CutOff
    memorised_share: float | None


def find_label_errors(
    scores: dict[str, np.ndarray],
    directions: dict[str, str],
    margins: np.ndarray,
    reference: Mapping[str, Sequence[float]],
    *,
    options: FindingOptions,
) -> LabelErrors:
    """Rank the samples and decide which to flag.

    Args:
        scores: raw scores by name, each (n,).
        directions: "high" or "low" by score name.
        margins: (n, e), margin of the given label in the training pass by epoch.
        reference: how labels drawn at random fare, by epoch; see `ReferenceMargin.yardstick`.
        options: what to rank by and where to cut.

    Raises:
        UsageError: the score asked for was not measured.
    """
    wrong = looked_wrong(margins, reference)
    if options.score == "default":
        ranking = rank_by_margins(margins, wrong.unmemorised_epochs)
    else:
        ranking = rank_by_score(scores, directions, options.score)
    flagged, cut_off = flag(ranking.suspicion, wrong, cut_off=options.cut_off)
    memorised = _memorised_share(scores, wrong.mask)
    if cut_off.rule == "auto":
        note = doubt(
            wrong,
            memorised_share=memorised,
            epochs_done=margins.shape[1],
            standard_epochs=standard_epochs(len(margins)),
        )
        cut_off = replace(cut_off, note=note)
    return LabelErrors(ranking, flagged, cut_off, memorised)


def describe_decision(errors: LabelErrors) -> dict[str, Any]:
    """What a summary says of how the samples were ranked and flagged."""
    ranking = {"score": errors.ranking.score, "epochs": errors.ranking.epochs, "memorised_share": errors.memorised_share}
    return {"ranking": ranking, "cut_off": asdict(errors.cut_off)}


def _memorised_share(scores: Mapping[str, np.ndarray], looked_wrong: np.ndarray) -> float | None:
    if not looked_wrong.any() or not is_measured(scores, "final_margin"):
        return None
    return float((scores["final_margin"][looked_wrong] > 0).mean())


def findings_table(scores: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """One row a flagged sample, most suspect first, from the scores table and the images table (same row order)."""
    flagged = scores["flagged"].to_numpy()
    columns = ["row", "split", "path", "given", "suggested", "suspicion"]
    findings = scores.loc[flagged, columns].assign(kind=KIND, image_sha256=images.loc[flagged, "image_sha256"])
    findings = findings.sort_values(["suspicion", "row"], ascending=[False, True], kind="stable", ignore_index=True)
    return findings[["row", "split", "path", "kind", "given", "suggested", "suspicion", "image_sha256"]]
