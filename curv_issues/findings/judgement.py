"""Judge the samples of a run: evidence in, findings of all kinds out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.duplicates.base import ComparedImages
from curv_issues.options import FindingOptions
from curv_issues.plugins import load_attribute
from curv_issues.results.arrow import text_column
from curv_issues.results.kinds import KINDS
from curv_issues.results.tables import FINDINGS


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What is known about n samples of k classes. A kind is judged only if its evidence is present.

    Attributes:
        samples: one row per sample: `row`, `split`, `path`, `given`.
        image_sha256: object (n,), hash of each image's decoded pixels.
        class_names: the k names.
        labels: int64 (n,), the given classes.
        suggested: int64 (n,), the most probable class other than the given one.
        scores: raw scores by name, float64 (n,) each.
        directions: "high" or "low" by score: the end at which a sample is suspect.
        margins: float (n, e), margin of the given label in the training pass by epoch, NaN where not measured, but not in all
            epochs; None: there was no training.
        reference_margin: null distribution of the margin (random labels) by epoch; see `ReferenceMargin`.
        standard_epochs: default number of epochs for this dataset size; 0: unknown, as the training is the user's own.
        on_features: whether the probe was trained on features.
        pred_probs: float (n, k), probabilities of the classes.
        features: float (n, d), embeddings.
        compared: pairs of the samples' images; None: duplicates were not searched for.
        other_split: pairs of one sample and one image of another split; None: there is no other split.
        error_count: estimated number of wrong labels; None: it was not estimated.
        answers: float (n,), a person's answers: 1 for a wrong label, 0 for a right one, NaN without answer; None: there are none.
    """

    samples: pd.DataFrame
    image_sha256: np.ndarray
    class_names: Sequence[str]
    labels: np.ndarray
    suggested: np.ndarray | None = None
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    directions: Mapping[str, str] = field(default_factory=dict)
    margins: np.ndarray | None = None
    reference_margin: Mapping[str, Sequence[float]] = field(default_factory=dict)
    standard_epochs: float = 0.0
    on_features: bool = False
    pred_probs: np.ndarray | None = None
    features: np.ndarray | None = None
    compared: ComparedImages | None = None
    other_split: OtherSplit | None = None
    error_count: ErrorCount | None = None
    answers: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class OtherSplit:
    """Pairs of images, one from the n samples and one from the m samples of another split.

    Attributes:
        compared: `first` holds positions in the samples, `second` in the other split.
        samples: one row per sample of the other split: `row`, `split`, `path`, `given`.
        image_sha256: object (m,), hash of each image's decoded pixels.
        description: JSON values that identify the other split.
    """

    compared: ComparedImages
    samples: pd.DataFrame
    image_sha256: np.ndarray
    description: Mapping[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class KindJudgement:
    """The judgement on one kind.

    Attributes:
        positions: int64 (m,), samples with a finding, or None if the kind only fills its tables.
        suggested: int64 (m,), the suggested class of each of them.
        columns: columns of the scores table, (n,) each.
        metadata: direction, description, cost and source of each column that is a score.
        tables: tables of the kind, by name.
        summary: JSON values for the summary.
        notes: what the reader should know, one or two sentences each.
    """

    positions: np.ndarray | None = None
    suggested: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Judgement:
    """The judgements on all kinds for which there is evidence.

    Attributes:
        kinds: judgement by kind, in the order of `KINDS`.
    """

    kinds: Mapping[str, KindJudgement]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of the scores table."""
        return {name: values for kind in self.kinds.values() for name, values in kind.columns.items()}

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """Return the metadata of the columns that are scores."""
        return {name: dict(entries) for kind in self.kinds.values() for name, entries in kind.metadata.items()}

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return {name: table for kind in self.kinds.values() for name, table in kind.tables.items()}

    @property
    def summary(self) -> dict[str, Any]:
        """Return the JSON values for the summary."""
        return {name: value for kind in self.kinds.values() for name, value in kind.summary.items()}

    @property
    def notes(self) -> list[str]:
        """Return what the reader should know."""
        return [note for kind in self.kinds.values() for note in kind.notes]


def judge(evidence: Evidence, options: FindingOptions, *, kinds: Iterable[str] | None = None) -> Judgement:
    """Judge n samples.

    Args:
        evidence: what is known about them.
        options: score to rank by, and cut-off.
        kinds: names of the kinds to judge; None: all.

    Raises:
        UsageError: the score to rank by was not measured.
    """
    judged = {
        name: load_attribute(f"{KINDS[name].module}:judge")(evidence, options) for name in KINDS if kinds is None or name in kinds
    }
    return Judgement({name: kind for name, kind in judged.items() if kind is not None})


def findings_table(
    evidence: Evidence, judgement: Judgement, suspicion: np.ndarray, verdicts: Sequence[str | None] | np.ndarray
) -> pd.DataFrame:
    """Return one row per finding, kind by kind, with the suspicion (n,) and the verdict (n,) of its sample."""
    names = text_column(evidence.class_names).to_numpy(dtype=object)
    samples = evidence.samples.assign(
        suspicion=suspicion,
        p_wrong=evidence.scores.get("p_wrong", np.nan),
        verdict=text_column(verdicts),
        image_sha256=text_column(evidence.image_sha256),
    )
    parts = [
        samples.iloc[found.positions].assign(
            kind=text_column([kind] * len(found.positions)).to_numpy(), suggested=names[found.suggested]
        )
        for kind, found in judgement.kinds.items()
        if found.positions is not None
    ]
    return pd.concat(parts)[FINDINGS.names] if parts else samples.iloc[:0].assign(kind="", suggested="")[FINDINGS.names]
