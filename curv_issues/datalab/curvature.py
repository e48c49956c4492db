"""The issue type `curvature`: labels that look wrong."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from curv_issues.auditing.rejudge import rejudge
from curv_issues.datalab.base import RunIssueManager
from curv_issues.options import FindingOptions
from curv_issues.results.result import AuditResult


def _columns(name: str) -> tuple[str, ...]:
    """Return the issue columns of the type with this name."""
    return f"is_{name}_issue", *(f"{name}_{part}" for part in ("score", "given_class", "suggested_class", "p_wrong", "verdict"))


class CurvatureIssueManager(RunIssueManager):
    """Labels that look wrong to a probe trained on the images of a Datalab.

    Issue columns: `is_curvature_issue` (bool), `curvature_score` (1 - suspicion, in [0, 1], low = suspect) and the
    evidence, `curvature_given_class` and `curvature_suggested_class` (classes as the Datalab shows them), `curvature_p_wrong`
    (probability that the label is wrong, NaN if not estimated) and `curvature_verdict` (see `findings.verdicts`; "" if not
    suspect). Summary score: 1 - flagged / n.
    """

    description: ClassVar[str] = """Examples whose label looks wrong to a small network trained on these examples:
    it learned them late or never. They are mislabeled, ambiguous or rare; look at them before you correct them.

    The score is one minus the suspicion, a ranking and not a probability. It comes from a single training run
    (by default, from the margin of every example), so neither `pred_probs` nor `features` are needed.
    """
    issue_name: ClassVar[str] = "curvature"
    verbosity_levels: ClassVar[dict[int, list[str]]] = {
        0: [],
        1: [],
        2: ["cut_off", "flagged_pairs", "estimate", "confusions"],
        3: ["recipe", "notes"],
    }
    own_options = FindingOptions
    columns = _columns("curvature")

    def collect_info(self, result: AuditResult) -> dict[str, Any]:
        """Return what `lab.get_info` shows: counts, the cut-off, raw scores, and how the run was done."""
        is_issue, _, given, suggested, *_ = self.columns
        pairs = self.issues[self.issues[is_issue]].groupby([given, suggested], sort=False).size()
        return {
            **super().collect_info(result),
            "cut_off": result.summary.get("cut_off"),
            "estimate": result.summary.get("estimate") or "none",
            "confusions": result.confusions.copy(),
            "flagged_pairs": pairs.sort_values(ascending=False, kind="stable").rename("num_flagged").reset_index(),
            "raw_scores": result.scores[list(result.score_names)].copy(),
            "score_metadata": {name: dict(result.score_metadata[name]) for name in result.score_names},
        }

    def _check_own(self) -> str:
        return FindingOptions(**self._own).score

    def _judge(self, result: AuditResult) -> AuditResult:
        if self._run.given is not None and not self._own:
            return result  # keep its own judgement
        finding = FindingOptions(**self._own)
        return rejudge(result, score=finding.score, cut_off=finding.cut_off, precision=finding.precision)

    def _make_columns(self, result: AuditResult) -> tuple[Any, ...]:
        code_of = {name: code for code, name in enumerate(self._samples.class_names)}
        suggested = [code_of[name] for name in result.scores["suggested"]]
        classes, given = self._samples.classes, self._samples.labels
        score = 1 - result.scores["suspicion"].to_numpy()  # in [0, 1], no NaN: checked when a result is made or given
        p_wrong = result.scores.get("p_wrong", pd.Series(np.nan, index=result.scores.index)).to_numpy()
        verdict = result.scores["verdict"].astype(object).fillna("").to_numpy()
        return result.scores["flagged"].to_numpy(), score, classes[given], classes[suggested], p_wrong, verdict


class TrainingDynamicsIssueManager(CurvatureIssueManager):
    """The issue type `curvature` under a more accurate name: by default, the findings are not ranked by curvature.

    Its columns contain its own name, as Datalab requires. Both types share one training if requested in one call.
    """

    issue_name: ClassVar[str] = "training_dynamics"
    columns = _columns("training_dynamics")
