"""Where labels go wrong: the estimated number of wrong labels of each class and pair of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curv_issues.confusions.error_count import DEVIATIONS, ErrorCount
from curv_issues.confusions.posterior import with_mean
from curv_issues.findings.judgement import Evidence
from curv_issues.findings.section import Section
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import KINDS, LABEL_ISSUE

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

LEAST_ERRORS = 0.5  # of a pair in the table
LEAST_SHOWN, MOST_SHOWN = 1.5, 5  # errors of a pair, and pairs, in texts for people


def confusions_table(evidence: Evidence, count: ErrorCount) -> pd.DataFrame:
    """Return one row per class with samples, then one per given and suggested class, those with the most wrong labels first.

    Pairs with fewer than 0.5 wrong labels are left out.

    A label counts for its suggested class by its `p_wrong`, after a shift of all log-odds that brings their sum to the estimated
    number of wrong labels. The intervals join that of the number of all wrong labels with the chance that each label is wrong. No
    pair has more wrong labels than samples with that suggestion.

    Args:
        evidence: of n samples, with suggestions and the score `p_wrong`.
        count: of all wrong labels.
    """
    names, labels = text_column(evidence.class_names).to_numpy(dtype=object), evidence.labels
    assert evidence.suggested is not None
    p_wrong = with_mean(evidence.scores["p_wrong"], float(np.clip(count.num_errors / len(labels), 1e-9, 1 - 1e-9)))
    frame = pd.DataFrame(
        {"given": labels, "suggested": evidence.suggested, "num_errors": p_wrong, "variance": p_wrong * (1 - p_wrong), "most": 1}
    )
    pairs = frame.groupby(["given", "suggested"], as_index=False).sum()
    pairs = pairs[pairs["num_errors"] >= LEAST_ERRORS]
    classes = frame.groupby("given", as_index=False)[["num_errors", "variance", "most"]].sum().assign(suggested=-1)
    found = pd.concat([part.sort_values("num_errors", ascending=False, kind="stable") for part in (classes, pairs)])
    relative = (count.high - count.low) / (2 * DEVIATIONS) / max(count.num_errors, 1e-9)
    spread = DEVIATIONS * np.sqrt(found["variance"] + (relative * found["num_errors"]) ** 2)
    sizes = np.bincount(labels, minlength=len(names))[found["given"]]
    found = found.assign(
        low=np.maximum(found["num_errors"] - spread, 0),
        high=np.minimum(found["num_errors"] + spread, found["most"]),
        num_given=sizes,
        suggested=[None if code < 0 else names[code] for code in found["suggested"]],
        given=names[found["given"]],
    )
    return found[KINDS[LABEL_ISSUE].tables["confusions"].names].reset_index(drop=True)


def confusions_section(result: AuditResult, limit: int) -> Section:
    """Return the pairs of classes with the most wrong labels, and the estimated number of all wrong labels."""
    pairs = result.confusions[result.confusions["suggested"].notna() & (result.confusions["num_errors"] >= LEAST_SHOWN)]
    shown = pairs.head(min(limit, MOST_SHOWN))
    errors = [f"about {count:,.0f} of {size:,}" for count, size in zip(shown["num_errors"], shown["num_given"], strict=True)]
    rows = shown[["given", "suggested"]].assign(errors=errors).reset_index(drop=True).astype(object)
    estimate = result.summary.get("estimate") if len(result.confusions) else None  # not with another kind of finding only
    return Section("Where labels go wrong:", rows, describe_count(estimate, len(result)))


def describe_count(estimate: Mapping[str, Any] | None, n: int) -> str | None:
    """Return a sentence on the estimated number of wrong labels among n, without its full stop; None if it was not estimated."""
    if estimate is None:
        return None
    if estimate["low"] < LEAST_ERRORS:
        return f"Between 0 and {estimate['high']:,.0f} of {n:,} labels are wrong, perhaps {estimate['num_errors']:,.0f}"
    about = f"About {estimate['num_errors']:,.0f} of {n:,} labels are wrong"
    interval = f"{estimate['low']:,.0f} to {estimate['high']:,.0f}"
    if estimate["basis"] == "answers":
        return f"{about} (95% interval: {interval})"
    return f"{about} ({interval}), or more if errors are more frequent on unclear samples"
