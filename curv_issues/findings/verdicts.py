"""What a suspect sample probably is: mislabeled, ambiguous, rare, an outlier, or in conflict with a duplicate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curv_issues.findings.cutoff import RIGHT, WRONG
from curv_issues.findings.judgement import Evidence
from curv_issues.findings.ranking import is_measured

LEAST_SUSPECT = 0.1  # p_wrong; benchmarks/README.md explains how these were chosen
MOST_ISOLATED = 2.0  # interquartile ranges
SMALL_CLASS = 10  # samples
LEAST_RATIO = 0.02  # of the probabilities of the given and the suggested class, in both directions
LEAST_FIT = 0.4  # probability of the suggested class


def find_verdicts(evidence: Evidence, flagged: np.ndarray, conflicts: pd.DataFrame | None) -> np.ndarray:
    """Return a verdict on each suspect sample, and None for all others, object (n,).

    conflict: a duplicate has another label, which is better supported. outlier: unlike all other samples, for example a broken or
    foreign image. rare: no class fits it well, or its class is too small to be learned, so that the label may be right. ambiguous:
    the given and the suggested class both fit. mislabeled: the suggested class fits, the given one does not. A suspect label
    gets no verdict if its class fits and no other does, as with a cut-off that flags many, unless a person found it wrong
    (mislabeled).

    Suspect are labels that are flagged, are wrong with a probability of at least 0.1, or are suspect in a conflict of duplicates.
    The evidence is in the scores `isolation`, `given_probability` and `suggested_probability`; without the last two (for example
    with `epochs=0`), only conflicts and outliers are found.

    Args:
        evidence: what is known about n samples.
        flagged: bool (n,).
        conflicts: table of duplicates with different labels; None: they were not searched for.
    """
    scores, n = evidence.scores, len(evidence.labels)
    found = np.full(n, None, dtype=object)
    suspect = flagged.copy()
    if is_measured(scores, "p_wrong"):
        suspect |= scores["p_wrong"] >= LEAST_SUSPECT
    if evidence.answers is not None:
        suspect |= evidence.answers == WRONG
    if is_measured(scores, "given_probability"):
        given, suggested = scores["given_probability"], scores["suggested_probability"]
        found[suspect] = np.where(suggested >= LEAST_FIT, "mislabeled", "rare")[suspect]
        found[suspect & (given >= LEAST_RATIO * suggested)] = "ambiguous"
        found[suspect & (suggested < LEAST_RATIO * given)] = None
        if evidence.answers is not None:
            found[(evidence.answers == WRONG) & (suggested < LEAST_RATIO * given)] = "mislabeled"
        found[suspect & (np.bincount(evidence.labels)[evidence.labels] < SMALL_CLASS)] = "rare"
    if is_measured(scores, "isolation"):
        found[suspect & (scores["isolation"] > MOST_ISOLATED)] = "outlier"
    if conflicts is not None:
        found[evidence.samples["row"].isin(conflicts["row"][conflicts["suspect"]]).to_numpy()] = "conflict"
    if evidence.answers is not None:
        found[evidence.answers == RIGHT] = None
    return found
